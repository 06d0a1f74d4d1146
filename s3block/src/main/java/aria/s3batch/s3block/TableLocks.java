package aria.s3batch.s3block;

import aria.s3batch.format.BatchId;
import aria.s3batch.format.DamagedTableException;
import aria.s3batch.format.TableName;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.io.IOException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongSupplier;

/**
 * Locks on tables between hosts, for one daemon: an object for each table, created where there is none,
 * and changed only while it is what it was. Safe for use by many threads.
 *
 * <p>Invariants: L1 a lock is created by {@code If-None-Match} and changed or removed by {@code If-Match}
 * alone. L2 an open lock of another owner is taken over only after it was seen unchanged for its lease, on
 * this process's own clock: no two clocks are compared. L3 a committed lock of another owner is
 * taken over by {@link #takeOver} alone, to finish the very same batch, and only after it was seen unchanged as
 * in L2: then whoever takes the first lock in the order of tables has won the others, too. L4 a lock that a former process of this cache directory left, on this host, is taken
 * back at once: it is gone, for one process at a time has the directory.
 */
public final class TableLocks {
    private static final Logger log = LoggerFactory.getLogger(TableLocks.class);

    /** What the locks of one batch work with. */
    record Rooms(
            ObjectStore store,
            ConditionalWrite writes,
            LockOwner owner,
            Duration lease,
            LongSupplier nanoTime,
            InstantSource clock) {}

    /** When a version of a foreign lock was first seen. */
    private record Sighting(String etag, long nanos) {}

    final Rooms rooms;

    /** Batches of this process that have locks, or are getting them. */
    private final Set<BatchId> live = ConcurrentHashMap.newKeySet();

    private final Set<BatchId> neverCommitted = ConcurrentHashMap.newKeySet();

    /** Held while a lock is taken over, or released as left. */
    private final Object takeovers = new Object();

    private final Map<TableName, Sighting> sightings = new ConcurrentHashMap<>();

    /**
     * @param lease how long others wait for a sign of life; whole seconds
     * @param nanoTime a clock that runs on while the process is stopped
     * @param clock for what people read
     */
    public TableLocks(
            ObjectStore store,
            LockOwner owner,
            Duration lease,
            LongSupplier nanoTime,
            InstantSource clock) {
        this.rooms = new Rooms(store, new ConditionalWrite(store), owner, lease, nanoTime, clock);
    }

    public Duration lease() {
        return rooms.lease();
    }

    /**
     * Locks tables for a batch, all or none; open, until {@link BatchLocks#commit}. A PUT a table.
     *
     * @param tables partitions of one table share its lock
     * @throws TableLockedException another daemon has one
     * @throws IOException the store is away; what was locked is released, or expires
     */
    public BatchLocks acquire(BatchId batch, Collection<TableName> tables) throws IOException {
        live.add(batch);
        var locks = new BatchLocks(this, batch, TableLock.State.OPEN, "");
        try {
            for (TableName table : definitions(tables)) {
                locks.take(table);
            }
            return locks;
        } catch (IOException | RuntimeException e) {
            try {
                locks.release();
            } catch (IOException left) {
                e.addSuppressed(left);
                live.remove(batch); // what is left of it is taken back by the next batch
            }
            throw e;
        }
    }

    /**
     * The locks of a batch that a former process of this cache directory committed. Asks nothing of the
     * store: whether they are still there shows when they are confirmed.
     *
     * @param journal as it was committed with
     */
    public BatchLocks resume(BatchId batch, Collection<TableName> tables, String journal) {
        live.add(batch);
        var locks = new BatchLocks(this, batch, TableLock.State.COMMITTED, journal);
        definitions(tables).forEach(locks::resume);
        return locks;
    }

    /**
     * How long a lock must still be seen unchanged before {@link #takeOver} takes it: from the first time that
     * it is asked about this version of it. None for one's own.
     */
    public Duration watch(BucketLocks.Found found) {
        return isOwn(found.lock()) ? Duration.ZERO : unchangedFor(found, found.lock().lease());
    }

    /** In whose name locks are held. */
    public LockOwner owner() {
        return rooms.owner();
    }

    /** Whether processes of this cache directory, on this host, have written the lock. */
    public boolean isOwn(TableLock lock) {
        return lock.owner().isSameHome(rooms.owner());
    }

    /**
     * Takes the locks of a batch over from the daemon that has it and is gone; they are this daemon's then,
     * one epoch on, and keep it from being committed or applied there. Killed on the way, it can be run again. L3.
     *
     * @param tables all of the batch that have a lock of it
     * @param copy as {@link BatchLocks#commit} has it, if the batch is to be finished; empty: to be given up
     * @throws TableLockedException somebody gave a sign of life, or was faster
     * @throws LockLostException one of them is another batch's, or gone
     * @throws IOException nobody answers; some may be taken
     */
    public BatchLocks takeOver(BatchId batch, Collection<TableName> tables, String copy)
            throws IOException {
        live.add(batch);
        TableLock.State state = copy.isEmpty() ? TableLock.State.OPEN : TableLock.State.COMMITTED;
        var locks = new BatchLocks(this, batch, state, copy);
        try {
            boolean won = false;
            for (TableName table : definitions(tables)) {
                locks.takeOver(table, won);
                won = true;
            }
            return locks;
        } catch (IOException | RuntimeException e) {
            live.remove(batch);
            throw e;
        }
    }

    private static List<TableName> definitions(Collection<TableName> tables) {
        return tables.stream().map(TableName::base).distinct().sorted().toList();
    }

    /**
     * Releases what former processes of this cache directory have left locked on this host: the tables
     * of batches that were open. One listing, and a GET for each lock in the bucket.
     *
     * @return how many
     */
    public int releaseLeft() throws IOException {
        int released = 0;
        for (TableName table : BucketLocks.tables(rooms.store())) {
            synchronized (takeovers) {
                released += releaseLeft(table) ? 1 : 0;
            }
        }
        return released;
    }

    private boolean releaseLeft(TableName table) throws IOException {
        Optional<BucketLocks.Found> found = readable(table);
        if (found.isEmpty()
                || !isLeft(found.get().lock())
                || !BucketLocks.remove(rooms.store(), found.get())) {
            return false;
        }
        log.atInfo()
                .addKeyValue("table", table.display())
                .addKeyValue("batch", found.get().lock().batch())
                .log("lock of a former process released");
        return true;
    }

    /**
     * Writes a lock over one that was found. Not while left ones are being released, for some endpoints
     * delete whatever is there.
     */
    PutOutcome takeOver(String key, byte[] lock, Condition condition, BatchId batch)
            throws IOException {
        synchronized (takeovers) {
            return rooms.writes().write(key, lock, condition, batch);
        }
    }

    private Optional<BucketLocks.Found> readable(TableName table) throws IOException {
        try {
            return BucketLocks.read(rooms.store(), table);
        } catch (DamagedTableException e) {
            log.atWarn()
                    .addKeyValue("table", table.display())
                    .addKeyValue("cause", e.getMessage())
                    .log("the lock of a table is damaged; see `aria_s3_batch lock list`");
            return Optional.empty();
        }
    }

    /** L4. Of a batch that lies in the bucket whole, somebody may be about to finish it. */
    private boolean isLeft(TableLock lock) {
        return lock.owner().isSameHome(rooms.owner())
                && !live.contains(lock.batch())
                && (lock.state() != TableLock.State.COMMITTED
                        || lock.journal().isEmpty()
                        || neverCommitted.contains(lock.batch()));
    }

    /**
     * Says that a batch of ours was not committed and that its copy in the bucket is gone: a lock that
     * promises the copy, because the answer to its PUT was lost, is then like any other that was left.
     */
    public void noteNeverCommitted(BatchId batch) {
        neverCommitted.add(batch);
    }

    /**
     * Decides whether a lock that was found may be taken over now.
     *
     * @throws TableLockedException it may not, or not yet
     */
    void requireTakeable(BucketLocks.Found found) throws TableLockedException {
        TableLock lock = found.lock();
        if (isLeft(lock)) {
            return;
        }
        Duration left = unchangedFor(found, lock.lease());
        if (lock.state() == TableLock.State.COMMITTED || left.isPositive()) {
            throw new TableLockedException(lock, left);
        }
    }

    /** L2: how long it must still be seen unchanged. */
    private Duration unchangedFor(BucketLocks.Found found, Duration lease) {
        var now = new Sighting(found.etag(), rooms.nanoTime().getAsLong());
        Sighting first =
                sightings.merge(
                        found.lock().table(),
                        now,
                        (old, seen) -> old.etag().equals(seen.etag()) ? old : seen);
        return lease.minusNanos(now.nanos() - first.nanos());
    }

    void forgetSighting(TableName table) {
        sightings.remove(table);
    }

    void released(BatchId batch) {
        live.remove(batch);
    }
}
