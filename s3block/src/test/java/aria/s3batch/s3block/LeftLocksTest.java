package aria.s3batch.s3block;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.format.BatchId;
import aria.s3batch.format.TableName;

import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Locks of a former process of the same cache directory, among objects that are no locks. */
final class LeftLocksTest {
    private static final TableName ORDERS = new TableName("shop", "orders");
    private static final TableName STOCK = new TableName("shop", "stock");
    private static final BatchId BATCH = BatchId.of(1_700_000_000_000L, 1, 2);

    private final MemoryObjectStore store = new MemoryObjectStore();

    private TableLocks process(long pid) {
        return process(store, pid);
    }

    private static TableLocks process(ObjectStore store, long pid) {
        return new TableLocks(
                store,
                new LockOwner("0123456789abcdef", "db7", pid, "boot"),
                Duration.ofSeconds(30),
                () -> 0,
                InstantSource.fixed(Instant.EPOCH));
    }

    private void put(String key) throws IOException {
        store.put(key, new byte[] {'?'}, Condition.always(), Map.of());
    }

    /** As S3Proxy does while it writes: its temporary file has the key and a UUID for a name. */
    @Test
    void objectsThatAreNoLocksAreLeftAloneAndHinderNobody() throws IOException {
        process(1).acquire(BATCH, List.of(STOCK));
        put("_aria_s3_batch/locks/shop/orders-fb016de0-ac2c-4432-b60c-2200e1d67c13");
        put("_aria_s3_batch/locks/readme");
        put(BucketLocks.key(ORDERS));

        assertThat(BucketLocks.tables(store)).containsExactly(ORDERS, STOCK);
        assertThat(process(2).releaseLeft()).isEqualTo(1);
        assertThat(BucketLocks.tables(store)).containsExactly(ORDERS);
    }

    /** On Ceph's gateway, which ignores If-Match on DELETE, the new lock would be deleted for the old one. */
    @Test
    void lockThatIsReleasedAsLeftIsNotTakenOverAtTheSameTime() throws Exception {
        process(1).acquire(BATCH, List.of(STOCK));
        BatchId next = BatchId.of(1_700_000_000_001L, 3, 4);
        List<CompletableFuture<?>> taken = new ArrayList<>();
        TableLocks[] restarted = new TableLocks[1];
        var hasty =
                new FaultyObjectStore(store)
                        .before(
                                1,
                                FaultyObjectStore.any(FaultyObjectStore.Operation.DELETE),
                                () -> {
                                    taken.add(acquiring(restarted[0], next));
                                    awaitAWhile(taken.getFirst());
                                    store.delete(BucketLocks.key(STOCK), Condition.always());
                                });
        restarted[0] = process(hasty, 2);
        restarted[0].releaseLeft();
        taken.getFirst().get(1, TimeUnit.MINUTES);
        assertThat(BucketLocks.read(store, STOCK).orElseThrow().lock().batch()).isEqualTo(next);
    }

    private static CompletableFuture<?> acquiring(TableLocks locks, BatchId batch) {
        return CompletableFuture.runAsync(
                () -> {
                    try {
                        locks.acquire(batch, List.of(STOCK));
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                });
    }

    /** If it takes the lock over now, this is time enough. */
    private static void awaitAWhile(CompletableFuture<?> taken) {
        try {
            taken.get(300, TimeUnit.MILLISECONDS);
        } catch (TimeoutException waits) {
            assertThat(taken).isNotDone();
        } catch (InterruptedException | ExecutionException e) {
            throw new AssertionError(e);
        }
    }
}
