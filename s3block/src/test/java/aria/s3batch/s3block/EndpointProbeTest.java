package aria.s3batch.s3block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import aria.s3batch.s3block.EndpointFacts.EtagForm;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/** Endpoints as there are, each as a wire that answers like it. */
final class EndpointProbeTest {
    private static final Duration NONE = Duration.ZERO;
    private static final EndpointFacts GOOD =
            new EndpointFacts(
                    true,
                    true,
                    true,
                    EtagForm.QUOTED,
                    412,
                    412,
                    true,
                    false,
                    true,
                    true,
                    true,
                    NONE);

    private record Stored(String etag, Map<String, String> metadata) {}

    /** What an endpoint answers to one request in place of doing it, or after it has. */
    private interface Fault {
        /** Null: no fault. */
        @Nullable IOException at(int request);
    }

    /** An endpoint that honours what it is told to. */
    private static class Endpoint implements EndpointProbe.Wire {
        final TreeMap<String, Stored> bucket = new TreeMap<>();
        boolean putIfAbsent = true;
        boolean creates = true;
        boolean putIfMatch = true;
        boolean deleteIfMatch = true;
        boolean bare;
        boolean refusesIgnored;
        boolean createsByIfMatch;
        int failedStatus = 412;
        int absentStatus = 412;
        boolean etagOfContent;
        boolean otherEtagInHead;
        boolean otherEtagInListing;
        boolean keepsMetadata = true;
        boolean listsBackwards;
        boolean listsFirstPageOnly;
        boolean listsFirstPageForEver;
        boolean ignoresMaxKeys;
        Duration ahead = NONE;

        Instant now = Instant.parse("2026-11-21T12:00:00.700Z");
        final List<Duration> pauses = new ArrayList<>();
        int requests;
        private int etags;

        /** By the number of the request, from 1. */
        Fault faultBefore = request -> null;

        Fault faultAfter = request -> null;

        private boolean matches(@Nullable Stored found, String header) {
            boolean quoted = header.startsWith("\"");
            String etag = quoted && !bare ? header.substring(1, header.length() - 1) : header;
            return found != null && (quoted != bare) && found.etag().equals(etag);
        }

        private int status(
                String key,
                @Nullable String ifNoneMatch,
                @Nullable String ifMatch,
                boolean honoured)
                throws IOException {
            if (ifNoneMatch == null && ifMatch == null) {
                return 200;
            }
            if (!honoured) {
                if (refusesIgnored) {
                    throw new StoreRefusedException("501 NotImplemented", new IOException("501"));
                }
                return 200;
            }
            Stored found = bucket.get(key);
            if (ifNoneMatch != null) {
                return found == null && creates ? 200 : failedStatus;
            }
            if (found == null) {
                return createsByIfMatch ? 200 : absentStatus;
            }
            return ifMatch != null && matches(found, ifMatch) ? 200 : failedStatus;
        }

        private void before() throws IOException {
            requests++;
            now = now.plusMillis(1);
            IOException fault = faultBefore.at(requests);
            if (fault != null) {
                throw fault;
            }
        }

        private void after() throws IOException {
            IOException fault = faultAfter.at(requests);
            if (fault != null) {
                throw fault;
            }
        }

        @Override
        public EndpointProbe.Answer put(
                String key,
                byte[] body,
                @Nullable String ifNoneMatch,
                @Nullable String ifMatch,
                Map<String, String> metadata)
                throws IOException {
            before();
            boolean honoured = ifNoneMatch == null ? putIfMatch : putIfAbsent;
            int status = status(key, ifNoneMatch, ifMatch, honoured);
            String etag = "";
            if (status == 200) {
                etag = etagOfContent ? "content" + body.length : "e" + ++etags;
                bucket.put(key, new Stored(etag, keepsMetadata ? metadata : Map.of()));
            }
            after();
            Instant date = Instant.ofEpochSecond(now.plus(ahead).getEpochSecond());
            return new EndpointProbe.Answer(status, etag, date);
        }

        @Override
        public EndpointProbe.Answer delete(String key, @Nullable String ifMatch)
                throws IOException {
            before();
            int status = status(key, null, ifMatch, deleteIfMatch);
            if (status == 200) {
                bucket.remove(key);
            }
            after();
            return new EndpointProbe.Answer(status, "", null);
        }

        @Override
        public Optional<ObjectVersion> head(String key) throws IOException {
            before();
            after();
            return Optional.ofNullable(bucket.get(key))
                    .map(
                            found ->
                                    new ObjectVersion(
                                            otherEtagInHead ? "head" : found.etag(),
                                            1,
                                            now,
                                            found.metadata()));
        }

        @Override
        public EndpointProbe.Page list(String prefix, int keysMax, @Nullable String continuation)
                throws IOException {
            before();
            after();
            List<ListedObject> all = new ArrayList<>();
            bucket.forEach(
                    (key, found) -> {
                        if (key.startsWith(prefix)) {
                            String etag = otherEtagInListing ? "listed" : found.etag();
                            all.add(new ListedObject(key, 1, etag));
                        }
                    });
            List<ListedObject> listed = listsBackwards ? all.reversed() : all;
            int from = continuation == null ? 0 : Integer.parseInt(continuation);
            if (listsFirstPageForEver) {
                from = 0;
            }
            int to = ignoresMaxKeys ? listed.size() : Math.min(from + keysMax, listed.size());
            boolean last = to == listed.size() || listsFirstPageOnly;
            return new EndpointProbe.Page(
                    listed.subList(from, to), last ? null : Integer.toString(to));
        }

        @Override
        public Instant now() {
            return now;
        }

        @Override
        public void pause(Duration duration) {
            pauses.add(duration);
            now = now.plus(duration);
        }
    }

    private final Endpoint endpoint = new Endpoint();

    private static IOException noAnswer() {
        return new StoreUnreachableException("no answer");
    }

    /** Probes, and demands that nothing is left. */
    private EndpointFacts probed() throws IOException {
        EndpointFacts facts = EndpointProbe.run(endpoint, "x");
        assertThat(endpoint.bucket).isEmpty();
        return facts;
    }

    @Test
    void endpointThatHonoursAllIsFoundToInTwelveRequests() throws IOException {
        assertThat(probed()).isEqualTo(GOOD);
        assertThat(endpoint.requests).isEqualTo(12);
        assertThat(endpoint.pauses).isEmpty();
        assertThat(GOOD.warnings()).isEmpty();
        assertThat(GOOD.isShareable()).isTrue();
    }

    @Test
    void bareEtagsAreFoundInTwoRequestsMore() throws IOException {
        endpoint.bare = true;
        EndpointFacts facts = probed();
        assertThat(facts.etagForm()).isEqualTo(EtagForm.BARE);
        assertThat(facts.allHonoured()).isTrue();
        assertThat(endpoint.requests).isEqualTo(14);
    }

    @Test
    void ignoredIfMatchIsFound() throws IOException {
        endpoint.putIfMatch = false;
        EndpointFacts facts = probed();
        assertThat(facts.putIfMatch()).isFalse();
        assertThat(facts.putIfAbsent()).isTrue();
        assertThat(facts.deleteIfMatch()).isTrue();
        assertThat(facts.isShareable()).isFalse();
        assertThat(facts.ignoredOnPut()).isEqualTo("If-Match");
        assertThat(facts.absentStatus()).isZero();
        assertThat(facts.failedStatus()).isEqualTo(412);
        assertThat(facts.warnings()).hasSize(1);
    }

    @Test
    void ignoredIfNoneMatchIsFound() throws IOException {
        endpoint.putIfAbsent = false;
        EndpointFacts facts = probed();
        assertThat(facts.putIfAbsent()).isFalse();
        assertThat(facts.putIfMatch()).isTrue();
        assertThat(facts.isShareable()).isFalse();
        assertThat(facts.ignoredOnPut()).isEqualTo("If-None-Match");
        endpoint.putIfMatch = false;
        assertThat(probed().ignoredOnPut()).isEqualTo("If-None-Match and If-Match");
        assertThat(probed().failedStatus()).isZero();
    }

    @Test
    void ifNoneMatchThatNeverCreatesIsNotHonoured() throws IOException {
        endpoint.creates = false;
        assertThat(probed().putIfAbsent()).isFalse();
    }

    @Test
    void ifMatchThatBringsBackWhatOthersDeletedIsNotHonoured() throws IOException {
        endpoint.createsByIfMatch = true;
        EndpointFacts facts = probed();
        assertThat(facts.putIfMatch()).isFalse();
        assertThat(facts.absentStatus()).isZero();
    }

    @Test
    void ignoredConditionOnDeleteIsAWarningOnly() throws IOException {
        endpoint.deleteIfMatch = false;
        EndpointFacts facts = probed();
        assertThat(facts.deleteIfMatch()).isFalse();
        assertThat(facts.allHonoured()).isFalse();
        assertThat(facts.isShareable()).isTrue();
        assertThat(facts.warnings()).hasSize(1);
    }

    @Test
    void refusedConditionsCountAsIgnored() throws IOException {
        endpoint.putIfAbsent = false;
        endpoint.putIfMatch = false;
        endpoint.deleteIfMatch = false;
        endpoint.refusesIgnored = true;
        EndpointFacts facts = probed();
        assertThat(facts.putIfAbsent()).isFalse();
        assertThat(facts.putIfMatch()).isFalse();
        assertThat(facts.deleteIfMatch()).isFalse();
        assertThat(facts.etagForm()).isEqualTo(EtagForm.QUOTED);
    }

    @Test
    void statusOfFailedConditionsIsFound() throws IOException {
        endpoint.failedStatus = 409;
        endpoint.absentStatus = 404;
        EndpointFacts facts = probed();
        assertThat(facts.failedStatus()).isEqualTo(409);
        assertThat(facts.absentStatus()).isEqualTo(404);
        assertThat(facts.allHonoured()).isTrue();
    }

    @Test
    void conflictThatPassesIsNotTheStatusOfAFailedCondition() throws IOException {
        var conflicting =
                new Endpoint() {
                    private int puts;

                    @Override
                    public EndpointProbe.Answer put(
                            String key,
                            byte[] body,
                            @Nullable String ifNoneMatch,
                            @Nullable String ifMatch,
                            Map<String, String> metadata)
                            throws IOException {
                        boolean first = (ifNoneMatch != null || ifMatch != null) && puts++ % 2 == 0;
                        return first
                                ? new EndpointProbe.Answer(409, "", null)
                                : super.put(key, body, ifNoneMatch, ifMatch, metadata);
                    }
                };
        assertThat(EndpointProbe.run(conflicting, "x")).isEqualTo(GOOD);
        assertThat(conflicting.bucket).isEmpty();
    }

    @Test
    void etagsOfTheContentAreTold() throws IOException {
        endpoint.etagOfContent = true;
        assertThat(probed().etagOfContent()).isTrue();
        endpoint.putIfMatch = false;
        assertThat(probed().etagOfContent()).isTrue();
        endpoint.refusesIgnored = true;
        assertThat(probed().etagOfContent()).isTrue();
        endpoint.etagOfContent = false;
        assertThat(probed().etagOfContent()).isFalse();
    }

    @Test
    void etagThatIsAnotherInHeadOrListingIsTold() throws IOException {
        endpoint.otherEtagInHead = true;
        assertThat(probed().etagStable()).isFalse();
        assertThat(probed().warnings()).hasSize(1);
        endpoint.otherEtagInHead = false;
        endpoint.otherEtagInListing = true;
        assertThat(probed().etagStable()).isFalse();
    }

    @Test
    void droppedMetadataIsTold() throws IOException {
        endpoint.keepsMetadata = false;
        assertThat(probed().metadataKept()).isFalse();
        assertThat(probed().warnings()).hasSize(1);
    }

    @Test
    void listingsAreJudged() throws IOException {
        endpoint.listsBackwards = true;
        assertThat(probed().listingSorted()).isFalse();
        assertThat(probed().listingWhole()).isTrue();
        assertThat(probed().warnings()).isEmpty();
        endpoint.listsBackwards = false;
        endpoint.ignoresMaxKeys = true;
        assertThat(probed()).isEqualTo(GOOD);
        endpoint.ignoresMaxKeys = false;
        endpoint.listsFirstPageOnly = true;
        assertThat(probed().listingWhole()).isFalse();
        assertThat(probed().warnings()).hasSize(1);
        endpoint.listsFirstPageOnly = false;
        endpoint.listsFirstPageForEver = true;
        assertThat(probed().listingWhole()).isFalse();
    }

    @Test
    void clockThatIsMinutesAwayIsAWarning() throws IOException {
        endpoint.ahead = Duration.ofMinutes(-4);
        EndpointFacts behind = probed();
        assertThat(behind.clockAhead())
                .isBetween(Duration.ofSeconds(-240), Duration.ofSeconds(-238));
        assertThat(behind.warnings()).singleElement().asString().contains("minutes behind");
        endpoint.ahead = Duration.ofMinutes(5);
        assertThat(probed().warnings())
                .singleElement()
                .asString()
                .contains("4 minutes ahead of"); // as far as it shows: Date has whole seconds
        endpoint.ahead = Duration.ofMinutes(2);
        assertThat(probed().warnings()).isEmpty();
    }

    @Test
    void whatAKillHasLeftIsRemovedByTheNextProbeOfThatNameAlone() throws IOException {
        endpoint.faultBefore = request -> request >= 8 ? noAnswer() : null;
        assertThatThrownBy(() -> EndpointProbe.run(endpoint, "x")).isInstanceOf(IOException.class);
        assertThat(endpoint.bucket).isNotEmpty(); // its cleaning up failed, too
        endpoint.bucket.put(EndpointProbe.PREFIX + "xy/z", new Stored("e", Map.of()));
        endpoint.faultBefore = request -> null;
        EndpointProbe.run(endpoint, "x");
        assertThat(endpoint.bucket).containsOnlyKeys(EndpointProbe.PREFIX + "xy/z");
    }

    @Test
    void oneRequestWithoutAnswerAnywhereIsSurvivedWithTheSameFacts() throws IOException {
        for (int failing = 1; failing <= 12; failing++) {
            Set<Integer> failed = new HashSet<>();
            int at = failing;
            endpoint.requests = 0;
            endpoint.faultBefore = n -> n == at && failed.add(n) ? noAnswer() : null;
            assertThat(probed()).as("request %d not done", failing).isEqualTo(GOOD);
            endpoint.faultBefore = request -> null;

            endpoint.requests = 0;
            endpoint.faultAfter = n -> n == at && failed.add(-n) ? noAnswer() : null;
            assertThat(probed()).as("answer %d lost", failing).isEqualTo(GOOD);
            endpoint.faultAfter = request -> null;
            assertThat(failed).hasSize(2);
        }
    }

    @Test
    void pausesGrowAndEnd() {
        endpoint.faultBefore = request -> noAnswer();
        assertThatThrownBy(() -> EndpointProbe.run(endpoint, "x"))
                .isInstanceOf(StoreUnreachableException.class);
        assertThat(endpoint.pauses)
                .extracting(Duration::toMillis)
                .containsExactly(100L, 300L, 900L, 2700L);
    }

    @Test
    void endpointThatKeepsUsWaitingIsNotAskedAgain() {
        endpoint.faultBefore =
                request -> {
                    endpoint.now = endpoint.now.plusSeconds(20);
                    return noAnswer();
                };
        assertThatThrownBy(() -> EndpointProbe.run(endpoint, "x"))
                .isInstanceOf(StoreUnreachableException.class);
        assertThat(endpoint.pauses).isEmpty();
    }

    @Test
    void refusalsEndTheProbeAtOnceAndItCleansUp() {
        for (int failing = 1; failing <= 12; failing++) {
            int at = failing;
            endpoint.requests = 0;
            endpoint.faultBefore =
                    n -> n == at ? new BucketMissingException("http://s3", "gone") : null;
            assertThatThrownBy(() -> EndpointProbe.run(endpoint, "x"))
                    .as("request %d", failing)
                    .isInstanceOf(BucketMissingException.class);
            assertThat(endpoint.pauses).isEmpty();
            endpoint.faultBefore = request -> null;
            assertThat(endpoint.bucket.size()).as("request %d", failing).isLessThanOrEqualTo(1);
            endpoint.bucket.clear();
        }
        endpoint.requests = 0;
        endpoint.faultBefore = n -> n == 1 ? new StoreRefusedException("403", noAnswer()) : null;
        assertThatThrownBy(() -> EndpointProbe.run(endpoint, "x"))
                .isInstanceOf(StoreRefusedException.class);
        assertThat(endpoint.pauses).isEmpty();
    }
}
