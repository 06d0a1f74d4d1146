package aria.s3batch.s3block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import aria.s3batch.format.BatchId;
import aria.s3batch.format.DamagedTableException;
import aria.s3batch.format.TableName;
import aria.s3batch.s3block.FaultyObjectStore.Failure;
import aria.s3batch.s3block.FaultyObjectStore.Fault;
import aria.s3batch.s3block.FaultyObjectStore.Operation;
import aria.s3batch.s3block.FaultyObjectStore.Request;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;

/** What the locks of two daemons on one bucket promise, whatever the bucket. */
abstract class TableLocksContract {
    private static final Duration LEASE = Duration.ofSeconds(30);
    private static final TableName ORDERS = new TableName("shop", "orders");
    private static final TableName PARTS = new TableName("shop", "parts");
    private static final String ORDERS_LOCK = "_aria_s3_batch/locks/shop/orders";

    private ObjectStore bucket;
    private FaultyObjectStore store;
    private Host here;
    private Host there;
    private int batches;

    /** A daemon's view: a clock of its own, that agrees with no other, and its locks. */
    private final class Host {
        final LockOwner owner;
        final Instant time;
        TableLocks locks;
        long nanos;

        Host(String id, String name, Instant time) {
            this.owner = new LockOwner(id, name, 812, "boot-of-" + name);
            this.time = time;
            this.nanos = name.hashCode();
            this.locks = locks();
        }

        private TableLocks locks() {
            return new TableLocks(store, owner, LEASE, () -> nanos, () -> time.plusNanos(nanos));
        }

        void pass(Duration duration) {
            nanos += duration.toNanos();
        }

        void restart() {
            locks = locks();
        }
    }

    /** A store on an empty bucket, for one test. */
    abstract ObjectStore bucket() throws IOException;

    @BeforeEach
    void hosts() throws IOException {
        bucket = bucket();
        store = new FaultyObjectStore(bucket);
        here = new Host("aaaaaaaaaaaaaaaa", "here", Instant.parse("2026-11-21T12:00:00Z"));
        there = new Host("bbbbbbbbbbbbbbbb", "there", Instant.parse("2031-01-01T00:00:00Z"));
    }

    private BatchId batch() {
        return BatchId.of(1_700_000_000_000L, ++batches, 7);
    }

    private void pass(Duration duration) {
        here.pass(duration);
        there.pass(duration);
    }

    private List<TableName> locked() throws IOException {
        return BucketLocks.tables(bucket);
    }

    private BucketLocks.Found found(TableName table) throws IOException {
        return BucketLocks.read(bucket, table).orElseThrow();
    }

    // ---- one writer ------------------------------------------------------------------------

    @Test
    void lockedTableIsRefusedAtOnceAndTheHolderNamed() throws IOException {
        BatchLocks held = here.locks.acquire(batch(), List.of(ORDERS));
        assertThatThrownBy(() -> there.locks.acquire(batch(), List.of(ORDERS)))
                .isInstanceOf(TableLockedException.class)
                .hasMessageContainingAll(
                        "shop.orders", held.batch().toString(), "process 812 on here", "open");
        assertThatCode(held::renew).doesNotThrowAnyException();
        held.release();
        assertThatCode(() -> there.locks.acquire(batch(), List.of(ORDERS)))
                .doesNotThrowAnyException();
    }

    @Test
    void partitionsOfATableHaveOneLock() throws IOException {
        TableName first = new TableName("shop", "log#P#p0");
        TableName second = new TableName("shop", "log#P#p1");
        BatchLocks held = here.locks.acquire(batch(), List.of(first, second));
        assertThat(locked()).containsExactly(first.base());
        assertThatThrownBy(() -> there.locks.acquire(batch(), List.of(second)))
                .isInstanceOf(TableLockedException.class);
        held.release();
        assertThat(locked()).isEmpty();
    }

    @Test
    void batchGetsAllItsLocksOrNone() throws IOException {
        here.locks.acquire(batch(), List.of(PARTS));
        assertThatThrownBy(() -> there.locks.acquire(batch(), List.of(ORDERS, PARTS)))
                .isInstanceOf(TableLockedException.class);
        assertThat(locked()).containsExactly(PARTS);
    }

    /** Both look, and find the table free. */
    @Test
    void ofTwoWhoLockAtTheSameMomentOneWins() throws IOException {
        store.before(
                1,
                FaultyObjectStore.on(Operation.PUT, ORDERS_LOCK),
                () ->
                        assertThatCode(() -> there.locks.acquire(batch(), List.of(ORDERS)))
                                .doesNotThrowAnyException());
        assertThatThrownBy(() -> here.locks.acquire(batch(), List.of(ORDERS)))
                .isInstanceOf(TableLockedException.class)
                .hasMessageContaining("there");
    }

    // ---- leases ----------------------------------------------------------------------------

    @Test
    void openLockIsTakenOverWhenItWasSeenUnchangedForItsLeaseAndNoEarlier() throws IOException {
        BatchLocks held = here.locks.acquire(batch(), List.of(ORDERS));
        pass(Duration.ofDays(1)); // nobody was looking
        BatchId next = batch();
        assertThatThrownBy(() -> there.locks.acquire(next, List.of(ORDERS)))
                .isInstanceOf(TableLockedException.class)
                .hasMessageContaining("in 31 s");
        pass(LEASE.minusSeconds(1));
        held.renew();
        pass(Duration.ofSeconds(2));
        assertThatThrownBy(() -> there.locks.acquire(next, List.of(ORDERS)))
                .isInstanceOf(TableLockedException.class);
        pass(LEASE.minusMillis(1));
        assertThatThrownBy(() -> there.locks.acquire(next, List.of(ORDERS)))
                .isInstanceOf(TableLockedException.class);
        pass(Duration.ofMillis(1));
        there.locks.acquire(next, List.of(ORDERS));
        assertThat(found(ORDERS).lock().batch()).isEqualTo(next);
        assertThat(found(ORDERS).lock().epoch()).isEqualTo(2);
    }

    @Test
    void lockThatWasTakenOverIsLostForGoodAndNotTouched() throws IOException {
        BatchLocks held = here.locks.acquire(batch(), List.of(ORDERS));
        takeOver();
        BucketLocks.Found theirs = found(ORDERS);
        for (int i = 0; i < 2; i++) {
            assertThatThrownBy(held::renew)
                    .isInstanceOf(LockLostException.class)
                    .hasMessageContainingAll("shop.orders", "there");
            assertThatThrownBy(held::confirm).isInstanceOf(LockLostException.class);
        }
        assertThat(held.lost()).isNotNull();
        held.release();
        assertThat(found(ORDERS)).isEqualTo(theirs);
    }

    private BatchLocks takeOver() throws IOException {
        BatchId next = batch();
        assertThatThrownBy(() -> there.locks.acquire(next, List.of(ORDERS)))
                .isInstanceOf(TableLockedException.class);
        there.pass(LEASE);
        return there.locks.acquire(next, List.of(ORDERS));
    }

    @Test
    void commitIsRefusedWhenTheLockWasTakenOver() throws IOException {
        BatchLocks held = here.locks.acquire(batch(), List.of(ORDERS));
        BatchLocks theirs = takeOver();
        assertThatThrownBy(() -> held.commit("")).isInstanceOf(LockLostException.class);
        theirs.release();
        assertThatThrownBy(() -> held.commit("")).isInstanceOf(LockLostException.class);
        assertThat(locked()).isEmpty();
    }

    @Test
    void lockOfACommittedBatchIsNeverTakenOver() throws IOException {
        BatchLocks held = here.locks.acquire(batch(), List.of(ORDERS));
        held.commit("");
        for (int day = 0; day < 3; day++) {
            assertThatThrownBy(() -> there.locks.acquire(batch(), List.of(ORDERS)))
                    .isInstanceOf(TableLockedException.class)
                    .hasMessageContainingAll("committed", "lock break");
            pass(Duration.ofDays(1));
        }
        held.confirm();
    }

    @Test
    void commitThatIsTakenBackExpiresLikeAnyOther() throws IOException {
        BatchLocks held = here.locks.acquire(batch(), List.of(ORDERS));
        held.commit("");
        held.reopen();
        held.renew();
        takeOver();
        assertThatThrownBy(held::renew).isInstanceOf(LockLostException.class);
    }

    // ---- writing under a lock --------------------------------------------------------------

    @Test
    void writesUnderAFreshLockAskNothingMore() throws IOException {
        BatchLocks held = here.locks.acquire(batch(), List.of(ORDERS));
        var locked = new LockedStore(store, held);
        here.pass(LEASE.minusMillis(1));
        int before = store.requests().size();
        locked.put("shop/orders/aria", new byte[1], Condition.always(), Map.of());
        locked.delete("shop/orders/aria", Condition.always());
        assertThat(store.requests().size() - before).isEqualTo(2);
    }

    @Test
    void whoWasPausedPastItsLeaseWritesNothingOnceAnotherHasTheTable() throws IOException {
        BatchLocks held = here.locks.acquire(batch(), List.of(ORDERS));
        var locked = new LockedStore(store, held);
        takeOver();
        here.pass(LEASE);
        String key = "shop/orders/aria";
        assertThatThrownBy(() -> locked.put(key, new byte[1], Condition.always(), Map.of()))
                .isInstanceOf(LockLostException.class);
        assertThatThrownBy(() -> locked.delete(key, Condition.always()))
                .isInstanceOf(LockLostException.class);
        assertThat(store.requests()).noneMatch(FaultyObjectStore.anyWrite());
    }

    @Test
    void whoWasPausedPastItsLeaseGoesOnIfNobodyTookTheTable() throws IOException {
        BatchLocks held = here.locks.acquire(batch(), List.of(ORDERS));
        here.pass(Duration.ofDays(1));
        held.confirm();
        assertThat(found(ORDERS).lock().renewal()).isEqualTo(1);
    }

    @Test
    void brokenLockStopsItsBatchUntilItIsLockedAgain() throws IOException {
        BatchLocks held = here.locks.acquire(batch(), List.of(ORDERS));
        held.commit("");
        assertThat(BucketLocks.remove(store, found(ORDERS))).isTrue();
        here.pass(LEASE);
        assertThatThrownBy(held::confirm)
                .isInstanceOf(LockLostException.class)
                .hasMessageContaining("broke");
        held.reacquire();
        held.confirm();
        assertThat(found(ORDERS).lock().state()).isEqualTo(TableLock.State.COMMITTED);
        assertThat(BucketLocks.remove(store, found(ORDERS))).isTrue();
        BatchLocks theirs = there.locks.acquire(batch(), List.of(ORDERS));
        assertThatThrownBy(held::renew).isInstanceOf(LockLostException.class);
        assertThatThrownBy(held::reacquire).isInstanceOf(TableLockedException.class);
        assertThatThrownBy(held::confirm).isInstanceOf(LockLostException.class);
        theirs.renew();
    }

    // ---- after a restart -------------------------------------------------------------------

    @Test
    void openLocksOfAFormerProcessAreTakenBackAtOnce() throws IOException {
        here.locks.acquire(batch(), List.of(ORDERS));
        here.restart();
        here.locks.acquire(batch(), List.of(ORDERS));
        assertThat(found(ORDERS).lock().epoch()).isEqualTo(2);
    }

    /** A copy of the cache directory, or the disk in another machine: there may be two of them. */
    @Test
    void locksOfTheSameDirectoryOnAnotherHostAreAnothers() throws IOException {
        here.locks.acquire(batch(), List.of(ORDERS));
        var twin = new Host(here.owner.id(), "twin", here.time);
        assertThatThrownBy(() -> twin.locks.acquire(batch(), List.of(ORDERS)))
                .isInstanceOf(TableLockedException.class);
        assertThat(twin.locks.releaseLeft()).isZero();
    }

    @Test
    void committedBatchHasItsLocksAgainAfterARestart() throws IOException {
        BatchLocks before = here.locks.acquire(batch(), List.of(ORDERS, PARTS));
        before.commit("");
        here.restart();
        BatchLocks after = here.locks.resume(before.batch(), List.of(PARTS, ORDERS), "");
        assertThat(here.locks.releaseLeft()).isZero();
        after.confirm();
        assertThat(found(ORDERS).lock().renewal()).isEqualTo(2);
        after.release();
        assertThat(locked()).isEmpty();
    }

    @Test
    void whatFormerProcessesLeftIsReleasedAndNothingElse() throws IOException {
        here.locks.acquire(batch(), List.of(ORDERS));
        here.locks.acquire(batch(), List.of(PARTS)).commit("");
        TableName inBucket = new TableName("shop", "in_bucket");
        here.locks.acquire(batch(), List.of(inBucket)).commit("0123456789abcdef");
        TableName theirs = new TableName("shop", "theirs");
        there.locks.acquire(batch(), List.of(theirs));
        here.restart();
        TableName live = new TableName("shop", "live");
        here.locks.acquire(batch(), List.of(live));
        assertThat(here.locks.releaseLeft()).isEqualTo(2);
        assertThat(locked()).containsExactly(inBucket, live, theirs);
    }

    // ---- unclear answers and damage --------------------------------------------------------

    /** Each request of a lock's life failing once, in every way; whoever is unsure asks again. */
    @Test
    void noUnclearAnswerLosesALockOrLeavesOne() throws IOException {
        Predicate<Request> any = request -> request.key().equals(ORDERS_LOCK);
        List<Failure> failures =
                List.of(
                        Failure.UNREACHABLE_BEFORE,
                        Failure.ANSWER_LOST,
                        Failure.SERVER_ERROR,
                        Failure.CONFLICT_409,
                        Failure.CONDITION_FAILED_412,
                        Failure.DONE_BUT_412);
        int struck = 0;
        for (Failure failure : failures) {
            for (int n = 1; n <= 4; n++) {
                store.fail(Fault.onNth(n, any, failure));
                String what = failure + " at request " + n;
                BatchLocks held = acquired(what);
                patiently(held::renew, what);
                patiently(() -> held.commit(""), what);
                assertThat(found(ORDERS).lock().state()).isEqualTo(TableLock.State.COMMITTED);
                patiently(held::release, what);
                assertThat(locked()).as(what).isEmpty();
                store.heal();
                struck++;
            }
        }
        assertThat(struck).isEqualTo(24);
    }

    private BatchLocks acquired(String what) throws IOException {
        try {
            return here.locks.acquire(batch(), List.of(ORDERS));
        } catch (StoreUnreachableException e) {
            assertThat(e).as(what).hasMessageContaining(ORDERS_LOCK);
            return here.locks.acquire(batch(), List.of(ORDERS));
        }
    }

    private interface Request0 {
        void run() throws IOException;
    }

    private static void patiently(Request0 request, String what) throws IOException {
        try {
            request.run();
        } catch (StoreUnreachableException e) {
            assertThat(e).as(what).hasMessageContaining(ORDERS_LOCK);
            request.run();
        }
    }

    @Test
    void lockIsReadBackAsItWasWritten() throws IOException {
        here.locks.acquire(batch(), List.of(ORDERS)).commit("0123456789abcdef");
        TableLock lock = found(ORDERS).lock();
        assertThat(lock.owner()).isEqualTo(here.owner);
        assertThat(lock.state()).isEqualTo(TableLock.State.COMMITTED);
        assertThat(lock.lease()).isEqualTo(LEASE);
        assertThat(lock.journal()).isEqualTo("0123456789abcdef");
        assertThat(TableLock.parse(ORDERS_LOCK, ORDERS, lock.encode())).isEqualTo(lock);
    }

    @Test
    void damagedLockIsNamedNeverBelieved() throws IOException {
        BatchLocks held = here.locks.acquire(batch(), List.of(ORDERS));
        byte[] body = found(ORDERS).lock().encode();
        for (int at = 0; at < body.length; at++) {
            byte[] flipped = body.clone();
            flipped[at] ^= 4;
            assertThatThrownBy(() -> TableLock.parse(ORDERS_LOCK, ORDERS, flipped))
                    .as("byte %d", at)
                    .isInstanceOf(DamagedTableException.class)
                    .hasMessageContaining(ORDERS_LOCK);
            byte[] cut = Arrays.copyOf(body, at);
            assertThatThrownBy(() -> TableLock.parse(ORDERS_LOCK, ORDERS, cut))
                    .as("cut to %d", at)
                    .isInstanceOf(DamagedTableException.class);
        }
        byte[] foreign = "not a lock".getBytes(StandardCharsets.UTF_8);
        store.put(ORDERS_LOCK, foreign, Condition.always(), Map.of());
        assertThatThrownBy(() -> there.locks.acquire(batch(), List.of(ORDERS)))
                .isInstanceOf(DamagedTableException.class)
                .hasMessageContaining(ORDERS_LOCK);
        assertThatThrownBy(held::renew)
                .isInstanceOf(LockLostException.class)
                .hasMessageContaining("not a lock");
        held.release();
        assertThat(locked()).as("nobody's lock").containsExactly(ORDERS);
        BucketLocks.removeDamaged(store, ORDERS);
        assertThat(locked()).isEmpty();
    }
}
