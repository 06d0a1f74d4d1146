package aria.s3batch.s3block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import aria.s3batch.s3block.StoreCalls.Kind;
import aria.s3batch.s3block.StoreCalls.Outcome;

import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;

final class MeteredStoreTest extends ObjectStoreContract {
    private static final byte[] BODY = new byte[100];

    private final StoreCalls calls = new StoreCalls();
    private final MemoryObjectStore bucket = new MemoryObjectStore();
    private final MeteredStore store = new MeteredStore(bucket, calls, () -> 0);

    @Override
    ObjectStore store() {
        return store;
    }

    private long count(Kind kind, Outcome outcome) {
        return calls.counts().stream()
                .filter(count -> count.kind() == kind && count.outcome() == outcome)
                .mapToLong(count -> count.perBound().stream().mapToLong(n -> n).sum())
                .sum();
    }

    @Test
    void everyCallIsCountedWithWhatBecameOfIt() throws IOException {
        store.put("a", BODY, Condition.ifAbsent(), Map.of());
        store.put("a", BODY, Condition.ifAbsent(), Map.of());
        store.get("a");
        store.get("b");
        store.head("a");
        store.head("b");
        store.delete("a", Condition.ifMatch("another"));
        store.delete("a", Condition.always());
        store.list("", object -> {});
        store.folders("");
        assertThat(count(Kind.PUT, Outcome.OK)).isEqualTo(1);
        assertThat(count(Kind.PUT, Outcome.CONDITION_FAILED)).isEqualTo(1);
        assertThat(count(Kind.GET, Outcome.OK)).isEqualTo(1);
        assertThat(count(Kind.GET, Outcome.ABSENT)).isEqualTo(1);
        assertThat(count(Kind.HEAD, Outcome.OK)).isEqualTo(1);
        assertThat(count(Kind.HEAD, Outcome.ABSENT)).isEqualTo(1);
        assertThat(count(Kind.DELETE, Outcome.CONDITION_FAILED)).isEqualTo(1);
        assertThat(count(Kind.DELETE, Outcome.OK)).isEqualTo(1);
        assertThat(count(Kind.LIST, Outcome.OK)).isEqualTo(2);
        assertThat(calls.bytesOut()).isEqualTo(200);
        assertThat(calls.bytesIn()).isEqualTo(100);
    }

    @Test
    void failuresAreCountedByWhatTheCallerCanDo() {
        for (IOException failure :
                List.of(
                        new StoreBusyException("503", new IOException()),
                        new StoreUnreachableException("reset"),
                        new StoreRefusedException("403", new IOException()),
                        new BucketMissingException("e", "b"),
                        new IOException("?"))) {
            var failing =
                    new MeteredStore(
                            new ForwardingObjectStore(bucket) {
                                @Override
                                public Optional<StoredObject> get(String key) throws IOException {
                                    throw failure;
                                }
                            },
                            calls,
                            () -> 0);
            assertThatThrownBy(() -> failing.get("a")).isSameAs(failure);
        }
        assertThat(count(Kind.GET, Outcome.BUSY)).isEqualTo(1);
        assertThat(count(Kind.GET, Outcome.UNREACHABLE)).isEqualTo(1);
        assertThat(count(Kind.GET, Outcome.REFUSED)).isEqualTo(2);
        assertThat(count(Kind.GET, Outcome.FAILED)).isEqualTo(1);
    }

    @Test
    void callIsCountedWithTheBoundThatItKeeps() throws IOException {
        long[] clock = {0};
        long[] step = {0};
        var timed = new MeteredStore(bucket, calls, () -> clock[0] += step[0]);
        for (long millis : new long[] {1, 5, 6, 60_000, 60_001}) {
            step[0] = millis * 1_000_000;
            timed.head("absent");
        }
        StoreCalls.Count count = calls.counts().getFirst();
        assertThat(count.perBound().getFirst()).isEqualTo(2); // up to 5 ms, those included
        assertThat(count.perBound().get(1)).isEqualTo(1);
        assertThat(count.perBound().get(StoreCalls.bounds().size() - 1)).isEqualTo(1);
        assertThat(count.perBound().getLast()).isEqualTo(1);
        assertThat(count.seconds()).isEqualTo(120.013);
        assertThat(count.perBound()).hasSize(StoreCalls.bounds().size() + 1);
    }
}
