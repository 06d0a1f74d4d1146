package aria.s3batch.recovery;

import aria.s3batch.diskcache.BlockCache;
import aria.s3batch.diskcache.DamagedPageFileException;
import aria.s3batch.diskcache.Disk;
import aria.s3batch.format.DamagedTableException;
import aria.s3batch.format.TableName;
import aria.s3batch.s3block.BatchLocks;
import aria.s3batch.s3block.BucketMissingException;
import aria.s3batch.s3block.ConditionalWrite;
import aria.s3batch.s3block.FenceCopies;
import aria.s3batch.s3block.LockLostException;
import aria.s3batch.s3block.LockedStore;
import aria.s3batch.s3block.ObjectStore;
import aria.s3batch.s3block.StoreRefusedException;
import aria.s3batch.s3block.StoreUnreachableException;
import aria.s3batch.s3block.TableLock;

import java.io.IOException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.concurrent.Semaphore;
import java.util.function.BooleanSupplier;

/**
 * Brings a committed batch into S3, live or after a crash: the same code, which may be killed at any
 * point and run again. First the fence goes up, if readers are to be kept out; then data and index blocks
 * of all tables, several at a time; then, definition by definition, the headers and the definition itself;
 * then deletions.
 *
 * <p>Invariants: A1 no PUT before every page that is still to be written has been read back and verified
 * (its CRC-32C and Aria's own checksum). A2 an object is overwritten or deleted only while it is what the
 * batch was based on. A3 the headers are written when all blocks of the batch are, surplus blocks are
 * deleted after definition and headers. A4 the journal forgets the batch before its pages are deleted, and
 * says so durably. A5 no {@code frm} without its {@code aria}: see {@link DefinitionWork}. A6 behind a
 * fence no block is written before every {@code frm} and {@code aria} of the batch is gone and statements
 * that had begun have been waited for; the journal knows of the fence before the first of them goes. A7
 * nothing is written but under the batch's locks, which are released when the journal says that it has
 * ended, and before it forgets. A8 the copy in the bucket is deleted when the journal says that the batch has
 * ended, and before its locks are released; in between, another daemon's batch gets a note for that one. A9 the
 * receipt is written from what the journal has of a batch that has ended, and before it forgets: so a second
 * try after a crash writes the same bytes. A disk that does not take it ends nothing: see {@link Receipts}. A10 with
 * keep-undo, every block that is overwritten or deleted was copied before the fence goes up and the first write,
 * while it was the base; the manifest of an undo set is written when all of the batch is there.
 */
public final class Applier {
    /**
     * Blocks in flight where nobody says: so many that round trips of 100 ms are no matter. Memory sets a lower
     * bound as a rule; where the store lets fewer through, {@link PacedBlocks} finds out.
     */
    public static final int CONCURRENCY = 32;

    /** Of a batch that has ended in another way than being applied: its reason in the journal. */
    static final String DISCARDED = "discarded";

    /** As {@link #DISCARDED}, of one that another host has applied: that one has the receipt. */
    static final String ELSEWHERE = "applied elsewhere";

    /** How long a write may take effect after nobody waits for its answer any more. */
    public static final Duration LATE_WRITE = BatchWork.LATE_WRITE;

    private volatile Rooms rooms;

    /** Waits between attempts: a thread's sleep in the daemon, a step of its clock in a simulator. */
    public interface Pauses {
        /** Returns when all of the duration is over, and no earlier. */
        void pause(Duration duration);
    }

    /**
     * What a batch is applied with.
     *
     * @param memory KiB of {@code memoryKib} that no block in flight takes
     */
    record Rooms(
            ObjectStore store,
            ConditionalWrite writes,
            CommitJournal journal,
            Disk disk,
            Optional<BlockCache> blockCache,
            Executor executor,
            int concurrency,
            int memoryKib,
            Semaphore memory,
            FenceWait fenceWait,
            Pauses pauses,
            Receipts receipts) {
        /** A7. */
        Rooms under(BatchLocks locks) {
            var locked = new LockedStore(store, locks);
            return with(locked, new ConditionalWrite(locked), concurrency, fenceWait);
        }

        private Rooms with(
                ObjectStore store, ConditionalWrite writes, int concurrency, FenceWait fenceWait) {
            return new Rooms(
                    store,
                    writes,
                    journal,
                    disk,
                    blockCache,
                    executor,
                    concurrency,
                    memoryKib,
                    memory,
                    fenceWait,
                    pauses,
                    receipts);
        }
    }

    /**
     * @param blockCache blocks that the batch has read already; none after a crash
     * @param concurrency objects in flight, over all batches as far as {@code executor} goes
     * @param receipts where batches that end leave one
     * @param memoryBytes heap for blocks in flight, over all batches; a block takes up to four times its
     *     size, so fewer of the largest are in flight
     */
    public Applier(
            ObjectStore store,
            CommitJournal journal,
            Disk disk,
            Optional<BlockCache> blockCache,
            Executor executor,
            int concurrency,
            long memoryBytes,
            FenceWait fenceWait,
            Pauses pauses,
            Receipts receipts) {
        int memoryKib = (int) Math.min(Integer.MAX_VALUE, memoryBytes / 1024);
        this.rooms =
                new Rooms(
                        store,
                        new ConditionalWrite(store),
                        journal,
                        disk,
                        blockCache,
                        executor,
                        concurrency,
                        memoryKib,
                        new Semaphore(memoryKib, true),
                        fenceWait,
                        pauses,
                        receipts);
    }

    /** For batches whose apply starts after this. */
    public void use(int concurrency, FenceWait fenceWait) {
        Rooms before = rooms;
        rooms = before.with(before.store(), before.writes(), concurrency, fenceWait);
    }

    /**
     * Applies what is left of a committed batch, and ends it; or lowers the fence of one that was given up;
     * or clears away one that has ended.
     *
     * @param locks of the batch
     * @param stop asked before each object; objects in flight finish
     * @throws IOException journal or local disk failed: the daemon must stop and recover by reading
     */
    public ApplyOutcome apply(
            BatchRecord batch,
            BatchFolder folder,
            BatchLocks locks,
            ApplyProgress progress,
            BooleanSupplier stop)
            throws IOException {
        if (batch.state() == BatchRecord.State.ENDED) {
            return end(batch, folder, locks, batch.reason());
        }
        boolean discarded = batch.state() == BatchRecord.State.DISCARDED;
        try (var work =
                new BatchWork(rooms.under(locks), batch, folder, locks.isResumed(), progress)) {
            try {
                patience(batch).answered(() -> confirmed(locks));
                if (!discarded) {
                    work.apply(stop);
                } else {
                    if (batch.hasCopy()) { // nobody is to finish what was given up
                        copies(rooms.under(locks)).delete(batch.id());
                    }
                    work.giveUp(stop);
                }
            } catch (StoppedException e) {
                return new ApplyOutcome.Stopped();
            } catch (StoreUnreachableException | StoreRefusedException | BucketMissingException e) {
                return waiting(work, batch, e);
            } catch (LockLostException e) {
                Optional<ApplyOutcome> elsewhere = endElsewhere(batch, folder, locks);
                if (elsewhere.isPresent()) {
                    return elsewhere.get();
                }
                if (!discarded || !e.isHeldByAnother()) {
                    return quarantined(batch, lostIn(work, e));
                }
                // whoever has the table now found it as it is: no fence is lowered over him
            } catch (BaseChangedException
                    | DamagedTableException
                    | DamagedPageFileException
                    | MissingPagesException e) {
                return quarantine(work, batch, String.valueOf(e.getMessage()));
            }
        }
        return end(batch, folder, locks, discarded ? DISCARDED : "");
    }

    /**
     * What becomes of a batch that another daemon has taken over, to finish it from its copy: it waits for
     * that, and then ends here, too. Empty if none has.
     */
    private Optional<ApplyOutcome> endElsewhere(
            BatchRecord batch, BatchFolder folder, BatchLocks locks) throws IOException {
        if (!batch.hasCopy()) {
            return Optional.empty();
        }
        try {
            // the locks first: they go when the note is there
            Optional<TableLock> finisher = locks.finisher();
            Optional<String> finished = copies(rooms).finished(batch.id());
            if (finished.isPresent()) {
                boolean discarded = finished.get().equals(DISCARDED);
                return Optional.of(end(batch, folder, locks, discarded ? DISCARDED : ELSEWHERE));
            }
            return finisher.map(
                    lock ->
                            new ApplyOutcome.Waiting(
                                    "it is being finished from its copy in the bucket by %s, which has taken it over; nothing is written here any more"
                                            .formatted(lock.owner().inWords()),
                                    batch));
        } catch (StoreUnreachableException
                | StoreRefusedException
                | BucketMissingException
                | DamagedTableException e) {
            return Optional.of(
                    new ApplyOutcome.Waiting(
                            "its locks are lost, and who has them cannot be read now: "
                                    + e.getMessage(),
                            batch));
        }
    }

    private BucketJournal copies(Rooms writing) {
        return new BucketJournal(writing.store(), writing.executor());
    }

    private Patience patience(BatchRecord batch) {
        return new Patience(batch.id(), rooms.writes(), rooms.pauses());
    }

    private static BatchLocks confirmed(BatchLocks locks) throws IOException {
        locks.confirm();
        return locks;
    }

    private static BatchLocks released(BatchLocks locks) throws IOException {
        locks.release();
        return locks;
    }

    private static String lostIn(BatchWork work, LockLostException loss) {
        return loss.getMessage()
                + (work.fence() == Fence.DOWN
                        ? ". It has written nothing since"
                        : ". It has written nothing since; copies of what its fence took away lie"
                                + " below _aria_s3_batch/fence/");
    }

    /**
     * Looks what each way out of a quarantine would meet; changes nothing.
     *
     * @throws IOException the store does not answer, or the journal cannot be read
     */
    public Outlook outlook(BatchRecord batch) throws IOException {
        return Outlook.of(rooms, batch);
    }

    /**
     * Lowers the fence that a batch may have raised before the journal lost it, by its copies in the bucket.
     * Blocks for twice {@link #LATE_WRITE}, if there is a fence.
     *
     * @throws IOException it may be up still; to be repeated
     */
    public void lowerFence(Recovery.Orphan orphan, BatchLocks locks) throws IOException {
        ObjectStore store = rooms.under(locks).store();
        if (!FenceCopies.exist(store, orphan.batch())) {
            return;
        }
        rooms.pauses().pause(LATE_WRITE);
        for (TableName table : orphan.tables()) {
            FenceCopies.lower(store, orphan.batch(), table);
        }
        rooms.pauses().pause(LATE_WRITE);
    }

    private static ApplyOutcome waiting(BatchWork work, BatchRecord batch, IOException cause) {
        String reason = String.valueOf(cause.getMessage());
        return new ApplyOutcome.Waiting(
                work.fence() == Fence.DOWN
                        ? reason
                        : reason
                                + ". Its fence stays up meanwhile: new statements on its tables get"
                                + " error 1146",
                batch);
    }

    private ApplyOutcome quarantine(BatchWork work, BatchRecord batch, String cause)
            throws IOException {
        String reason = cause;
        if (work.fence() == Fence.RISING) {
            try {
                work.lowerFence();
            } catch (StoreUnreachableException | StoreRefusedException | BucketMissingException e) {
                return waiting(work, batch, e);
            } catch (LockLostException e) {
                return quarantined(batch, reason + ". Besides, " + lostIn(work, e));
            }
            reason += ". Its fence was lowered again before any block was written";
        } else if (work.fence() == Fence.UP) {
            reason +=
                    ". Its fence stays up, for blocks may have been written: new statements on its"
                            + " tables get error 1146 until it is resolved";
        }
        return quarantined(batch, reason);
    }

    private ApplyOutcome quarantined(BatchRecord batch, String reason) throws IOException {
        BatchRecord quarantined = batch.with(BatchRecord.State.QUARANTINED, reason, false);
        rooms.journal().update(quarantined);
        return new ApplyOutcome.Quarantined(reason, quarantined);
    }

    /**
     * A4, A7, A9. It may be called again after a crash in it; nothing of the batch is left when it has ended.
     *
     * @param how {@link #DISCARDED}, {@link #ELSEWHERE}, or empty
     */
    private ApplyOutcome end(BatchRecord batch, BatchFolder folder, BatchLocks locks, String how)
            throws IOException {
        BatchRecord ended = batch.with(BatchRecord.State.ENDED, how, batch.force());
        if (ended.endedAtMillis() == 0) {
            ended = ended.endedAt(locks.now().toEpochMilli(), locks.isResumed());
        }
        rooms.journal().update(ended);
        folder.delete();
        if (!how.equals(ELSEWHERE)) {
            rooms.receipts().write(ended, rooms.journal());
        }
        try {
            BatchRecord over = ended;
            patience(batch).answered(() -> withoutCopies(over, locks));
            patience(batch).answered(() -> released(locks));
        } catch (StoreUnreachableException | StoreRefusedException | BucketMissingException e) {
            return new ApplyOutcome.Waiting(
                    "it is over, but its locks cannot be released now: " + e.getMessage(), ended);
        }
        rooms.journal().forget(batch.id());
        return how.equals(DISCARDED) ? new ApplyOutcome.Discarded() : new ApplyOutcome.Applied();
    }

    /** A8. While another daemon finishes the batch, the copy is that one's. */
    private BatchLocks withoutCopies(BatchRecord ended, BatchLocks locks) throws IOException {
        if (!ended.hasCopy()) {
            return locks;
        }
        try {
            locks.confirm();
            BucketJournal copies = copies(rooms.under(locks));
            copies.delete(ended.id());
            if (ended.rescued()) {
                String how = ended.reason().equals(DISCARDED) ? DISCARDED : "applied";
                copies.noteFinished(ended.id(), how, locks);
            }
        } catch (LockLostException e) {
            copies(rooms).forgetFinished(ended.id());
        }
        return locks;
    }
}
