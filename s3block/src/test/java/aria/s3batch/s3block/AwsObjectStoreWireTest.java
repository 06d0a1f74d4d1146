package aria.s3batch.s3block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import aria.s3batch.format.DamagedTableException;

import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;
import java.util.stream.Stream;

/** What goes over the wire, and what is made of answers that no good server gives. */
final class AwsObjectStoreWireTest {
    private static final String EMPTY_LISTING =
            "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>";

    private interface Answer {
        void to(HttpExchange exchange) throws IOException;
    }

    private record Seen(String method, String path, Headers headers) {}

    private final List<Seen> seen = new CopyOnWriteArrayList<>();
    private final CountDownLatch testEnds = new CountDownLatch(1);
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final AtomicLong nanos = new AtomicLong();
    private final LongSupplier nanoTime = nanos::get;
    private HttpServer server;
    private AwsObjectStore store;
    private volatile Answer answer = exchange -> status(exchange, 500, "InternalError");

    @BeforeEach
    void start() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.setExecutor(threads);
        server.createContext(
                "/",
                exchange -> {
                    exchange.getRequestBody().readAllBytes();
                    seen.add(
                            new Seen(
                                    exchange.getRequestMethod(),
                                    exchange.getRequestURI().getPath(),
                                    exchange.getRequestHeaders()));
                    answer.to(exchange);
                    exchange.close();
                });
        server.start();
        store = connect(server.getAddress().getPort(), SdkClients.Timeouts.DEFAULT);
    }

    private AwsObjectStore connect(int port, SdkClients.Timeouts timeouts) {
        return connect("127.0.0.1", port, timeouts);
    }

    private AwsObjectStore connect(String host, int port, SdkClients.Timeouts timeouts) {
        StoreSettings settings =
                new StoreSettings(
                        host,
                        port,
                        true,
                        false,
                        "tables",
                        "",
                        "key",
                        "wire-secret-key",
                        StoreSettings.ProtocolVersion.AUTO,
                        2);
        return AwsObjectStore.connect(settings, timeouts, new SplittableRandom(1), nanoTime);
    }

    @AfterEach
    void stop() {
        testEnds.countDown();
        store.close();
        server.stop(0);
        threads.shutdownNow();
    }

    private static void status(HttpExchange exchange, int status, String code) throws IOException {
        byte[] body =
                "<?xml version=\"1.0\"?><Error><Code>%s</Code><Message>m</Message></Error>"
                        .formatted(code)
                        .getBytes(StandardCharsets.US_ASCII);
        boolean head = exchange.getRequestMethod().equals("HEAD");
        exchange.sendResponseHeaders(status, head ? -1 : body.length);
        if (!head) {
            exchange.getResponseBody().write(body);
        }
    }

    private static void stored(HttpExchange exchange) throws IOException {
        exchange.getResponseHeaders().set("ETag", "\"abc\"");
        exchange.sendResponseHeaders(200, -1);
    }

    private PutAnswer putAlways() throws IOException {
        return store.put("db/t/aria", new byte[100], Condition.always(), Map.of("m", "v"));
    }

    @Test
    void bodyOverPlainHttpIsSignedUnlessTheServerIsOnThisHost() throws IOException {
        answer = AwsObjectStoreWireTest::stored;
        putAlways();
        store.close();
        // reaches the server as well, and does not look like this host
        store = connect("0.0.0.0", server.getAddress().getPort(), SdkClients.Timeouts.DEFAULT);
        putAlways();
        assertThat(seen)
                .extracting(put -> put.headers().getFirst("x-amz-content-sha256"))
                .satisfiesExactly(
                        here -> assertThat(here).isEqualTo("UNSIGNED-PAYLOAD"),
                        there -> assertThat(there).matches("[0-9a-f]{64}"));
    }

    /** Whoever may write to the bucket must not take the daemon's memory. */
    @ParameterizedTest
    @ValueSource(longs = {ObjectStore.OBJECT_BYTES_MAX + 1L, 5L << 40, 0}) // 0: it does not say
    void objectLongerThanAnyOfATableIsRefusedUnread(long length) {
        answer =
                exchange -> {
                    exchange.getResponseHeaders().set("ETag", "\"abc\"");
                    exchange.sendResponseHeaders(200, length);
                    exchange.getResponseBody().write(new byte[1000]);
                    exchange.getResponseBody().flush();
                    silence(new CountDownLatch(1));
                };
        assertThatThrownBy(() -> store.get("db/t/aria"))
                .isInstanceOf(
                        length == 0 ? StoreUnreachableException.class : DamagedTableException.class)
                .hasMessageContainingAll(
                        "db/t/aria", length == 0 ? "of unknown length" : length + " bytes");
        assertThat(seen).hasSize(1);
    }

    /** As all programs of the JVM are told: with {@code -Dhttp.proxyHost} and its like. */
    @Test
    void proxyIsUsedButForHostsThatNeedNone() throws IOException {
        Map<String, String> proxy =
                Map.of(
                        "http.proxyHost", "127.0.0.1",
                        "http.proxyPort", Integer.toString(server.getAddress().getPort()),
                        "http.nonProxyHosts", "127.0.0.1|*.inside.example");
        List<URI> asked = new CopyOnWriteArrayList<>();
        answer =
                exchange -> {
                    asked.add(exchange.getRequestURI());
                    stored(exchange);
                };
        proxy.forEach(System::setProperty);
        int port = server.getAddress().getPort();
        try (AwsObjectStore far = connect("store.example", 9000, SdkClients.Timeouts.DEFAULT);
                AwsObjectStore near = connect(port, SdkClients.Timeouts.DEFAULT)) {
            far.put("k", new byte[1], Condition.always(), Map.of());
            near.put("k", new byte[1], Condition.always(), Map.of());
        } finally {
            proxy.keySet().forEach(System::clearProperty);
        }
        assertThat(asked.getFirst()).hasToString("http://tables.store.example:9000/k");
        assertThat(asked.getLast()).hasToString("/tables/k");
    }

    @Test
    void bodyIsSentPlainAndWithoutSdkChecksums() throws IOException {
        answer = AwsObjectStoreWireTest::stored;
        assertThat(putAlways()).isEqualTo(new PutAnswer.Stored("abc"));
        Seen put = seen.getFirst();
        assertThat(put.path()).isEqualTo("/tables/db/t/aria");
        assertThat(put.headers().getFirst("Content-Length")).isEqualTo("100");
        assertThat(put.headers().getFirst("x-amz-meta-m")).isEqualTo("v");
        assertThat(put.headers())
                .doesNotContainKeys(
                        "Content-encoding",
                        "X-amz-decoded-content-length",
                        "Transfer-encoding",
                        "Expect",
                        "X-amz-trailer",
                        "If-match",
                        "If-none-match");
        assertThat(put.headers().keySet())
                .noneMatch(name -> name.startsWith("X-amz-checksum"))
                .noneMatch(name -> name.startsWith("X-amz-sdk-checksum"));
    }

    @Test
    void writesAreNeverRepeatedWhateverTheAnswer() {
        assertThatThrownBy(this::putAlways)
                .isInstanceOf(StoreUnreachableException.class)
                .hasMessageContaining("500 InternalError");
        answer = exchange -> status(exchange, 503, "SlowDown");
        assertThatThrownBy(this::putAlways).isInstanceOf(StoreBusyException.class);
        answer = HttpExchange::close; // connection reset
        assertThatThrownBy(this::putAlways).isInstanceOf(StoreUnreachableException.class);
        answer = exchange -> status(exchange, 409, "ConditionalRequestConflict");
        assertThatThrownBy(this::putAlways).isInstanceOf(StoreUnreachableException.class);
        assertThatThrownBy(() -> store.delete("db/t/aria", Condition.always()))
                .isInstanceOf(StoreUnreachableException.class);
        assertThat(seen).hasSize(5);
    }

    @Test
    void writesWithoutAnAnswerAreNotRepeated() throws InterruptedException {
        var arrived = new CountDownLatch(2);
        answer = exchange -> silence(arrived);
        var impatient =
                new SdkClients.Timeouts(
                        Duration.ofSeconds(5),
                        Duration.ofMillis(300),
                        Duration.ofSeconds(5),
                        Duration.ofSeconds(20));
        try (AwsObjectStore waiting = connect(server.getAddress().getPort(), impatient)) {
            assertThatThrownBy(() -> waiting.put("k", new byte[1], Condition.always(), Map.of()))
                    .isInstanceOf(StoreUnreachableException.class);
            assertThatThrownBy(() -> waiting.delete("k", Condition.always()))
                    .isInstanceOf(StoreUnreachableException.class);
        }
        assertThat(arrived.await(20, TimeUnit.SECONDS)).isTrue();
        assertThat(seen).hasSize(2);
    }

    private void silence(CountDownLatch arrived) {
        arrived.countDown();
        try {
            testEnds.await(20, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Test
    void readsAreRepeatedAFewTimes() {
        assertThatThrownBy(() -> store.get("db/t/aria"))
                .isInstanceOf(StoreUnreachableException.class);
        assertThat(seen).hasSize(4);
    }

    @Test
    void truncatedBodyIsAnErrorNeverAShortBody() {
        answer =
                exchange -> {
                    exchange.getResponseHeaders().set("ETag", "\"abc\"");
                    exchange.getResponseHeaders()
                            .set("Last-Modified", "Sat, 21 Nov 2026 00:00:00 GMT");
                    exchange.sendResponseHeaders(200, 1000);
                    exchange.getResponseBody().write(new byte[999]);
                    exchange.getResponseBody().flush();
                    exchange.close();
                };
        assertThatThrownBy(() -> store.get("db/t/aria"))
                .isInstanceOf(StoreUnreachableException.class);
        assertThat(seen).hasSize(4);
    }

    /**
     * To the SDK's HTTP client a head that the connection's end cut is a whole one with less in it.
     *
     * @param bytes of the answer, before the connection ends
     */
    private AwsObjectStore storeThatAnswers(String answered, int bytes) throws IOException {
        var listening = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        threads.execute(
                () -> {
                    try (listening) {
                        while (testEnds.getCount() > 0) {
                            try (Socket client = listening.accept()) {
                                client.getInputStream().read(new byte[4096]);
                                client.getOutputStream()
                                        .write(
                                                answered.getBytes(StandardCharsets.US_ASCII),
                                                0,
                                                bytes);
                            }
                        }
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                });
        return connect(listening.getLocalPort(), SdkClients.Timeouts.DEFAULT);
    }

    @Test
    void putWhoseAnswerWasCutAnywhereIsUnclearOrHasTheWholeEtag() throws IOException {
        String whole =
                "HTTP/1.1 200 OK\r\nDate: now\r\nETag: \"abcdef\"\r\nContent-Length: 0\r\n\r\n";
        int known = whole.indexOf("\r\nContent");
        for (int bytes = 0; bytes <= whole.length(); bytes++) {
            try (AwsObjectStore cut = storeThatAnswers(whole, bytes)) {
                PutAnswer put = cut.put("k", new byte[1], Condition.always(), Map.of());
                assertThat(put).isEqualTo(new PutAnswer.Stored("abcdef"));
                assertThat(bytes).isGreaterThanOrEqualTo(known);
            } catch (StoreUnreachableException e) {
                assertThat(bytes).isLessThan(whole.length());
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"HTTP/1.1 20", "HTTP/1.1 200 OK\r\nDa", "\"abcd", "\"abcdef\"\r\nCont"})
    void headWhoseAnswerLacksItsEtagOrItsLengthIsUnclear(String cutAfter) throws IOException {
        String whole =
                "HTTP/1.1 200 OK\r\nDate: now\r\nETag: \"abcdef\"\r\nContent-Length: 10\r\n\r\n";
        int bytes = whole.indexOf(cutAfter) + cutAfter.length();
        try (AwsObjectStore cut = storeThatAnswers(whole, bytes)) {
            assertThatThrownBy(() -> cut.head("k")).isInstanceOf(StoreUnreachableException.class);
        }
    }

    private static Stream<Named<Listing>> listings() {
        return Stream.of(
                Named.of("objects", store -> listed(store, "db/")),
                Named.of("folders", store -> store.folders("db/")));
    }

    interface Listing {
        List<String> of(AwsObjectStore store) throws IOException;
    }

    private static List<String> listed(AwsObjectStore store, String prefix) throws IOException {
        List<String> keys = new ArrayList<>();
        store.list(prefix, object -> keys.add(object.key()));
        return keys;
    }

    @ParameterizedTest
    @MethodSource("listings")
    void listingWhoseAnswerWasCutAnywhereIsNoAnswer(Listing listing) throws IOException {
        String body =
                "<ListBucketResult><Name>b</Name><IsTruncated>false</IsTruncated>"
                        + "<Contents><Key>db/a</Key><ETag>\"a\"</ETag><Size>1</Size></Contents>"
                        + "<CommonPrefixes><Prefix>db/t/</Prefix></CommonPrefixes>"
                        + "</ListBucketResult>";
        String whole =
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n"
                        .formatted(body.length(), body);
        int end = whole.indexOf("</ListBucketResult>") + "</ListBucketResult>".length();
        for (int bytes = whole.indexOf("OK"); bytes <= whole.length(); bytes++) {
            try (AwsObjectStore cut = storeThatAnswers(whole, bytes)) {
                assertThat(listing.of(cut)).hasSize(1);
                assertThat(bytes).isGreaterThanOrEqualTo(end);
            } catch (StoreUnreachableException e) {
                assertThat(bytes).isLessThan(whole.length());
                assertThat(e).hasMessageContaining("listing db/");
            }
        }
    }

    @Test
    void monstrousObjectIsRefusedBeforeItIsRead() {
        answer =
                exchange -> {
                    exchange.getResponseHeaders().set("ETag", "\"abc\"");
                    exchange.sendResponseHeaders(200, 3L << 30);
                    exchange.getResponseBody().write(new byte[100]);
                    exchange.getResponseBody().flush();
                };
        assertThatThrownBy(() -> store.get("db/t/aria"))
                .isInstanceOf(DamagedTableException.class)
                .hasMessageContaining("3221225472 bytes");
    }

    @Test
    void refusalsAreDefinite() {
        answer = exchange -> status(exchange, 403, "AccessDenied");
        assertThatThrownBy(this::putAlways)
                .isInstanceOf(StoreRefusedException.class)
                .hasMessageContaining("PUT db/t/aria")
                .hasMessageNotContaining("wire-secret-key");
        answer = exchange -> status(exchange, 301, "PermanentRedirect");
        assertThatThrownBy(() -> store.get("db/t/aria"))
                .isInstanceOf(StoreRefusedException.class)
                .hasMessageContaining("s3-region");
        answer = exchange -> status(exchange, 404, "NoSuchBucket");
        assertThatThrownBy(this::putAlways).isInstanceOf(BucketMissingException.class);
    }

    @Test
    void notFoundFromSomethingThatIsNotS3IsNotAnAbsentObject() {
        answer = exchange -> exchange.sendResponseHeaders(404, -1);
        assertThatThrownBy(() -> store.get("db/t/aria"))
                .isInstanceOf(StoreRefusedException.class)
                .hasMessageContaining("s3-host-name");
        assertThatThrownBy(this::putAlways).isInstanceOf(StoreRefusedException.class);
    }

    @Test
    void endpointThatIgnoresConditionsIsComparedWithFirst() throws IOException {
        answer = AwsObjectStoreWireTest::ignoringConditions;
        assertThat(store.facts().allHonoured()).isFalse();
        seen.clear();
        assertThat(store.put("k", new byte[1], Condition.ifAbsent(), Map.of()))
                .isEqualTo(new PutAnswer.ConditionFailed());
        assertThat(store.put("k", new byte[1], Condition.ifMatch("other"), Map.of()))
                .isEqualTo(new PutAnswer.ConditionFailed());
        assertThat(store.delete("k", Condition.ifMatch("other")))
                .isEqualTo(new DeleteAnswer.ConditionFailed());
        assertThat(seen).extracting(Seen::method).containsExactly("HEAD", "HEAD", "HEAD");
        seen.clear();
        assertThat(store.put("k", new byte[1], Condition.ifMatch("abc"), Map.of()))
                .isEqualTo(new PutAnswer.Stored("abc"));
        assertThat(store.delete("k", Condition.ifMatch("abc"))).isEqualTo(new DeleteAnswer.Gone());
        assertThat(seen).extracting(Seen::method).containsExactly("HEAD", "PUT", "HEAD", "DELETE");
        assertThat(seen.get(1).headers()).doesNotContainKey("If-match");
    }

    /** On Ceph's gateway, the DELETE of one that slept would take the next owner's header away. */
    @Test
    void processThatWasStoppedBehindItsLookWritesNothing() throws IOException {
        answer = AwsObjectStoreWireTest::ignoringConditions;
        assertThat(store.facts().allHonoured()).isFalse();
        answer =
                exchange -> {
                    nanos.addAndGet(TimeUnit.SECONDS.toNanos(60));
                    ignoringConditions(exchange);
                };
        seen.clear();
        assertThatThrownBy(() -> store.delete("k", Condition.ifMatch("abc")))
                .isInstanceOf(StoreUnreachableException.class)
                .hasMessageContainingAll("HEAD k took 60000 ms", "nothing was written");
        assertThatThrownBy(() -> store.put("k", new byte[1], Condition.ifMatch("abc"), Map.of()))
                .isInstanceOf(StoreUnreachableException.class);
        assertThatThrownBy(() -> store.put("k", new byte[1], Condition.ifAbsent(), Map.of()))
                .isInstanceOf(StoreUnreachableException.class);
        assertThat(seen).extracting(Seen::method).containsExactly("HEAD", "HEAD", "HEAD");
    }

    /** Of a gateway on the way, say: frm would stay though it was to be deleted, and a lock likewise. */
    @Test
    void headThatFindsNothingIsNotBelievedAlone() throws IOException {
        answer = AwsObjectStoreWireTest::ignoringConditions;
        assertThat(store.facts().allHonoured()).isFalse();
        answer =
                exchange -> {
                    if (exchange.getRequestMethod().equals("HEAD")) {
                        exchange.sendResponseHeaders(404, -1);
                    } else {
                        ignoringConditions(exchange);
                    }
                };
        seen.clear();
        assertThat(store.delete("k", Condition.ifMatch("abc"))).isEqualTo(new DeleteAnswer.Gone());
        assertThat(seen).extracting(Seen::method).containsExactly("HEAD", "GET", "DELETE");
        seen.clear();
        assertThat(store.put("k", new byte[1], Condition.ifAbsent(), Map.of()))
                .isEqualTo(new PutAnswer.ConditionFailed());
        assertThat(seen).extracting(Seen::method).containsExactly("HEAD", "GET");
    }

    private static void ignoringConditions(HttpExchange exchange) throws IOException {
        exchange.getResponseHeaders().set("ETag", "\"abc\"");
        exchange.getResponseHeaders().set("Last-Modified", "Sat, 21 Nov 2026 00:00:00 GMT");
        switch (exchange.getRequestMethod()) {
            case "DELETE" -> exchange.sendResponseHeaders(204, -1);
            case "HEAD" -> {
                exchange.getResponseHeaders().set("Content-Length", "5");
                exchange.sendResponseHeaders(200, -1);
            }
            case "GET" -> {
                byte[] empty = EMPTY_LISTING.getBytes(StandardCharsets.US_ASCII);
                exchange.sendResponseHeaders(200, empty.length);
                exchange.getResponseBody().write(empty);
            }
            default -> exchange.sendResponseHeaders(200, -1);
        }
    }
}
