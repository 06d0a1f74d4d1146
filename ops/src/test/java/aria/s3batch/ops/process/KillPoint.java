package aria.s3batch.ops.process;

import aria.s3batch.ops.process.FaultProxy.Side;

import org.jspecify.annotations.Nullable;

import java.util.List;
import java.util.regex.Pattern;

/**
 * Where a daemon is killed: at a request that it sends, before that reaches the store or after it took
 * effect, or in a step of its own.
 */
enum KillPoint {
    START_SENDS_ITS_FIRST_REQUEST(Phase.START, Side.BEFORE, "PUT _aria_s3_batch/probe/.*"),
    START_HAS_WRITTEN_ITS_PROBE(Phase.START, Side.AFTER, "PUT _aria_s3_batch/probe/.*"),
    START_REMOVES_ITS_PROBE(Phase.START, Side.BEFORE, "DELETE _aria_s3_batch/probe/.*"),
    REPLAY_LOOKS_AT_FRM(Phase.REPLAY, Side.BEFORE, "HEAD .*/frm"),

    BEGIN_READS_ARIA(Phase.BEGIN, Side.BEFORE, "GET .*/aria"),
    BEGIN_HAS_READ_FRM(Phase.BEGIN, Side.AFTER, "GET .*/frm"),
    /** A part of a page is staged. */
    STAGE_READS_THE_BASE(Phase.STAGE, Side.BEFORE, "GET .*/(data|index)/[0-9]+"),
    STAGE_HAS_TAKEN_SOME_PAGES(Phase.STAGE),

    /** Up to 40 ms later: checks, fdatasync, journal. */
    COMMIT_IS_UNDER_WAY(Phase.COMMIT, 40),
    COMMIT_LOOKS_AT_OBJECTS(Phase.COMMIT, Side.BEFORE, "HEAD .*"),
    /** Up to 25 ms after the last HEAD or one of the last: fdatasync, journal. */
    COMMIT_HAS_LOOKED_AT_OBJECTS(Phase.COMMIT, Side.AFTER, "HEAD .*", 25),
    COMMIT_IS_ANSWERED(Phase.COMMIT),

    FENCE_COPY_BEFORE(Phase.APPLY, Side.BEFORE, "PUT _aria_s3_batch/fence/.*"),
    FENCE_COPY_AFTER(Phase.APPLY, Side.AFTER, "PUT _aria_s3_batch/fence/.*"),
    FRM_DELETE_BEFORE(Phase.APPLY, Side.BEFORE, "DELETE (?!_).*/frm"),
    FRM_DELETE_AFTER(Phase.APPLY, Side.AFTER, "DELETE (?!_).*/frm"),
    ARIA_DELETE_BEFORE(Phase.APPLY, Side.BEFORE, "DELETE (?!_).*/aria"),
    ARIA_DELETE_AFTER(Phase.APPLY, Side.AFTER, "DELETE (?!_).*/aria"),
    /** While statements that run are waited for, up to and beyond the note that the fence is up. */
    FENCE_WAIT(Phase.APPLY, Side.AFTER, "DELETE (?!_).*/aria", 80),
    BASE_READ_BEFORE(Phase.APPLY, Side.BEFORE, "GET .*/(data|index)/[0-9]+"),
    DATA_BLOCK_BEFORE(Phase.APPLY, Side.BEFORE, "PUT .*/data/[0-9]+"),
    DATA_BLOCK_AFTER(Phase.APPLY, Side.AFTER, "PUT .*/data/[0-9]+"),
    INDEX_BLOCK_BEFORE(Phase.APPLY, Side.BEFORE, "PUT .*/index/[0-9]+"),
    INDEX_BLOCK_AFTER(Phase.APPLY, Side.AFTER, "PUT .*/index/[0-9]+"),
    ARIA_BEFORE(Phase.APPLY, Side.BEFORE, "PUT (?!_).*/aria"),
    ARIA_AFTER(Phase.APPLY, Side.AFTER, "PUT (?!_).*/aria"),
    FRM_BEFORE(Phase.APPLY, Side.BEFORE, "PUT (?!_).*/frm"),
    FRM_AFTER(Phase.APPLY, Side.AFTER, "PUT (?!_).*/frm"),
    TAIL_DELETE_BEFORE(Phase.APPLY, Side.BEFORE, "DELETE .*/(data|index)/[0-9]+"),
    TAIL_DELETE_AFTER(Phase.APPLY, Side.AFTER, "DELETE .*/(data|index)/[0-9]+"),
    COPY_DELETE_BEFORE(Phase.APPLY, Side.BEFORE, "DELETE _aria_s3_batch/fence/.*"),
    COPY_DELETE_AFTER(Phase.APPLY, Side.AFTER, "DELETE _aria_s3_batch/fence/.*"),
    /** Journal and pages of the batch are deleted. */
    BATCH_ENDS(Phase.APPLY, Side.AFTER, "DELETE _aria_s3_batch/fence/.*/aria", 15),

    /** Up to 2 s after the client began. */
    ANY_TIME(Phase.BEGIN, 2_000),
    /** Up to 2 s after commit was sent. */
    ANY_TIME_FROM_COMMIT(Phase.COMMIT, 2_000),
    /** Up to 4 s after the start. */
    ANY_TIME_OF_REPLAY(Phase.REPLAY, 4_000);

    /** What the daemon is at. */
    enum Phase {
        START,
        BEGIN,
        STAGE,
        COMMIT,
        APPLY,
        /** After a start with a committed batch. START and APPLY are in it, too. */
        REPLAY
    }

    private static final List<String> TABLES =
            List.of("plain", "zlib", "trunc", "part", "empty", "idx", "blobs", "wide");

    private final Phase phase;
    private final @Nullable Side side;
    private final Pattern request;
    private final int lagMillisMax;

    KillPoint(Phase phase) {
        this(phase, null, "", 0);
    }

    KillPoint(Phase phase, int lagMillisMax) {
        this(phase, null, "", lagMillisMax);
    }

    KillPoint(Phase phase, Side side, String request) {
        this(phase, side, request, 0);
    }

    KillPoint(Phase phase, @Nullable Side side, String request, int lagMillisMax) {
        this.phase = phase;
        this.side = side;
        this.request = Pattern.compile(request);
        this.lagMillisMax = lagMillisMax;
    }

    Phase phase() {
        return phase;
    }

    /** Null: no request is waited for. */
    @Nullable Side side() {
        return side;
    }

    boolean isAt(StoreRequest asked) {
        return request.matcher(asked.toString()).matches();
    }

    /** How long after the point is reached the kill may come. */
    int lagMillisMax() {
        return lagMillisMax;
    }

    boolean isAnyTime() {
        return name().startsWith("ANY_TIME");
    }

    /** Whether it can be reached in the life after a kill. */
    boolean isInReplay() {
        return switch (phase) {
            case START, APPLY, REPLAY -> true;
            case BEGIN, STAGE, COMMIT -> false;
        };
    }

    /** Whether it can be reached in the life in which the batch is made. */
    boolean isInFirstLife() {
        return switch (phase) {
            case BEGIN, STAGE, COMMIT, APPLY -> true;
            case START, REPLAY -> false;
        };
    }

    /** Whether only a batch behind a fence has it. */
    boolean needsFence() {
        return switch (this) {
            case FENCE_COPY_BEFORE,
                    FENCE_COPY_AFTER,
                    FRM_DELETE_BEFORE,
                    FRM_DELETE_AFTER,
                    ARIA_DELETE_BEFORE,
                    ARIA_DELETE_AFTER,
                    FENCE_WAIT,
                    COPY_DELETE_BEFORE,
                    COPY_DELETE_AFTER,
                    BATCH_ENDS ->
                    true;
            default -> false;
        };
    }

    /** Fixtures whose batches have it. */
    List<String> tables() {
        return switch (this) {
            case TAIL_DELETE_BEFORE, TAIL_DELETE_AFTER -> List.of("trunc");
            case BASE_READ_BEFORE, STAGE_READS_THE_BASE ->
                    List.of("plain", "zlib", "idx", "blobs", "part");
            default -> TABLES;
        };
    }
}
