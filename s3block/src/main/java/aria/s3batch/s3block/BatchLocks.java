package aria.s3batch.s3block;

import aria.s3batch.format.BatchId;
import aria.s3batch.format.DamagedTableException;
import aria.s3batch.format.TableName;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * The locks of one batch, by table. Safe for use by many threads; one at a time asks the store.
 *
 * <p>Invariant L5: once one of them was found to be another's, or gone, none is written any more, and
 * {@link #confirm} fails for good.
 */
public final class BatchLocks {
    /** How often a write is tried that meets other versions again and again, all of them takeable. */
    private static final int ATTEMPTS = 3;

    private static final Logger log = LoggerFactory.getLogger(BatchLocks.class);

    private final TableLocks locks;
    private final TableLocks.Rooms rooms;
    private final BatchId batch;
    private final Map<TableName, Held> held = new TreeMap<>();
    private final Set<BatchId> displaced = new TreeSet<>();
    private TableLock.State state;
    private String journal;
    private boolean released;
    private volatile boolean resumed;
    private volatile @Nullable LockLostException lost;

    /** When the oldest of the last signs of life was sent; by {@code nanoTime}. */
    private volatile long confirmedNanos;

    private volatile boolean confirmedEver;

    /** One lock: as it was last written or read, and its ETag; null where that is not known. */
    private static final class Held {
        final TableName table;
        @Nullable TableLock lock;
        @Nullable String etag;

        Held(TableName table) {
            this.table = table;
        }
    }

    BatchLocks(TableLocks locks, BatchId batch, TableLock.State state, String journal) {
        this.locks = locks;
        this.rooms = locks.rooms;
        this.batch = batch;
        this.state = state;
        this.journal = journal;
    }

    public BatchId batch() {
        return batch;
    }

    /** Since the last sign of life; empty before the first. */
    public Optional<Duration> silence() {
        return confirmedEver
                ? Optional.of(Duration.ofNanos(rooms.nanoTime().getAsLong() - confirmedNanos))
                : Optional.empty();
    }

    /** Why the batch must not go on; null while its locks are its own, as far as is known. */
    public @Nullable LockLostException lost() {
        return lost;
    }

    // ---- getting ---------------------------------------------------------------------------

    /** L1. */
    synchronized void take(TableName table) throws IOException {
        var mine = new Held(table);
        held.put(table, mine);
        long sent = rooms.nanoTime().getAsLong();
        Instant now = rooms.clock().instant();
        var lock =
                new TableLock(
                        table, batch, state, rooms.owner(), 1, 0, now, now, rooms.lease(), journal);
        Condition condition = Condition.ifAbsent();
        for (int attempt = 1; ; attempt++) {
            String key = BucketLocks.key(table);
            PutOutcome outcome =
                    condition instanceof Condition.IfMatch
                            ? locks.takeOver(key, lock.encode(), condition, batch)
                            : rooms.writes().write(key, lock.encode(), condition, batch);
            if (outcome instanceof PutOutcome.Landed landed) {
                mine.lock = lock;
                mine.etag = landed.etag();
                locks.forgetSighting(table);
                confirmed(sent);
                return;
            }
            Optional<BucketLocks.Found> found = BucketLocks.read(rooms.store(), table);
            if (found.isPresent() && !found.get().lock().isOf(rooms.owner(), batch)) {
                locks.requireTakeable(found.get());
            }
            if (attempt >= ATTEMPTS) {
                throw outcome instanceof PutOutcome.Unknown unknown
                        ? unclear(unknown.cause())
                        : changing(table);
            }
            condition = found.map(f -> Condition.ifMatch(f.etag())).orElse(Condition.ifAbsent());
            long epoch = found.map(f -> f.lock().epoch() + 1).orElse(1L);
            if (found.isPresent()) {
                displaced.add(found.get().lock().batch());
                log.atInfo()
                        .addKeyValue("table", table.display())
                        .addKeyValue("from", found.get().lock().holder())
                        .log("lock is taken over");
            }
            lock =
                    new TableLock(
                            table,
                            batch,
                            state,
                            rooms.owner(),
                            epoch,
                            0,
                            now,
                            now,
                            rooms.lease(),
                            journal);
        }
    }

    /**
     * The batches from which locks were taken over: none of them can be committed any more. What they have
     * left elsewhere is this one's to clear away.
     */
    public synchronized Set<BatchId> displaced() {
        return Set.copyOf(displaced);
    }

    /**
     * L3, for {@link TableLocks#takeOver}.
     *
     * @param won whether the first lock of the batch is this daemon's already
     */
    synchronized void takeOver(TableName table, boolean won) throws IOException {
        var mine = new Held(table);
        held.put(table, mine);
        for (int attempt = 1; attempt <= ATTEMPTS; attempt++) {
            BucketLocks.Found found = BucketLocks.read(rooms.store(), table).orElse(null);
            if (found == null || !found.lock().batch().equals(batch)) {
                throw new LockLostException(batch, table, found == null ? null : found.lock());
            }
            TableLock before = found.lock();
            boolean own = before.isOf(rooms.owner(), batch);
            if (!own && !won && locks.watch(found).isPositive()) {
                throw TableLockedException.alive(before);
            }
            long sent = rooms.nanoTime().getAsLong();
            Instant now = rooms.clock().instant();
            var lock =
                    new TableLock(
                            table,
                            batch,
                            state,
                            rooms.owner(),
                            own ? before.epoch() : before.epoch() + 1,
                            before.renewal() + 1,
                            own ? before.since() : now,
                            now,
                            rooms.lease(),
                            journal);
            Condition condition = Condition.ifMatch(found.etag());
            switch (rooms.writes().write(BucketLocks.key(table), lock.encode(), condition, batch)) {
                case PutOutcome.Landed landed -> {
                    mine.lock = lock;
                    mine.etag = landed.etag();
                    locks.forgetSighting(table);
                    confirmed(sent);
                    if (!own) {
                        log.atInfo()
                                .addKeyValue("table", table.display())
                                .addKeyValue("from", before.holder())
                                .log("committed lock is taken over");
                    }
                    return;
                }
                case PutOutcome.Unknown unknown -> throw unclear(unknown.cause());
                case PutOutcome.ForeignWrite _ -> {
                    // looked at again: it was renewed, or another takes it over
                }
            }
        }
        throw changing(table);
    }

    /**
     * Looks who finishes the batch, whose locks are lost: another owner that has locks of it now. Empty if
     * nobody does. A GET a table.
     */
    public synchronized Optional<TableLock> finisher() throws IOException {
        for (TableName table : held.keySet()) {
            Optional<TableLock> now =
                    BucketLocks.read(rooms.store(), table)
                            .map(BucketLocks.Found::lock)
                            .filter(lock -> lock.batch().equals(batch))
                            .filter(lock -> !lock.isOf(rooms.owner(), batch));
            if (now.isPresent()) {
                return now;
            }
        }
        return Optional.empty();
    }

    /** In whose name the locks are held. */
    public LockOwner owner() {
        return rooms.owner();
    }

    /** The time that goes into locks; for people. */
    public Instant now() {
        return rooms.clock().instant();
    }

    void resume(TableName table) {
        resumed = true;
        held.put(table, new Held(table));
    }

    /** Whether another process than this one committed the batch. */
    public boolean isResumed() {
        return resumed;
    }

    /**
     * Locks anew what was lost, for an operator who wants to go on with the batch.
     *
     * @throws TableLockedException another has it
     */
    public synchronized void reacquire() throws IOException {
        for (TableName table : List.copyOf(held.keySet())) {
            try {
                take(table);
            } catch (TableLockedException e) {
                lost = new LockLostException(batch, table, e.lock());
                throw e;
            }
        }
        lost = null;
    }

    // ---- holding ---------------------------------------------------------------------------

    private void confirmed(long sentNanos) {
        confirmedNanos = sentNanos;
        confirmedEver = true;
    }

    private boolean isFresh() {
        return confirmedEver
                && rooms.nanoTime().getAsLong() - confirmedNanos < rooms.lease().toNanos();
    }

    /**
     * To be called before each write to a table. Asks the store only if the last sign of life is older
     * than the lease: the process may have been stopped meanwhile, and its locks be another's.
     *
     * @throws LockLostException do not write
     * @throws IOException nobody answers: do not write now
     */
    public void confirm() throws IOException {
        LockLostException known = lost;
        if (known != null) {
            throw known;
        }
        if (!isFresh()) {
            renew();
        }
    }

    /**
     * Gives a sign of life: a PUT a table.
     *
     * @throws LockLostException now or before; see {@link #lost}
     * @throws IOException nobody answers; the locks may still be there
     */
    public synchronized void renew() throws IOException {
        LockLostException known = lost;
        if (known != null) {
            throw known;
        }
        long sent = rooms.nanoTime().getAsLong();
        for (Held each : held.values()) {
            if (released) {
                return;
            }
            renew(each);
        }
        confirmed(sent);
    }

    private void renew(Held each) throws IOException {
        for (int attempt = 1; ; attempt++) {
            if (each.etag == null) {
                find(each);
            }
            TableLock before = each.lock;
            String etag = each.etag;
            assert before != null && etag != null : each.table;
            TableLock next =
                    new TableLock(
                            each.table,
                            batch,
                            state,
                            rooms.owner(),
                            before.epoch(),
                            before.renewal() + 1,
                            before.since(),
                            rooms.clock().instant(),
                            rooms.lease(),
                            journal);
            String key = BucketLocks.key(each.table);
            each.etag = null; // not known until there is an answer
            switch (rooms.writes().write(key, next.encode(), Condition.ifMatch(etag), batch)) {
                case PutOutcome.Landed landed -> {
                    each.lock = next;
                    each.etag = landed.etag();
                    return;
                }
                case PutOutcome.Unknown unknown -> throw unclear(unknown.cause());
                case PutOutcome.ForeignWrite _ -> {
                    find(each); // an earlier write of ours may have landed late
                    if (attempt >= ATTEMPTS) {
                        throw changing(each.table);
                    }
                }
            }
        }
    }

    /** L5. */
    private void find(Held each) throws IOException {
        try {
            BucketLocks.Found found = mine(each.table);
            each.lock = found.lock();
            each.etag = found.etag();
        } catch (LockLostException loss) {
            lost = loss;
            log.atError()
                    .addKeyValue("batch", batch)
                    .addKeyValue("cause", loss.getMessage())
                    .log("lock lost; the batch writes nothing any more");
            throw loss;
        }
    }

    private BucketLocks.Found mine(TableName table) throws IOException {
        BucketLocks.Found found;
        try {
            found = BucketLocks.read(rooms.store(), table).orElse(null);
        } catch (DamagedTableException e) {
            throw new LockLostException(batch, table, String.valueOf(e.getMessage()));
        }
        if (found == null || !found.lock().isOf(rooms.owner(), batch)) {
            throw new LockLostException(batch, table, found == null ? null : found.lock());
        }
        return found;
    }

    private static IOException unclear(IOException cause) {
        return cause instanceof StoreUnreachableException
                ? cause
                : new StoreUnreachableException(String.valueOf(cause.getMessage()), cause);
    }

    private static IOException changing(TableName table) {
        return new StoreUnreachableException(
                "the lock of %s changes all the time: try again".formatted(table.display()));
    }

    /**
     * Says in the bucket that the batch is committed, so that its locks do not expire any more: before the
     * journal says it. Durable on return.
     *
     * @param copy the name of its copy in the bucket; empty: there is none
     * @throws LockLostException it cannot be committed
     * @throws IOException unclear; {@link #reopen} and renew, or release
     */
    public synchronized void commit(String copy) throws IOException {
        state = TableLock.State.COMMITTED;
        journal = copy;
        renew();
    }

    /** Takes {@link #commit} back, with the next renewal. */
    public synchronized void reopen() {
        state = TableLock.State.OPEN;
        journal = "";
    }

    /**
     * Says that nobody here renews or releases them any more: what is left expires, or is taken back by the
     * next batch, or released with what former processes left.
     */
    public void abandon() {
        locks.released(batch);
    }

    // ---- releasing -------------------------------------------------------------------------

    /**
     * Removes the locks that are still the batch's. May be repeated after a failure.
     *
     * @throws IOException nobody answers: some may be left
     */
    public synchronized void release() throws IOException {
        released = true;
        List<Held> left = new ArrayList<>(held.values());
        for (Held each : left) {
            release(each);
            held.remove(each.table);
        }
        locks.released(batch);
    }

    private void release(Held each) throws IOException {
        for (int attempt = 1; attempt <= ATTEMPTS; attempt++) {
            String etag = each.etag;
            if (etag == null) {
                try {
                    etag = mine(each.table).etag();
                } catch (LockLostException notOurs) {
                    return; // so there is nothing to release
                }
            }
            each.etag = null;
            switch (rooms.writes().delete(BucketLocks.key(each.table), etag)) {
                case DeleteOutcome.Gone _ -> {
                    return;
                }
                case DeleteOutcome.Unknown unknown -> throw unclear(unknown.cause());
                case DeleteOutcome.ForeignWrite foreign ->
                        log.atDebug()
                                .addKeyValue("table", each.table.display())
                                .addKeyValue("etag", foreign.foundEtag())
                                .log("the lock has changed; looking again");
            }
        }
        throw changing(each.table);
    }
}
