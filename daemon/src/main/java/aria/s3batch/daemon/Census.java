package aria.s3batch.daemon;

import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * All batches that have not ended at one moment, and what became of those before: for metrics.
 *
 * @param lockLease how long others wait for a sign of life of an open batch
 * @param bytesPerSecond that the last applies put; empty before the first
 * @param ended what was counted since the process started
 */
public record Census(
        List<Counted> batches,
        Duration lockLease,
        Optional<Double> bytesPerSecond,
        Tallies.Sums ended) {

    /**
     * A batch that has not ended.
     *
     * @param state as users see it
     * @param age since its begin, by the clock of this host
     * @param silence since the last sign of life that its locks gave; empty without locks, or before the first
     */
    public record Counted(
            String state,
            long pages,
            Duration age,
            long objectsDone,
            long objectsTotal,
            long bytesPut,
            boolean isReplayed,
            Optional<Duration> silence) {}
}
