package aria.s3batch.s3block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import aria.s3batch.s3block.EndpointFacts.EtagForm;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.util.Map;

/** Endpoints as there are, each as a wire that answers like it. */
final class EndpointProbeTest {
    /** An endpoint that honours what it is told to. */
    private static class Endpoint implements EndpointProbe.Wire {
        final MemoryObjectStore bucket = new MemoryObjectStore();
        boolean putIfAbsent = true;
        boolean putIfMatch = true;
        boolean deleteIfMatch = true;
        boolean bare;
        boolean refusesIgnored;
        int requests;
        int failFrom = Integer.MAX_VALUE;

        private Condition condition(boolean honoured, Condition condition) throws IOException {
            if (honoured) {
                return condition;
            }
            if (refusesIgnored) {
                throw new StoreRefusedException("501 NotImplemented", new IOException("501"));
            }
            return Condition.always();
        }

        private Condition ifMatch(String header) {
            if (bare) {
                return Condition.ifMatch(header); // with quotes it is no ETag that there is
            }
            boolean quoted = header.startsWith("\"");
            return Condition.ifMatch(
                    quoted ? header.substring(1, header.length() - 1) : "unquoted");
        }

        private void count() throws IOException {
            requests++;
            if (requests == failFrom) {
                throw new StoreUnreachableException("no answer");
            }
        }

        @Override
        public PutAnswer put(
                String key, byte[] body, @Nullable String ifNoneMatch, @Nullable String ifMatch)
                throws IOException {
            count();
            Condition condition = Condition.always();
            if (ifNoneMatch != null) {
                condition = condition(putIfAbsent, Condition.ifAbsent());
            }
            if (ifMatch != null) {
                condition = condition(putIfMatch, ifMatch(ifMatch));
            }
            return bucket.put(key, body, condition, Map.of());
        }

        @Override
        public DeleteAnswer delete(String key, @Nullable String ifMatch) throws IOException {
            count();
            return bucket.delete(
                    key,
                    ifMatch == null
                            ? Condition.always()
                            : condition(deleteIfMatch, ifMatch(ifMatch)));
        }

        void isEmpty() {
            bucket.list("", object -> assertThat(object).isNull());
        }
    }

    private final Endpoint endpoint = new Endpoint();

    @Test
    void endpointThatHonoursAllIsFoundToInFewRequests() throws IOException {
        assertThat(EndpointProbe.run(endpoint, "x"))
                .isEqualTo(new EndpointFacts(true, true, true, EtagForm.QUOTED));
        assertThat(endpoint.requests).isLessThanOrEqualTo(7);
        endpoint.isEmpty();
    }

    @Test
    void bareEtagsAreFound() throws IOException {
        endpoint.bare = true;
        assertThat(EndpointProbe.run(endpoint, "x"))
                .isEqualTo(new EndpointFacts(true, true, true, EtagForm.BARE));
        endpoint.isEmpty();
    }

    @Test
    void ignoredConditionsAreFoundOneByOne() throws IOException {
        endpoint.putIfMatch = false;
        assertThat(EndpointProbe.run(endpoint, "x"))
                .isEqualTo(new EndpointFacts(true, false, true, EtagForm.QUOTED));
        endpoint.deleteIfMatch = false;
        assertThat(EndpointProbe.run(endpoint, "x"))
                .isEqualTo(new EndpointFacts(true, false, false, EtagForm.QUOTED));
        endpoint.putIfAbsent = false;
        EndpointFacts none = EndpointProbe.run(endpoint, "x");
        assertThat(none).isEqualTo(new EndpointFacts(false, false, false, EtagForm.QUOTED));
        assertThat(none.allHonoured()).isFalse();
        endpoint.isEmpty();
    }

    @Test
    void refusedConditionsCountAsIgnored() throws IOException {
        endpoint.putIfAbsent = false;
        endpoint.putIfMatch = false;
        endpoint.deleteIfMatch = false;
        endpoint.refusesIgnored = true;
        assertThat(EndpointProbe.run(endpoint, "x"))
                .isEqualTo(new EndpointFacts(false, false, false, EtagForm.QUOTED));
        endpoint.isEmpty();
    }

    @Test
    void probeThatFailsAnywhereCleansUp() throws IOException {
        EndpointProbe.run(endpoint, "x");
        int requests = endpoint.requests;
        for (int failing = 1; failing < requests; failing++) {
            endpoint.requests = 0;
            endpoint.failFrom = failing;
            assertThatThrownBy(() -> EndpointProbe.run(endpoint, "x"))
                    .isInstanceOf(StoreUnreachableException.class);
            endpoint.isEmpty();
        }
    }
}
