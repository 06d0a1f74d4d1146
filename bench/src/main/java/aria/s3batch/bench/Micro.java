package aria.s3batch.bench;

import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;

import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** What JMH finds out, of all classes named {@code ...Bench}. */
final class Micro {
    static final String NAME = "micro";

    private Micro() {}

    /**
     * @param subject class, method and parameters
     * @param nanos an operation
     * @param error of {@code nanos}, 99.9 %; not a number where it was measured too seldom
     */
    record Cost(String subject, double nanos, double error) {}

    static List<Cost> run(boolean quick, Path log) throws RunnerException {
        TimeValue time = TimeValue.milliseconds(quick ? 150 : 1000);
        Collection<RunResult> results =
                new Runner(
                                new OptionsBuilder()
                                        .include("aria\\.s3batch\\..*Bench\\..*")
                                        .mode(Mode.AverageTime)
                                        .timeUnit(TimeUnit.NANOSECONDS)
                                        .forks(quick ? 1 : 2)
                                        .warmupIterations(quick ? 1 : 3)
                                        .warmupTime(time)
                                        .measurementIterations(quick ? 2 : 5)
                                        .measurementTime(time)
                                        .shouldFailOnError(true)
                                        .output(log.toString())
                                        .build())
                        .run();
        return results.stream().map(Micro::cost).toList();
    }

    private static Cost cost(RunResult result) {
        String name = result.getParams().getBenchmark();
        String method = name.substring(name.lastIndexOf('.') + 1);
        String type = name.substring(0, name.lastIndexOf('.'));
        String subject = type.substring(type.lastIndexOf('.') + 1).replace("Bench", "");
        var parameters = new StringBuilder();
        for (String key : result.getParams().getParamsKeys()) {
            parameters.append(", %s %s".formatted(result.getParams().getParam(key), key));
        }
        return new Cost(
                subject + "." + method + parameters,
                result.getPrimaryResult().getScore(),
                result.getPrimaryResult().getScoreError());
    }
}
