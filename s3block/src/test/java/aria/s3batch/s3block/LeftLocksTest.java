package aria.s3batch.s3block;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.format.BatchId;
import aria.s3batch.format.TableName;

import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;

/** Locks of a former process of the same cache directory, among objects that are no locks. */
final class LeftLocksTest {
    private static final TableName ORDERS = new TableName("shop", "orders");
    private static final TableName STOCK = new TableName("shop", "stock");
    private static final BatchId BATCH = BatchId.of(1_700_000_000_000L, 1, 2);

    private final MemoryObjectStore store = new MemoryObjectStore();

    private TableLocks process(long pid) {
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
}
