package aria.s3batch.ops.powerloss;

import aria.s3batch.ops.powerloss.ForgetfulDisk.Side;

import java.util.random.RandomGenerator;

/** When the power is cut, counted from the launch of the daemon. */
sealed interface CutPoint {
    /** Syncs from the launch of a daemon until the batches of its day are forgotten, about. */
    int SYNCS_OF_A_DAY = 40;

    /** Calls likewise. */
    int CALLS_OF_A_DAY = 160;

    /** Syncs until the batches of the day before are forgotten, about. */
    int SYNCS_OF_A_REPLAY = 15;

    /** Calls likewise. */
    int CALLS_OF_A_REPLAY = 60;

    int MILLIS_OF_AN_APPLY = 300;

    /** At the n-th sync of a file or directory. */
    record AtSync(Side side, int n) implements CutPoint {}

    /** At the n-th call that changes or syncs something. */
    record AtCall(Side side, int n) implements CutPoint {}

    /** When all commits of the day are answered, and then some. */
    record AfterAnswers(int millis) implements CutPoint {}

    /** Has no factor in common with the number of syncs and sides, which it spreads. */
    int STRIDE = 27;

    /**
     * Draws one; if the day does not come so far, it ends when all is applied.
     *
     * @param sweep of numbers in a row, each gives another sync or another side of it
     */
    static CutPoint draw(long sweep, RandomGenerator chance) {
        Side side = chance.nextBoolean() ? Side.BEFORE : Side.AFTER;
        return switch (chance.nextInt(8)) {
            case 0 -> new AfterAnswers(chance.nextInt(MILLIS_OF_AN_APPLY));
            case 1 -> new AtCall(side, 1 + chance.nextInt(CALLS_OF_A_REPLAY));
            case 2 -> new AtSync(side, 1 + chance.nextInt(SYNCS_OF_A_REPLAY));
            case 3 -> new AtCall(side, 1 + chance.nextInt(CALLS_OF_A_DAY));
            default -> {
                int at = (int) (sweep * STRIDE % (2 * SYNCS_OF_A_DAY));
                yield new AtSync(at % 2 == 0 ? Side.BEFORE : Side.AFTER, 1 + at / 2);
            }
        };
    }
}
