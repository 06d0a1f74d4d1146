package aria.s3batch.daemon;

import java.util.Optional;

/** How fast applies went so far, for the plan's estimate. Belongs to the conductor's thread. */
final class ApplyRate {
    /** Later applies count more: the store's speed of last week says little about tonight. */
    private static final double WEIGHT_OF_LATEST = 0.3;

    private double bytesPerSecond;

    void measured(long bytes, long nanos) {
        if (bytes == 0 || nanos == 0) {
            return;
        }
        double latest = bytes * 1e9 / nanos;
        bytesPerSecond =
                bytesPerSecond == 0
                        ? latest
                        : bytesPerSecond * (1 - WEIGHT_OF_LATEST) + latest * WEIGHT_OF_LATEST;
    }

    Optional<Double> bytesPerSecond() {
        return bytesPerSecond == 0 ? Optional.empty() : Optional.of(bytesPerSecond);
    }
}
