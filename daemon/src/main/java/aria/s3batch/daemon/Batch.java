package aria.s3batch.daemon;

import aria.s3batch.daemon.api.BatchDocument;
import aria.s3batch.daemon.api.Problem;
import aria.s3batch.format.BatchId;
import aria.s3batch.format.TableName;
import aria.s3batch.recovery.ApplyProgress;
import aria.s3batch.recovery.BatchFolder;
import aria.s3batch.recovery.BatchRecord;
import aria.s3batch.recovery.Durability;
import aria.s3batch.recovery.OpenTable;
import aria.s3batch.recovery.Recovery;
import aria.s3batch.s3block.BatchLocks;
import aria.s3batch.s3block.LockLostException;

import org.jspecify.annotations.Nullable;

import java.util.List;

/**
 * A batch while the daemon knows it. Belongs to the conductor's thread.
 *
 * <pre>
 * BEGINNING -> OPEN -> COMMITTING -> COMMITTED -> APPLYING -> APPLIED
 *                ^---- refused ---'      ^-- store away --'
 *                |                       ^        '-> QUARANTINED -> ABORTED
 *                |                       '--- retry, force ---'
 *                '-> DISCARDING -> ABORTED
 * </pre>
 *
 * BEGINNING and COMMITTING last while a worker reads from S3 or syncs, DISCARDING as long as the disk does
 * not let pages be deleted; to users they are OPEN. A batch with nothing to write goes from COMMITTING by
 * DISCARDING to APPLIED. A quarantined batch that is discarded goes by COMMITTED and APPLYING to ABORTED;
 * to users it is DISCARDING meanwhile.
 */
final class Batch {
    enum State {
        BEGINNING,
        OPEN,
        COMMITTING,
        DISCARDING,
        COMMITTED,
        APPLYING,
        QUARANTINED,
        APPLIED,
        ABORTED
    }

    final BatchId id;
    final BatchFolder folder;

    /** While BEGINNING those that were asked for; then partitions one by one. */
    List<TableName> tables;

    final ApplyProgress progress = new ApplyProgress();

    State state = State.BEGINNING;

    /** From OPEN until it is committed or discarded; empty before and after. */
    List<OpenTable> open = List.of();

    /** While its tables are shown as files. */
    @Nullable Mounted mount;

    /** Why what is staged is not all that was written while it was mounted; then it can only be aborted. */
    @Nullable String lost;

    /** A worker mounts or unmounts it: what would end the batch, or mount it again, is refused meanwhile. */
    boolean mountChanging;

    /** From the time when its tables are locked in the bucket until it ends. */
    @Nullable BatchLocks locks;

    /** A commit has begun to write a copy into the bucket, and failed: some of it may be there. */
    volatile boolean copyLeft;

    /** When to give the next sign of life. */
    long renewAtNanos;

    /** A worker gives one: a store that hangs has one to wait for, however long. */
    boolean renewing;

    /** A worker releases its locks, or takes them again: the rest has to wait. */
    boolean releasing;

    /** Discarded by an operator: when it ends, it is aborted. */
    boolean givenUp;

    /** Its end was in the journal at start; how it ended is not known. */
    boolean endedBefore;

    /** From the commit on. */
    @Nullable BatchRecord record;

    /** In place of {@link #record} for a batch that the journal lost. */
    Recovery.@Nullable Orphan orphan;

    /** Why it is quarantined, or waits; see {@link #reason()}. */
    @Nullable String reason;

    /** How far it was when it began to wait. */
    long stepsAtReason;

    /** Committed before the last stop, and neither applied nor quarantined since. */
    boolean replayed;

    /** Staged pages, kept for status when the caches are closed. */
    long pages;

    /** Cache space that its page files take from the commit on, until they are deleted. */
    long keptBytes;

    /** While COMMITTED: when to apply it. */
    long applyAtNanos;

    /** How often it has waited for the object store. */
    int pauses;

    Batch(BatchId id, BatchFolder folder, List<TableName> tables) {
        this.id = id;
        this.folder = folder;
        this.tables = List.copyOf(tables);
    }

    long pages() {
        return open.isEmpty() ? pages : open.stream().mapToLong(t -> t.cache().pages()).sum();
    }

    /** Makes it due, to be applied, or to have its fence lowered. */
    void applyNow(long nanoTime) {
        applyAtNanos = nanoTime;
        state = State.COMMITTED;
    }

    /** Whether it was given up while it was quarantined. */
    private boolean isGivenUp() {
        return givenUp || record != null && record.state() == BatchRecord.State.DISCARDED;
    }

    /** From now on it can only be aborted, or, if it is committed, be resolved by an operator. */
    void noteLockLost() {
        String loss = lockLost();
        if (loss != null && (state == State.OPEN || state == State.COMMITTING)) {
            reason = loss;
        }
    }

    private @Nullable String lockLost() {
        LockLostException loss = locks == null ? null : locks.lost();
        return loss == null
                ? null
                : loss.getMessage()
                        + ". Its tables in S3 are as others left them. Abort it, and stage again in"
                        + " a new batch";
    }

    void refuseIfLockLost() throws BatchException {
        String loss = lockLost();
        if (loss != null) {
            throw new BatchException(Problem.Kind.REFUSED, loss);
        }
    }

    String stateName() {
        return switch (state) {
            case COMMITTED, APPLYING -> isGivenUp() ? State.DISCARDING.name() : state.name();
            case BEGINNING, OPEN, COMMITTING, DISCARDING -> State.OPEN.name();
            default -> state.name();
        };
    }

    /** For the log: a partitioned table may have thousands. */
    String tablesInWords() {
        String first = tables.isEmpty() ? "none known" : tables.getFirst().display();
        return tables.size() <= 1 ? first : first + " and " + (tables.size() - 1) + " more";
    }

    BatchDocument document() {
        return new BatchDocument(
                id.toString(),
                stateName(),
                tables.stream().map(TableName::display).toList(),
                pages(),
                progress.done(),
                progress.total(),
                reason(),
                record == null ? null : record.readers().word(),
                record == null ? null : durability(record).word(),
                mount == null ? null : mount.directory().toString());
    }

    /** What it waited for stays until it goes on: a store that is away takes long to give no answer. */
    private @Nullable String reason() {
        boolean goesOn = state == State.APPLYING && progress.steps() > stepsAtReason;
        return goesOn ? null : reason;
    }

    private static Durability durability(BatchRecord committed) {
        return committed.hasCopy() ? Durability.BUCKET : Durability.LOCAL;
    }

    /**
     * @param what cannot be done in another state, as a sentence
     */
    void refuseUnlessOpen(String what) throws BatchException {
        String now =
                switch (state) {
                    case OPEN -> "";
                    case BEGINNING -> "being opened just now";
                    case COMMITTING -> "being committed just now";
                    case DISCARDING -> "being discarded: abort it again";
                    default -> state + ", not open";
                };
        if (!now.isEmpty()) {
            throw new BatchException(
                    Problem.Kind.REFUSED, "batch %s is %s: %s".formatted(id, now, what));
        }
    }

    /**
     * @param what cannot be done before, as a sentence
     */
    void refuseWhileMountChanges(String what) throws BatchException {
        if (mountChanging) {
            throw new BatchException(
                    Problem.Kind.REFUSED,
                    "batch %s is being mounted or unmounted just now: %s; try again"
                            .formatted(id, what));
        }
    }

    void refuseUnlessQuarantined() throws BatchException {
        if (state != State.QUARANTINED) {
            throw new BatchException(
                    Problem.Kind.REFUSED,
                    "batch %s is %s, not quarantined: there is nothing to resolve"
                            .formatted(id, stateName()));
        }
    }

    void refuseWhileReleasing() throws BatchException {
        if (releasing) {
            throw new BatchException(
                    Problem.Kind.REFUSED,
                    "the locks of batch %s are being changed just now: try again".formatted(id));
        }
    }

    void refuseIfIncomplete() throws BatchException {
        if (lost != null) {
            throw new BatchException(
                    Problem.Kind.REFUSED,
                    "batch %s cannot be committed: %s. Abort it; the tables in S3 are as they were"
                            .formatted(id, lost));
        }
    }

    /**
     * @param why as a clause
     */
    void refuseIfMounted(String why) throws BatchException {
        if (mount != null) {
            throw new BatchException(
                    Problem.Kind.REFUSED,
                    "batch %s is mounted at %s: %s. Unmount it first"
                            .formatted(id, mount.directory(), why));
        }
    }

    /** One of its tables, to be read, or written while it is open. */
    OpenTable table(TableName name) throws BatchException {
        if (!tables.contains(name)) {
            throw new BatchException(
                    Problem.Kind.NOT_FOUND,
                    "%s is not in batch %s, which has: %s"
                            .formatted(
                                    name.display(),
                                    id,
                                    String.join(
                                            ", ",
                                            tables.stream().map(TableName::display).toList())));
        }
        if (state != State.COMMITTING) {
            refuseUnlessOpen("its pages cannot be read or written");
        }
        for (OpenTable table : open) {
            if (table.base().table().equals(name)) {
                return table;
            }
        }
        throw new AssertionError(name + " was not opened in batch " + id);
    }
}
