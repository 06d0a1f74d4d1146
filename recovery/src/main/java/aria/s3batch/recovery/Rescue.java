package aria.s3batch.recovery;

import aria.s3batch.format.BatchId;
import aria.s3batch.format.DamagedTableException;
import aria.s3batch.format.TableName;
import aria.s3batch.s3block.BatchLocks;
import aria.s3batch.s3block.BucketLocks;
import aria.s3batch.s3block.FenceCopies;
import aria.s3batch.s3block.LockLostException;
import aria.s3batch.s3block.ObjectStore;
import aria.s3batch.s3block.TableLock;
import aria.s3batch.s3block.TableLockedException;
import aria.s3batch.s3block.TableLocks;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Brings batches back from their copies in the bucket ({@link BucketJournal}): those that this cache
 * directory committed, or took over, before it lost them; and those of hosts that are gone, if an operator
 * asks for it. It makes page files and journal, and leaves it to {@link Applier} to go on. It may be killed at
 * any point and run again.
 *
 * <p>Invariants: B1 a batch is finished only if all its locks say that it is committed, and name one copy,
 * which is whole. B2 it is this daemon's only after its locks are: a foreign owner that gives a sign of life
 * keeps it. B3 a batch that does not fulfil B1 was never answered: its copies are deleted, then its locks
 * released.
 */
public final class Rescue {
    private static final Logger log = LoggerFactory.getLogger(Rescue.class);

    private final ObjectStore store;
    private final TableLocks locks;
    private final CommitJournal journal;
    private final Recovery recovery;
    private final BucketJournal copies;

    public Rescue(
            ObjectStore store,
            TableLocks locks,
            CommitJournal journal,
            Recovery recovery,
            BucketJournal copies) {
        this.store = store;
        this.locks = locks;
        this.journal = journal;
        this.recovery = recovery;
        this.copies = copies;
    }

    /**
     * A batch that was not brought back.
     *
     * @param reason why, and what to do
     */
    public record Left(BatchId batch, List<TableName> tables, String reason) {}

    /**
     * @param taken in the journal now, to be applied; oldest first
     * @param left nothing of theirs was changed
     */
    public record Rescued(List<BatchRecord> taken, List<Left> left) {}

    /** The locks of one batch, as they were found; sorted. */
    private record Locked(BatchId batch, Map<TableName, BucketLocks.Found> found) {
        BucketLocks.Found first() {
            return found.values().iterator().next();
        }

        Set<TableName> tables() {
            return found.keySet();
        }

        /** Whether it is certain that nobody was told that it is committed. */
        boolean hasOpen() {
            return found.values().stream()
                    .anyMatch(lock -> lock.lock().state() == TableLock.State.OPEN);
        }

        Left left(String reason) {
            return new Left(batch, List.copyOf(found.keySet()), reason);
        }
    }

    private Map<BatchId, Locked> lockedBatches() throws IOException {
        Map<BatchId, Locked> batches = new TreeMap<>();
        for (TableName table : BucketLocks.tables(store)) {
            Optional<BucketLocks.Found> found = read(table);
            if (found.isPresent()) {
                BatchId batch = found.get().lock().batch();
                batches.computeIfAbsent(batch, id -> new Locked(id, new TreeMap<>()))
                        .found()
                        .put(table, found.get());
            }
        }
        return batches;
    }

    private Optional<BucketLocks.Found> read(TableName table) throws IOException {
        try {
            return BucketLocks.read(store, table);
        } catch (DamagedTableException e) {
            log.atWarn()
                    .addKeyValue("table", table.display())
                    .addKeyValue("cause", e.getMessage())
                    .log("a lock cannot be read and is passed over");
            return Optional.empty();
        }
    }

    // ---- what this cache directory has lost
    // ------------------------------------------------------

    /**
     * What a crash has left in the bucket of batches of this cache directory that its journal does not know:
     * those that are committed by their copy are brought back, of the others copies and locks are removed.
     * To be called at start, when the disk is sorted out. Two listings, and a GET for each lock in the
     * bucket.
     *
     * @param found what the disk says
     * @return the same, with what was brought back
     */
    public Recovery.Found resumeOwn(Recovery.Found found) throws IOException {
        Set<BatchId> known = new HashSet<>();
        for (List<BatchRecord> records :
                List.of(found.committed(), found.quarantined(), found.ended())) {
            records.forEach(batch -> known.add(batch.id()));
        }
        Set<BatchId> inBucket = Set.copyOf(copies.batches());
        List<BatchRecord> committed = new ArrayList<>(found.committed());
        List<Recovery.Orphan> orphans = new ArrayList<>(found.orphans());
        for (Locked locked : lockedBatches().values()) {
            BatchId batch = locked.batch();
            if (known.contains(batch) || !locks.isOwn(locked.first().lock())) {
                continue;
            }
            boolean copied =
                    inBucket.contains(batch)
                            || locked.found().values().stream()
                                    .anyMatch(lock -> !lock.lock().journal().isEmpty());
            if (!copied) {
                continue; // of an open batch: released with all that were
            }
            boolean isOrphan = orphans.stream().anyMatch(lost -> lost.batch().equals(batch));
            Optional<BatchRecord> restored = resume(locked, isOrphan);
            if (restored.isPresent()) {
                committed.add(restored.get());
                orphans.removeIf(orphan -> orphan.batch().equals(batch));
            }
        }
        committed.sort(Comparator.comparing(BatchRecord::id));
        return new Recovery.Found(
                committed, found.quarantined(), found.ended(), orphans, found.discarded());
    }

    private Optional<BatchRecord> resume(Locked locked, boolean orphan) throws IOException {
        try {
            Optional<BucketJournal.Copy> copy = copy(locked);
            if (copy.isPresent() && isCommitted(locked, copy.get())) {
                return Optional.of(take(copy.get()));
            }
            boolean answered =
                    orphan
                            || copy.isPresent()
                                    && !locked.hasOpen()
                                    && !copy.get().owner().equals(locks.owner().id());
            if (answered) {
                log.atError()
                        .addKeyValue("batch", locked.batch())
                        .log("not all locks of a committed batch are there; the others stay");
            } else {
                giveUp(locked);
            }
        } catch (DamagedCopyException | TableLockedException | LockLostException e) {
            log.atError()
                    .addKeyValue("batch", locked.batch())
                    .addKeyValue("cause", e.getMessage())
                    .log("a committed batch cannot be brought back; its tables stay locked");
        }
        return Optional.empty();
    }

    /** B3. */
    private void giveUp(Locked locked) throws IOException {
        copies.delete(locked.batch());
        for (BucketLocks.Found lock : locked.found().values()) {
            BucketLocks.remove(store, lock);
        }
        log.atWarn()
                .addKeyValue("batch", locked.batch())
                .log("batch was not committed, or has ended; its copies and locks are removed");
    }

    // ---- what others have lost
    // -------------------------------------------------------------------

    /**
     * Takes committed batches over from hosts that are gone. Their locks are watched for one lease: who is
     * alive gives a sign meanwhile, and keeps his.
     *
     * @param asked these alone; empty: all that can be
     */
    public Rescued takeOver(Set<BatchId> asked, Applier.Pauses pauses) throws IOException {
        Set<BatchId> known = new HashSet<>();
        journal.batches().forEach(batch -> known.add(batch.id()));
        List<Left> left = new ArrayList<>();
        List<Locked> candidates = new ArrayList<>();
        Map<BatchId, Locked> locked = lockedBatches();
        List<BatchId> inBucket = copies.batches();
        for (Locked batch : locked.values()) {
            boolean copied =
                    inBucket.contains(batch.batch())
                            || batch.found().values().stream()
                                    .anyMatch(lock -> !lock.lock().journal().isEmpty());
            if (known.contains(batch.batch())
                    || !(asked.isEmpty() ? copied : asked.contains(batch.batch()))) {
                continue;
            }
            if (copied) {
                candidates.add(batch);
            } else {
                left.add(
                        batch.left(
                                "it has no copy in the bucket, its locks say: "
                                        + batch.first().lock().holder()));
            }
        }
        for (BatchId batch : inBucket) {
            if (!locked.containsKey(batch) && (asked.isEmpty() || asked.contains(batch))) {
                clearAway(batch).ifPresent(left::add);
            }
        }
        for (BatchId batch : asked) {
            if (!known.contains(batch)
                    && !locked.containsKey(batch)
                    && left.stream().noneMatch(one -> one.batch().equals(batch))) {
                left.add(
                        new Left(
                                batch,
                                List.of(),
                                "there is neither a lock nor a copy of it in the bucket: it has"
                                        + " ended, or was never committed with durability=bucket"));
            }
        }
        watch(candidates, pauses);
        List<BatchRecord> taken = new ArrayList<>();
        for (Locked batch : candidates) {
            try {
                takeOver(batch, left).ifPresent(taken::add);
            } catch (DamagedCopyException | TableLockedException | LockLostException e) {
                left.add(batch.left(String.valueOf(e.getMessage())));
            }
        }
        return new Rescued(taken, left);
    }

    /** B2: for as long as the longest of the leases. */
    private void watch(Collection<Locked> batches, Applier.Pauses pauses) {
        Duration longest = Duration.ZERO;
        for (Locked batch : batches) {
            for (BucketLocks.Found lock : batch.found().values()) {
                Duration left = locks.watch(lock);
                longest = left.compareTo(longest) > 0 ? left : longest;
            }
        }
        if (longest.isPositive()) {
            log.atInfo()
                    .addKeyValue("seconds", longest.toSeconds())
                    .log("watching whether the owners of the locks are alive");
            pauses.pause(longest);
        }
    }

    private Optional<BatchRecord> takeOver(Locked locked, List<Left> left) throws IOException {
        Optional<BucketJournal.Copy> copy = copy(locked);
        if (copy.isPresent() && isCommitted(locked, copy.get())) {
            return Optional.of(take(copy.get()));
        }
        if (locked.hasOpen()) {
            BatchLocks held = locks.takeOver(locked.batch(), locked.tables(), "");
            copies.delete(locked.batch());
            held.release();
            left.add(
                    locked.left(
                            "its host was lost before all of it was committed: nobody was told that"
                                + " it is. Its tables are as before it; its locks are released, and"
                                + " what there was of a copy is deleted"));
        } else if (copy.isEmpty()) {
            left.add(
                    locked.left(
                            "its copy is gone: it has ended and left but its locks, or somebody"
                                + " deleted what lay below _aria_s3_batch/journal/. `aria_s3_batch"
                                + " check` its tables, then see `aria_s3_batch lock break"
                                + " --help`"));
        } else {
            left.add(
                    locked.left(
                            "it has not all of its locks any more: somebody broke one, and the"
                                + " table may have changed since. `aria_s3_batch check` its tables,"
                                + " then see `aria_s3_batch lock break --help`"));
        }
        return Optional.empty();
    }

    /** Of a batch without a single lock. A copy that may be all that is left of it is kept. */
    private Optional<Left> clearAway(BatchId batch) throws IOException {
        if (!copies.hasCopies(batch)) {
            return Optional.empty(); // the note for its former owner
        }
        if (!copies.names(batch).isEmpty()) {
            return Optional.of(
                    new Left(
                            batch,
                            List.of(),
                            "its copy is there, but no table has a lock of it: either it was never committed, or its locks were broken. If its tables are as they must be, delete what lies below _aria_s3_batch/journal/%s/"
                                    .formatted(batch)));
        }
        copies.delete(batch);
        return Optional.empty();
    }

    // ---- bringing back
    // -----------------------------------------------------------------------------

    /** The copy that its locks name; empty if none does, or there is none of that name. */
    private Optional<BucketJournal.Copy> copy(Locked locked) throws IOException {
        for (BucketLocks.Found found : locked.found().values()) {
            TableLock lock = found.lock();
            if (lock.state() == TableLock.State.COMMITTED && !lock.journal().isEmpty()) {
                return copies.read(locked.batch(), lock.journal());
            }
        }
        return Optional.empty();
    }

    /** B1, but for the pages. */
    private static boolean isCommitted(Locked locked, BucketJournal.Copy copy) {
        return locked.tables().equals(lockTables(copy))
                && locked.found().values().stream()
                        .map(BucketLocks.Found::lock)
                        .allMatch(
                                lock ->
                                        lock.state() == TableLock.State.COMMITTED
                                                && lock.journal().equals(copy.batch().copy()));
    }

    private static Set<TableName> lockTables(BucketJournal.Copy copy) {
        Set<TableName> tables = new TreeSet<>();
        copy.batch().tables().forEach(table -> tables.add(table.base().table().base()));
        return tables;
    }

    /**
     * B2. Page files, then journal, then mark: killed in between, all of it is made anew.
     *
     * @throws DamagedCopyException the locks are taken, and stay
     */
    private BatchRecord take(BucketJournal.Copy copy) throws IOException {
        BatchId id = copy.batch().id();
        String name = copy.batch().copy();
        BatchLocks held = locks.takeOver(id, lockTables(copy), name);
        try {
            BatchFolder folder = recovery.folder(id);
            copies.restorePages(copy, folder, held);
            folder.disk().syncDirectory(folder.cacheDir().batches());
            folder.disk().syncDirectory(folder.cacheDir().root());
            if (FenceCopies.exist(store, id)) {
                // Up as far as it may be; where it is not, it is mended before blocks are written.
                journal.setFence(id, Fence.UP);
            }
            boolean byAnother = !copy.owner().equals(locks.owner().id());
            BatchRecord batch = copy.batch().withCopy(name, byAnother);
            journal.commit(batch, copy.blocks());
            folder.mark();
            log.atWarn()
                    .addKeyValue("batch", id)
                    .addKeyValue("committedOn", copy.host())
                    .log("committed batch brought back from its copy in the bucket");
            return batch;
        } finally {
            held.abandon(); // whoever applies it resumes them
        }
    }
}
