package aria.s3batch.bench;

import java.util.List;
import java.util.function.ToDoubleFunction;

/**
 * One measurement.
 *
 * @param seconds wall clock
 * @param cpuSeconds of the processes that did the work; 0 where nobody asked
 * @param bytes to and from S3; 0 where nobody asked
 */
record Sample(double seconds, double cpuSeconds, double bytes) {
    static Sample ofSeconds(double seconds) {
        return new Sample(seconds, 0, 0);
    }

    interface Work {
        void run() throws Exception;
    }

    static double seconds(Work work) throws Exception {
        long begun = System.nanoTime();
        work.run();
        return (System.nanoTime() - begun) / 1e9;
    }

    static Sample timed(Work work) throws Exception {
        return ofSeconds(seconds(work));
    }

    Sample plus(Sample other) {
        return new Sample(
                seconds + other.seconds, cpuSeconds + other.cpuSeconds, bytes + other.bytes);
    }

    static List<Double> series(List<Sample> samples, ToDoubleFunction<Sample> measure) {
        return samples.stream().map(measure::applyAsDouble).toList();
    }
}
