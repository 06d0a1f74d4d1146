package aria.s3batch.daemon;

import static aria.s3batch.daemon.ConductorWorld.LEASE;
import static aria.s3batch.daemon.ConductorWorld.ORDERS;
import static aria.s3batch.daemon.ConductorWorld.PAGE;
import static aria.s3batch.daemon.ConductorWorld.PARTS;
import static aria.s3batch.daemon.ConductorWorld.answered;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import aria.s3batch.daemon.api.BatchDocument;
import aria.s3batch.daemon.api.Problem;
import aria.s3batch.daemon.api.Problems;
import aria.s3batch.format.BatchId;
import aria.s3batch.format.SyntheticTable;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;
import aria.s3batch.recovery.Recovery.Resolution;
import aria.s3batch.s3block.BatchLocks;
import aria.s3batch.s3block.BucketLocks;
import aria.s3batch.s3block.FaultyObjectStore;
import aria.s3batch.s3block.FaultyObjectStore.Failure;
import aria.s3batch.s3block.FaultyObjectStore.Fault;
import aria.s3batch.s3block.FaultyObjectStore.Operation;
import aria.s3batch.s3block.FaultyObjectStore.Request;
import aria.s3batch.s3block.LockOwner;
import aria.s3batch.s3block.TableLock;
import aria.s3batch.s3block.TableLocks;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Predicate;

/** What the conductor makes of locks in the bucket, of its own and of another host's. */
class LocksBetweenHostsTest {
    private static final Predicate<Request> OF_LOCKS =
            request -> request.key().startsWith("_aria_s3_batch/locks/");

    @TempDir Path journalDir;
    private ConductorWorld world;
    private TableLocks there;
    private long nanosThere;

    @BeforeEach
    void start() throws IOException {
        world = ConductorWorld.withTables(journalDir);
        world.settle();
        there =
                new TableLocks(
                        world.bucket,
                        new LockOwner("fedcba9876543210", "there", 99, "boot"),
                        LEASE,
                        () -> nanosThere,
                        () -> Instant.EPOCH);
    }

    @AfterEach
    void stop() {
        world.close();
    }

    private TableLock lock(TableName table) throws IOException {
        return BucketLocks.read(world.bucket, table).orElseThrow().lock();
    }

    private List<TableName> locked() throws IOException {
        return BucketLocks.tables(world.bucket);
    }

    private BatchLocks takenOverThere() throws IOException {
        BatchId next = BatchId.of(1, 2, 3);
        assertThatThrownBy(() -> there.acquire(next, List.of(ORDERS)))
                .hasMessageContaining("locked");
        nanosThere += LEASE.toNanos();
        return there.acquire(next, List.of(ORDERS));
    }

    private void breakLock() throws IOException {
        assertThat(
                        BucketLocks.remove(
                                world.bucket, BucketLocks.read(world.bucket, ORDERS).orElseThrow()))
                .isTrue();
    }

    private void assertRefused(CompletableFuture<?> answer, String... words) {
        world.settle();
        assertThatThrownBy(() -> answered(answer))
                .hasMessageContainingAll(words)
                .satisfies(
                        e ->
                                assertThat(Problems.of(e).kind())
                                        .isEqualTo(Problem.Kind.REFUSED.key()));
    }

    private CompletableFuture<Void> stage(BatchId batch) {
        byte[] page = SyntheticTable.page(TableFile.DATA, 3, 77);
        assertThat(page).hasSize(PAGE);
        return world.conductor()
                .stagePages(batch, ORDERS, TableFile.DATA, 3, ByteBuffer.wrap(page));
    }

    /** Committed, its lock broken, and so quarantined before anything was written. */
    private BatchId quarantined() throws Exception {
        BatchId batch = world.begin(ORDERS);
        world.stage(batch, ORDERS, 3, 77);
        world.commitOnly(batch);
        breakLock();
        world.pass(LEASE);
        world.settle();
        assertThat(world.state(batch)).isEqualTo("QUARANTINED");
        return batch;
    }

    // ---- taking and giving back ------------------------------------------------------------

    @Test
    void tableIsLockedBeforeItIsRead() throws Exception {
        int before = world.store.requests().size();
        BatchId batch = world.begin(ORDERS);
        assertThat(
                        world.store.requests().stream()
                                .skip(before)
                                .map(Request::toString)
                                .filter(request -> !request.startsWith("HEAD")))
                .containsExactly(
                        "PUT _aria_s3_batch/locks/shop/orders",
                        "GET shop/orders/aria",
                        "GET shop/orders/frm");
        assertThat(lock(ORDERS).batch()).isEqualTo(batch);
        assertThat(lock(ORDERS).state()).isEqualTo(TableLock.State.OPEN);
    }

    @Test
    void tableOfAnotherHostIsRefusedAndNothingOfTheBatchIsLeft() throws Exception {
        BatchLocks theirs = there.acquire(BatchId.of(1, 2, 3), List.of(ORDERS));
        assertRefused(
                world.conductor().begin(List.of(PARTS, ORDERS)),
                "shop.orders",
                theirs.batch().toString(),
                "there",
                "Nothing was changed");
        assertThat(locked()).containsExactly(ORDERS);
        assertThat(world.begin(PARTS)).isNotNull();
    }

    @Test
    void abortAndAnEmptyCommitGiveTheLockBackBeforeTheyAreAnswered() throws Exception {
        BatchId batch = world.begin(ORDERS);
        world.get(world.conductor().abort(batch));
        assertThat(locked()).isEmpty();
        BatchId empty = world.begin(ORDERS);
        world.get(world.conductor().commit(empty));
        assertThat(locked()).isEmpty();
    }

    @Test
    void lockThatCannotBeReleasedNowIsReleasedLaterAndDoesNotHoldUpTheNextBatch() throws Exception {
        BatchId batch = world.begin(ORDERS);
        world.store.fail(
                Fault.once(
                        OF_LOCKS.and(FaultyObjectStore.any(Operation.DELETE)),
                        Failure.UNREACHABLE_BEFORE));
        world.get(world.conductor().abort(batch));
        assertThat(locked()).containsExactly(ORDERS);
        BatchId next = world.begin(ORDERS);
        assertThat(lock(ORDERS).batch()).isEqualTo(next);
        world.store.fail(
                Fault.once(
                        OF_LOCKS.and(FaultyObjectStore.any(Operation.DELETE)),
                        Failure.UNREACHABLE_BEFORE));
        world.get(world.conductor().abort(next));
        assertThat(locked()).containsExactly(ORDERS);
        world.pass(LEASE);
        world.settle();
        assertThat(locked()).isEmpty();
    }

    @Test
    void appliedBatchHasGivenItsLockBackBeforeItIsForgotten() throws Exception {
        BatchId batch = world.begin(ORDERS);
        world.stage(batch, ORDERS, 3, 77);
        world.store.fail(
                Fault.once(
                                OF_LOCKS.and(FaultyObjectStore.any(Operation.DELETE)),
                                Failure.UNREACHABLE_BEFORE)
                        .forEver());
        var commit = world.conductor().commit(batch);
        world.settle();
        assertThat(answered(commit).state()).isEqualTo("COMMITTED");
        assertThat(world.document(batch).reason()).contains("over", "locks", "injected");
        assertThat(world.batchFolders()).as("its pages are gone").isEmpty();
        assertThat(world.journalIsEmpty()).as("forgotten").isFalse();
        world.restart();
        world.store.heal();
        world.settle();
        assertThat(locked()).isEmpty();
        assertThat(world.journalIsEmpty()).isTrue();
        assertThat(world.get(world.conductor().batches())).isEmpty();
    }

    @Test
    void locksOfOpenBatchesAreReleasedByTheNextStart() throws Exception {
        world.begin(ORDERS);
        world.restart();
        assertThat(world.begin(ORDERS)).as("at once").isNotNull();
        world.restart();
        world.settle();
        assertThat(locked()).isEmpty();
    }

    @Test
    void cleanStopReleasesTheLocksOfOpenBatches() throws Exception {
        world.begin(ORDERS);
        var _ = world.conductor().stop();
        world.settle();
        assertThat(locked()).isEmpty();
    }

    // ---- leases ----------------------------------------------------------------------------

    @Test
    void lockIsRenewedThreeTimesALease() throws Exception {
        world.begin(ORDERS);
        for (int renewal = 0; renewal <= 6; renewal++) {
            assertThat(lock(ORDERS).renewal()).isEqualTo(renewal);
            world.pass(LEASE.dividedBy(3));
            world.settle();
        }
    }

    /** Nobody knows how long a store hangs: threads must not gather meanwhile. */
    @Test
    void renewalThatHangsIsTheOnlyOneOfItsBatch() throws Exception {
        world.begin(ORDERS);
        for (int i = 0; i < 5; i++) {
            world.pass(LEASE.dividedBy(3));
            world.cycle();
            assertThat(world.workers).hasSize(1);
        }
        world.settle();
        assertThat(lock(ORDERS).renewal()).as("one, and then what was due").isBetween(1L, 2L);
    }

    @Test
    void storeThatIsAwayForAWhileCostsNoLock() throws Exception {
        BatchId batch = world.begin(ORDERS);
        world.store.fail(Fault.once(OF_LOCKS, Failure.UNREACHABLE_BEFORE).forEver());
        for (int i = 0; i < 9; i++) {
            world.pass(LEASE.dividedBy(3));
            world.settle();
        }
        world.store.heal();
        world.stage(batch, ORDERS, 3, 77);
        world.get(world.conductor().commit(batch));
        assertThat(world.state(batch)).isEqualTo("APPLIED");
    }

    @Test
    void batchWhoseLockWasTakenOverCanOnlyBeAbortedAndSaysWhy() throws Exception {
        BatchId batch = world.begin(ORDERS);
        world.stage(batch, ORDERS, 3, 77);
        BatchLocks theirs = takenOverThere();
        world.pass(LEASE);
        world.settle();
        BatchDocument stopped = world.document(batch);
        assertThat(stopped.state()).isEqualTo("OPEN");
        assertThat(stopped.reason()).contains("lost its lock on shop.orders", "there", "Abort it");
        assertRefused(stage(batch), "lost its lock", "there");
        assertRefused(world.conductor().commit(batch), "lost its lock", "there");
        world.get(world.conductor().abort(batch));
        assertThat(lock(ORDERS).batch()).isEqualTo(theirs.batch());
        theirs.renew();
    }

    /** Nobody has told it yet: the lock itself does, when the commit is to be written there. */
    @Test
    void commitOfAPausedDaemonIsRefusedAndWritesNothing() throws Exception {
        BatchId batch = world.begin(ORDERS);
        world.stage(batch, ORDERS, 3, 77);
        takenOverThere().release();
        int before = world.store.requests().size();
        assertRefused(world.conductor().commit(batch), "lost its lock", "Abort it");
        assertThat(world.store.requests().stream().skip(before))
                .noneMatch(FaultyObjectStore.anyWrite());
        assertThat(world.state(batch)).isEqualTo("OPEN");
        assertThat(world.journalIsEmpty()).isTrue();
    }

    // ---- commit ----------------------------------------------------------------------------

    /** W6. */
    @Test
    void lockSaysCommittedBeforeTheJournalDoes() throws Exception {
        BatchId batch = world.begin(ORDERS);
        world.stage(batch, ORDERS, 3, 77);
        world.failJournal("commit");
        var commit = world.conductor().commit(batch);
        world.settle();
        assertThat(commit).isCompletedExceptionally();
        assertThat(lock(ORDERS).state()).isEqualTo(TableLock.State.COMMITTED);
        world.restart();
        world.settle();
        assertThat(locked()).as("it was never committed").isEmpty();
    }

    @Test
    void refusedCommitOpensTheLockAgain() throws Exception {
        BatchId batch = world.begin(ORDERS);
        world.stage(batch, ORDERS, 3, 77);
        world.store.fail(
                Fault.once(
                        OF_LOCKS.and(FaultyObjectStore.any(Operation.PUT)), Failure.ANSWER_LOST));
        world.store.fail(
                Fault.once(
                        OF_LOCKS.and(FaultyObjectStore.any(Operation.HEAD)),
                        Failure.UNREACHABLE_BEFORE));
        var commit = world.conductor().commit(batch);
        world.settle();
        assertThat(commit).isCompletedExceptionally();
        assertThat(lock(ORDERS).state()).isEqualTo(TableLock.State.OPEN);
        world.get(world.conductor().commit(batch));
        assertThat(world.state(batch)).isEqualTo("APPLIED");
    }

    // ---- a committed batch whose lock was broken -------------------------------------------

    @Test
    void committedBatchWhoseLockIsBrokenIsQuarantinedBeforeItWritesMore() throws Exception {
        int before = world.store.requests().size();
        BatchId batch = quarantined();
        assertThat(world.store.requests().stream().skip(before))
                .noneMatch(FaultyObjectStore.anyWrite());
        assertThat(world.document(batch).reason())
                .contains("lost its lock", "broke", "written nothing since");
    }

    @ParameterizedTest
    @EnumSource(names = {"RETRY", "FORCE"})
    void operatorCanGoOnWithItIfNobodyElseHasTheTable(Resolution resolution) throws Exception {
        BatchId batch = quarantined();
        BatchLocks theirs = there.acquire(BatchId.of(1, 2, 3), List.of(ORDERS));
        assertRefused(
                world.conductor().resolve(batch, resolution), "shop.orders is locked", "there");
        assertThat(world.state(batch)).isEqualTo("QUARANTINED");
        theirs.release();
        world.get(world.conductor().resolve(batch, resolution));
        assertThat(world.state(batch)).isEqualTo("APPLIED");
        assertThat(locked()).isEmpty();
    }

    @Test
    void discardOfItLeavesTheOthersLock() throws Exception {
        BatchId batch = quarantined();
        there.acquire(BatchId.of(1, 2, 3), List.of(ORDERS));
        world.get(world.conductor().resolve(batch, Resolution.DISCARD));
        assertThat(world.state(batch)).isEqualTo("ABORTED");
        assertThat(locked()).containsExactly(ORDERS);
        assertThat(world.journalIsEmpty()).isTrue();
    }

    @Test
    void itIsQuarantinedAfterARestartToo() throws Exception {
        BatchId batch = world.begin(ORDERS);
        world.stage(batch, ORDERS, 3, 77);
        world.commitOnly(batch);
        breakLock();
        there.acquire(BatchId.of(1, 2, 3), List.of(ORDERS));
        world.restart();
        int before = world.store.requests().size();
        world.settle();
        assertThat(world.state(batch)).isEqualTo("QUARANTINED");
        assertThat(world.document(batch).reason()).contains("lost its lock", "there");
        assertThat(world.store.requests().stream().skip(before))
                .noneMatch(FaultyObjectStore.anyWrite());
    }

    /** In the middle of its blocks: a pause of the process, longer than the lease. */
    @Test
    void batchThatIsPausedInMidApplyWritesNothingOnceItsLockWasBroken() throws Exception {
        BatchId batch = world.begin(ORDERS);
        world.stage(batch, ORDERS, 3, 77);
        world.stage(batch, ORDERS, 9, 77);
        world.store.before(
                1,
                FaultyObjectStore.any(Operation.PUT)
                        .and(request -> request.key().contains("/data/")),
                () -> {
                    try {
                        breakLock();
                        there.acquire(BatchId.of(1, 2, 3), List.of(ORDERS));
                    } catch (IOException e) {
                        throw new AssertionError(e);
                    }
                    world.pass(LEASE.plus(Duration.ofSeconds(1)));
                });
        var _ = world.conductor().commit(batch);
        world.settle();
        assertThat(world.state(batch)).isEqualTo("QUARANTINED");
        assertThat(world.document(batch).reason()).contains("lost its lock", "fence");
        assertThat(
                        world.store.requests().stream()
                                .filter(FaultyObjectStore.any(Operation.PUT))
                                .filter(request -> request.key().startsWith("shop/")))
                .as("the one that was on its way, and none after it")
                .hasSize(1);
    }
}
