package aria.s3batch.daemon;

import static aria.s3batch.daemon.ConductorWorld.LEASE;
import static aria.s3batch.daemon.ConductorWorld.ORDERS;
import static aria.s3batch.daemon.ConductorWorld.PARTS;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import aria.s3batch.daemon.api.BatchDocument;
import aria.s3batch.format.BatchId;
import aria.s3batch.recovery.Durability;
import aria.s3batch.s3block.BucketLocks;
import aria.s3batch.s3block.Condition;
import aria.s3batch.s3block.FaultyObjectStore.Failure;
import aria.s3batch.s3block.FaultyObjectStore.Fault;
import aria.s3batch.s3block.FaultyObjectStore.Operation;
import aria.s3batch.s3block.FaultyObjectStore.Request;
import aria.s3batch.s3block.LockOwner;
import aria.s3batch.s3block.StoreUnreachableException;
import aria.s3batch.s3block.TableLock;
import aria.s3batch.s3block.TableLocks;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

/** Commits with durability=bucket: what of them is in the bucket, and when. */
class BucketCommitTest {
    private static final String OURS = "_aria_s3_batch/";
    private static final String COPIES = OURS + "journal/";

    @TempDir Path journalDir;
    private ConductorWorld world;

    @BeforeEach
    void start() throws IOException {
        world = ConductorWorld.withTables(journalDir);
        world.durability = Durability.BUCKET;
        world.restart();
        world.settle();
    }

    @AfterEach
    void stop() {
        world.close();
    }

    private static boolean writesALock(Request request) {
        return request.operation() == Operation.PUT && request.key().startsWith(OURS + "locks/");
    }

    private List<String> below(String prefix) {
        List<String> keys = new ArrayList<>();
        world.bucket.list(prefix, object -> keys.add(object.key()));
        return keys;
    }

    private BatchId staged() throws Exception {
        BatchId batch = world.begin(ORDERS, PARTS);
        world.stage(batch, ORDERS, 3, 77);
        world.stage(batch, PARTS, 3, 78);
        return batch;
    }

    private List<TableLock> locks() throws IOException {
        List<TableLock> locks = new ArrayList<>();
        for (var table : BucketLocks.tables(world.bucket)) {
            locks.add(BucketLocks.read(world.bucket, table).orElseThrow().lock());
        }
        return locks;
    }

    /** The first lock says so when the record is there, which is there when all pages are. */
    @Test
    void copyIsWholeBeforeTheLocksNameIt() throws Exception {
        BatchId batch = staged();
        int before = world.store.requests().size();
        BatchDocument committed = world.commitOnly(batch);

        assertThat(committed.durability()).isEqualTo("bucket");
        List<String> writes =
                world.store.requests().stream()
                        .skip(before)
                        .filter(request -> request.operation() == Operation.PUT)
                        .map(request -> request.key().replaceAll("/[0-9a-f]{16}/", "/NAME/"))
                        .toList();
        assertThat(writes)
                .startsWith(
                        COPIES + batch + "/NAME/pages-000000",
                        COPIES + batch + "/NAME/record",
                        OURS + "locks/shop/orders",
                        OURS + "locks/shop/parts");
        assertThat(locks())
                .hasSize(2)
                .allMatch(lock -> lock.state() == TableLock.State.COMMITTED)
                .extracting(TableLock::journal)
                .allMatch(name -> below(COPIES + batch + "/" + name).size() == 2);
        world.settle();
        world.pass(LEASE);
        world.settle();
        assertThat(world.state(batch)).isEqualTo("APPLIED");
        assertThat(below(OURS)).isEmpty();
    }

    @Test
    void localCommitMakesNoRequestMore() throws Exception {
        world.durability = Durability.LOCAL;
        world.restart();
        world.settle();
        int before = world.store.requests().size();
        BatchId batch = staged();
        assertThat(world.commitOnly(batch).durability()).isEqualTo("local");
        world.settle();
        assertThat(world.state(batch)).isEqualTo("APPLIED");
        assertThat(world.store.requests().stream().skip(before))
                .noneMatch(request -> request.key().startsWith(COPIES))
                .noneMatch(request -> request.operation() == Operation.LIST);
    }

    @Test
    void refusedCommitLeavesNoCopy() throws Exception {
        BatchId batch = staged();
        world.store.fail(Fault.onNth(2, BucketCommitTest::writesALock, Failure.REFUSED));
        assertThatThrownBy(() -> world.get(world.conductor().commit(batch)))
                .isInstanceOf(IOException.class);

        assertThat(below(COPIES)).isEmpty();
        assertThat(world.state(batch)).isEqualTo("OPEN");
        assertThat(locks()).allMatch(lock -> lock.state() == TableLock.State.OPEN);
        world.store.heal();
        assertThat(world.get(world.conductor().commit(batch)).durability()).isEqualTo("bucket");
        world.settle();
        assertThat(below(OURS)).isEmpty();
    }

    /** The store goes away between copy and locks, and stays away until the batch is aborted. */
    private BatchId refusedWhileTheStoreIsAway() throws Exception {
        BatchId batch = staged();
        boolean[] away = new boolean[1];
        world.store.fail(
                Fault.once(
                                request -> {
                                    away[0] |= writesALock(request);
                                    return away[0];
                                },
                                Failure.UNREACHABLE_BEFORE)
                        .forEver());
        assertThatThrownBy(() -> world.get(world.conductor().commit(batch)))
                .isInstanceOf(StoreUnreachableException.class)
                .hasMessageContaining("is not committed")
                .hasMessageContaining("Commit it again, or abort it");
        assertThat(below(COPIES)).isNotEmpty();
        return batch;
    }

    @Test
    void abortDeletesWhatARefusedCommitHadToLeave() throws Exception {
        BatchId batch = refusedWhileTheStoreIsAway();
        world.store.heal();
        world.get(world.conductor().abort(batch));
        assertThat(below(OURS)).isEmpty();
    }

    @Test
    void whatAnAbortHasToLeaveIsDeletedWhenTheStoreIsBack() throws Exception {
        BatchId batch = refusedWhileTheStoreIsAway();
        world.get(world.conductor().abort(batch));
        assertThat(below(COPIES)).isNotEmpty();
        world.store.heal();
        world.pass(LEASE);
        world.settle();
        assertThat(below(OURS)).isEmpty();
    }

    /** The PUT of its lock took effect, and its answer was lost: the lock promises a copy that is deleted. */
    @Test
    void lockThatWasCommittedWithoutAnAnswerIsReleasedWhenTheStoreIsBack() throws Exception {
        BatchId batch = staged();
        boolean[] away = new boolean[1];
        world.store.fail(Fault.once(BucketCommitTest::writesALock, Failure.ANSWER_LOST));
        world.store.before(1, BucketCommitTest::writesALock, () -> away[0] = true);
        world.store.fail(Fault.once(request -> away[0], Failure.UNREACHABLE_BEFORE).forEver());
        assertThatThrownBy(() -> world.get(world.conductor().commit(batch)))
                .isInstanceOf(StoreUnreachableException.class);
        world.get(world.conductor().abort(batch));
        assertThat(locks()).anyMatch(lock -> lock.state() == TableLock.State.COMMITTED);
        world.store.heal();
        world.pass(LEASE);
        world.settle();
        assertThat(below(OURS)).isEmpty();
        assertThat(world.begin(ORDERS)).isNotNull();
    }

    @Test
    void localCommitAfterARefusedOneLeavesNothingEither() throws Exception {
        BatchId batch = refusedWhileTheStoreIsAway();
        world.store.heal();
        CompletableFuture<BatchDocument> again =
                world.conductor().commit(batch, null, Durability.LOCAL, null, "");
        assertThat(world.get(again).durability()).isEqualTo("local");
        world.settle();
        assertThat(world.state(batch)).isEqualTo("APPLIED");
        assertThat(below(OURS)).isEmpty();
    }

    @Test
    void takeoverOfAnOpenLockDeletesTheCopyOfTheBatchThatHadIt() throws Exception {
        BatchId gone = BatchId.of(1, 2, 3);
        var there =
                new TableLocks(
                        world.bucket,
                        new LockOwner("fedcba9876543210", "there", 99, "boot"),
                        LEASE,
                        () -> 0,
                        () -> Instant.EPOCH);
        assertThat(there.acquire(gone, List.of(ORDERS)).lost()).isNull();
        world.bucket.put(
                COPIES + gone + "/0123456789abcdef/pages-000000",
                new byte[9],
                Condition.always(),
                Map.of());
        assertThatThrownBy(() -> world.begin(ORDERS)).hasMessageContaining("locked");
        world.pass(LEASE);

        BatchId batch = world.begin(ORDERS);

        assertThat(below(COPIES)).isEmpty();
        world.get(world.conductor().abort(batch));
        assertThat(below(OURS)).isEmpty();
    }
}
