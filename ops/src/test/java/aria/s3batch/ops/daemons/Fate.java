package aria.s3batch.ops.daemons;

import java.time.Duration;
import java.util.Random;

/**
 * What befalls a daemon while its client works on a batch.
 *
 * @param when after the begin is answered, perhaps in the next batch; negative: when the batch is staged, before its commit
 * @param length of a pause
 */
record Fate(Kind kind, Duration when, Duration length) {
    enum Kind {
        NOTHING,
        /** SIGKILL. */
        KILL,
        /** SIGSTOP and SIGCONT, within the lease. */
        NAP,
        /** The same, longer than the lease. */
        SLEEP
    }

    static final Fate NONE = new Fate(Kind.NOTHING, Duration.ZERO, Duration.ZERO);

    private static final double KILLS = 0.05;
    private static final double NAPS = 0.05;
    private static final double SLEEPS = 0.06;
    private static final int WHEN_MILLIS_MAX = 500;

    static Fate draw(Random random, Duration lease) {
        double drawn = random.nextDouble();
        Kind kind =
                drawn < KILLS
                        ? Kind.KILL
                        : drawn < KILLS + NAPS
                                ? Kind.NAP
                                : drawn < KILLS + NAPS + SLEEPS ? Kind.SLEEP : Kind.NOTHING;
        boolean staged = random.nextInt(kind == Kind.SLEEP ? 2 : 4) == 0;
        int when = staged ? -1 : random.nextInt(WHEN_MILLIS_MAX);
        double leases =
                kind == Kind.SLEEP ? 1.5 + 3 * random.nextDouble() : 0.6 * random.nextDouble();
        return new Fate(
                kind,
                Duration.ofMillis(when),
                Duration.ofMillis((long) (leases * lease.toMillis())));
    }

    boolean isWhenStaged() {
        return when.isNegative();
    }
}
