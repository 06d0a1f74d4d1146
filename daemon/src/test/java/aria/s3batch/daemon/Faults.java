package aria.s3batch.daemon;

import aria.s3batch.s3block.Condition;
import aria.s3batch.s3block.FaultyObjectStore.Failure;
import aria.s3batch.s3block.FaultyObjectStore.Operation;
import aria.s3batch.s3block.FaultyObjectStore.Request;

import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;

/**
 * Which fault strikes where, by the seed, and how many did. How likely each kind is, is drawn once a run:
 * some runs see no fault of a kind, others are full of it.
 */
final class Faults {
    enum Kind {
        KILL_BEFORE_A_CALL,
        KILL_AFTER_A_WRITE,
        POWER_LOSS,
        UNSYNCED_KEPT,
        UNSYNCED_LOST,
        UNSYNCED_TORN,
        DISK_EIO,
        DISK_ENOSPC,
        DISK_SHORT_WRITE,
        DISK_SYNC_FAILED,
        JOURNAL_READ_FAILED,
        JOURNAL_WRITE_FAILED,
        JOURNAL_WRITE_UNCLEAR,
        STORE_500,
        STORE_503,
        STORE_403,
        STORE_409,
        STORE_412,
        STORE_412_THOUGH_DONE,
        STORE_RESET_BEFORE,
        STORE_RESET_AFTER,
        PUT_LATER,
        DELETE_LATER,
        LANDED_AFTER_RESTART,
        BODY_TRUNCATED,
        BODY_DAMAGED,
        FOREIGN_BLOCK,
        FOREIGN_HEADER,
        FOREIGN_DEFINITION,
        LOCK_BROKEN,
        OVERTAKEN
    }

    private static final List<Failure> OF_READS =
            List.of(
                    Failure.SERVER_ERROR,
                    Failure.SLOW_DOWN_503,
                    Failure.UNREACHABLE_BEFORE,
                    Failure.BODY_TRUNCATED,
                    Failure.BODY_DAMAGED);
    private static final List<Failure> OF_WRITES =
            List.of(
                    Failure.SERVER_ERROR,
                    Failure.SLOW_DOWN_503,
                    Failure.UNREACHABLE_BEFORE,
                    Failure.ANSWER_LOST,
                    Failure.ANSWER_LOST,
                    Failure.CONFLICT_409,
                    Failure.CONDITION_FAILED_412,
                    Failure.DONE_BUT_412,
                    Failure.DONE_LATER,
                    Failure.DONE_LATER);

    private final SplittableRandom random;
    private final Map<Kind, Integer> struck = new EnumMap<>(Kind.class);
    private final double store;
    private final double definitions;
    private final double refusal;
    private final double disk;
    private final double journal;
    private final double kill;
    private final double foreign;
    private final double overtaking;
    private boolean calm;

    Faults(SplittableRandom random) {
        this.random = random;
        this.store = drawn(0, 0.01, 0.05, 0.15);
        this.definitions = drawn(0, 0, 0.1, 0.3);
        this.refusal = drawn(0, 0, 0, 0.01);
        this.disk = drawn(0, 0, 0.001, 0.01);
        this.journal = drawn(0, 0, 0.01, 0.03);
        this.kill = drawn(0, 0, 0.002, 0.01);
        this.foreign = drawn(0, 0, 0.01, 0.03);
        this.overtaking = drawn(0, 0.02, 0.1, 0.3);
    }

    private double drawn(double... rates) {
        return rates[random.nextInt(rates.length)];
    }

    /** From here on nothing fails by itself. */
    void calm() {
        calm = true;
    }

    boolean isCalm() {
        return calm;
    }

    void struck(Kind kind) {
        struck.merge(kind, 1, Integer::sum);
    }

    void struck(Kind kind, long times) {
        struck.merge(kind, (int) times, Integer::sum);
    }

    Map<Kind, Integer> struck() {
        return struck;
    }

    private boolean strikes(double rate) {
        return !calm && rate > 0 && random.nextDouble() < rate;
    }

    boolean kills() {
        return strikes(kill);
    }

    boolean foreignWrites() {
        return strikes(foreign);
    }

    /** Whether another worker, or the conductor, gets on before this request. */
    boolean overtakes() {
        return overtaking > 0 && random.nextDouble() < overtaking;
    }

    boolean losesPower() {
        return random.nextInt(3) == 0;
    }

    /** How the disk fails a call: 0 not at all. */
    enum OfDisk {
        NOT,
        EIO,
        ENOSPC
    }

    OfDisk ofDisk() {
        if (!strikes(disk)) {
            return OfDisk.NOT;
        }
        return random.nextBoolean() ? OfDisk.EIO : OfDisk.ENOSPC;
    }

    /** How many bytes of a failed write are there. */
    int written(int bytes) {
        return random.nextInt(bytes);
    }

    boolean failsJournal() {
        return strikes(journal);
    }

    /** Whether a write of the journal that fails was done. */
    boolean unclear() {
        return random.nextBoolean();
    }

    Optional<Failure> ofStore(Request request, Condition condition) {
        boolean write =
                request.operation() == Operation.PUT || request.operation() == Operation.DELETE;
        if (strikes(refusal)) {
            struck(Kind.STORE_403);
            return Optional.of(Failure.REFUSED);
        }
        if (write && request.key().matches("[^_].*/(frm|aria)") && strikes(definitions)) {
            return Optional.of(doneLater(request));
        }
        if (!strikes(write ? 3 * store : store)) { // there are fewer writes
            return Optional.empty();
        }
        return Optional.of(ofStore(request, condition, write));
    }

    private Failure doneLater(Request request) {
        struck(request.operation() == Operation.PUT ? Kind.PUT_LATER : Kind.DELETE_LATER);
        return Failure.DONE_LATER;
    }

    private Failure ofStore(Request request, Condition condition, boolean write) {
        List<Failure> of = write ? OF_WRITES : OF_READS;
        Failure failure = of.get(random.nextInt(of.size()));
        boolean body = failure == Failure.BODY_TRUNCATED || failure == Failure.BODY_DAMAGED;
        boolean headerOrDefinition = !request.key().matches(".*/[0-9]{6,}");
        boolean condition412 =
                failure == Failure.CONDITION_FAILED_412 || failure == Failure.DONE_BUT_412;
        if (body && request.operation() != Operation.GET
                || failure == Failure.BODY_DAMAGED && headerOrDefinition
                || condition412 && condition instanceof Condition.Always) {
            failure = Failure.SERVER_ERROR;
        }
        if (failure == Failure.DONE_LATER) {
            return doneLater(request);
        }
        struck(
                switch (failure) {
                    case SERVER_ERROR -> Kind.STORE_500;
                    case SLOW_DOWN_503 -> Kind.STORE_503;
                    case UNREACHABLE_BEFORE -> Kind.STORE_RESET_BEFORE;
                    case ANSWER_LOST -> Kind.STORE_RESET_AFTER;
                    case CONFLICT_409 -> Kind.STORE_409;
                    case CONDITION_FAILED_412 -> Kind.STORE_412;
                    case DONE_BUT_412 -> Kind.STORE_412_THOUGH_DONE;
                    case BODY_TRUNCATED -> Kind.BODY_TRUNCATED;
                    case BODY_DAMAGED -> Kind.BODY_DAMAGED;
                    default -> throw new AssertionError(failure);
                });
        return failure;
    }
}
