package aria.s3batch.s3block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import aria.s3batch.s3block.BucketAccess.Request;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import java.io.IOException;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

class BucketAccessTest {
    private final MemoryObjectStore bucket = new MemoryObjectStore();
    private final List<String> writes = new ArrayList<>();

    /** A bucket whose keys lack some permissions. */
    private class Guarded extends ForwardingObjectStore {
        private final Set<Request> refused;

        Guarded(Set<Request> refused) {
            super(bucket);
            this.refused = refused;
        }

        private void ask(Request request) throws IOException {
            if (refused.contains(request)) {
                throw new StoreRefusedException("no " + request, new IOException("403"));
            }
        }

        @Override
        public Optional<StoredObject> get(String key) throws IOException {
            ask(Request.GET);
            return super.get(key);
        }

        @Override
        public Optional<ObjectVersion> head(String key) throws IOException {
            ask(Request.HEAD);
            return super.head(key);
        }

        @Override
        public PutAnswer put(
                String key, byte[] body, Condition condition, Map<String, String> metadata)
                throws IOException {
            ask(condition instanceof Condition.Always ? Request.PUT : Request.CONDITIONAL_PUT);
            writes.add(key);
            return super.put(key, body, condition, metadata);
        }

        @Override
        public DeleteAnswer delete(String key, Condition condition) throws IOException {
            ask(Request.DELETE);
            return super.delete(key, condition);
        }

        @Override
        public List<String> folders(String prefix) throws IOException {
            ask(Request.LIST);
            return super.folders(prefix);
        }
    }

    private List<Request> allowed(Set<Request> refused) throws IOException {
        return BucketAccess.tryAll(new Guarded(refused), "t").stream()
                .filter(BucketAccess.Tried::isAllowed)
                .map(BucketAccess.Tried::request)
                .toList();
    }

    private List<String> objects() throws IOException {
        List<String> keys = new ArrayList<>();
        bucket.list("", object -> keys.add(object.key()));
        return keys;
    }

    @Test
    void allThatIsAllowedIsSaidAndNothingIsLeft() throws Exception {
        assertThat(allowed(Set.of())).containsExactly(Request.values());
        assertThat(writes).isNotEmpty().allMatch(key -> key.startsWith(EndpointProbe.PREFIX));
        assertThat(objects()).isEmpty();
    }

    @ParameterizedTest
    @EnumSource(Request.class)
    void missingPermissionIsNamedAndNothingIsLeft(Request missing) throws Exception {
        List<BucketAccess.Tried> tried = BucketAccess.tryAll(new Guarded(Set.of(missing)), "t");
        assertThat(tried).extracting(BucketAccess.Tried::request).contains(Request.values());
        for (BucketAccess.Tried each : tried) {
            if (each.request() == missing) {
                assertThat(each.failure()).hasMessage("no " + missing);
            } else {
                assertThat(each.failure()).isNull();
            }
        }
        assertThat(objects()).isEmpty();
    }

    @Test
    void nothingIsWrittenThatCouldNotBeDeleted() throws Exception {
        assertThat(allowed(EnumSet.of(Request.DELETE)))
                .containsExactly(Request.LIST, Request.HEAD, Request.GET);
        assertThat(writes).isEmpty();
    }

    @Test
    void bucketThatDoesNotAnswerIsAskedOnce() throws Exception {
        List<BucketAccess.Tried> tried =
                BucketAccess.tryAll(
                        new Guarded(Set.of()) {
                            @Override
                            public List<String> folders(String prefix) throws IOException {
                                throw new StoreUnreachableException("nobody there");
                            }
                        },
                        "t");
        assertThat(tried.getFirst().failure()).hasMessage("nobody there");
        assertThat(tried.subList(1, tried.size())).hasSize(5).noneMatch(t -> t.isTried());
    }

    @Test
    void whatCannotBeDeletedAfterAllIsNamed() {
        var store =
                new Guarded(Set.of()) {
                    private int deletes;

                    @Override
                    public DeleteAnswer delete(String key, Condition condition) throws IOException {
                        if (++deletes > 1) {
                            throw new StoreUnreachableException("gone away");
                        }
                        return super.delete(key, condition);
                    }
                };
        assertThatThrownBy(() -> BucketAccess.tryAll(store, "t"))
                .hasMessageContaining(EndpointProbe.PREFIX + "t-access is left in the bucket");
    }
}
