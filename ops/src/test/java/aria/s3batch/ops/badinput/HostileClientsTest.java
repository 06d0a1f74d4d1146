package aria.s3batch.ops.badinput;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.format.SyntheticTable;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.SocketException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.SortedMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/** Clients by the thousand, slow ones, dying ones and mad ones: the daemon answers others, and nothing is lost. */
@ExtendWith(SharedStore.Resolver.class)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class HostileClientsTest {
    private static final byte[] PAGE = SyntheticTable.page(TableFile.DATA, 1, 7);
    private static final Duration SOON = Duration.ofSeconds(5);
    private static final long GROWTH_KIB_MAX = 96 << 10;

    private final SharedStore store;
    private final Site site;
    private final TableName table;
    private final SortedMap<String, String> before;
    private String batch = "";

    HostileClientsTest(SharedStore store) throws IOException {
        this.store = store;
        this.site = Site.start(store);
        this.table = store.load("plain");
        this.before = store.versions(table);
    }

    @BeforeEach
    void begin() throws IOException {
        batch = site.begin(table);
    }

    /** The batch is as good as ever, the table as it was. */
    @AfterEach
    void nothingWasLost() throws IOException {
        assertThat(site.state(batch)).isEqualTo("OPEN");
        site.put(batch, table, TableFile.DATA, 1, PAGE);
        assertThat(site.batch(batch).get("pages").asLong()).isPositive();
        for (JsonNode left : site.ok("status").get("batches")) {
            site.ok("abort", left.get("batch").asText());
        }
        assertThat(store.versions(table)).isEqualTo(before);
    }

    @AfterAll
    void stop() {
        site.close();
    }

    private SocketChannel connect() throws IOException {
        SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX);
        channel.connect(UnixDomainSocketAddress.of(site.home().socket()));
        return channel;
    }

    private static byte[] head(String method, String path, String... fields) {
        String text =
                "%s %s HTTP/1.1\r\nHost: localhost\r\n".formatted(method, path)
                        + String.join("\r\n", fields)
                        + (fields.length == 0 ? "\r\n" : "\r\n\r\n");
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private byte[] putHead(long page, long length) {
        String path = "/v1/batches/%s/tables/%s/data?page=%d".formatted(batch, table.path(), page);
        return head("PUT", path, "Content-Length: " + length);
    }

    private static void send(SocketChannel channel, byte[] bytes) throws IOException {
        for (var rest = ByteBuffer.wrap(bytes); rest.hasRemaining(); ) {
            channel.write(rest);
        }
    }

    /** What comes; a daemon that refuses a request may end the connection before it was all read. */
    private static String answer(SocketChannel channel) throws IOException {
        var all = new ByteArrayOutputStream();
        try {
            Channels.newInputStream(channel).transferTo(all);
        } catch (SocketException reset) {
            assertThat(reset).hasMessageContaining("reset");
        }
        return all.toString(StandardCharsets.UTF_8);
    }

    private void assertStatusIsAnswered() throws IOException {
        long asked = System.nanoTime();
        assertThat(site.request("GET", "/v1/status", new byte[0]).status()).isEqualTo(200);
        assertThat(Duration.ofNanos(System.nanoTime() - asked)).isLessThan(SOON);
    }

    /** Resident memory of the daemon. */
    private long residentKib() throws IOException {
        return Files.readAllLines(Path.of("/proc", Long.toString(site.daemon().pid()), "status"))
                .stream()
                .filter(line -> line.startsWith("VmRSS:"))
                .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
                .findFirst()
                .orElseThrow();
    }

    @Test
    void thousandConnectionsThatSayNothingOrHalfAHeadLeaveRoomForOthers() throws Exception {
        assertStatusIsAnswered();
        long resident = residentKib();
        List<SocketChannel> connections = new ArrayList<>();
        try {
            for (int i = 0; i < 1000; i++) {
                SocketChannel channel = connect();
                connections.add(channel);
                if (i % 2 == 0) {
                    send(channel, Arrays.copyOf(head("GET", "/v1/status"), 20));
                }
            }
            assertStatusIsAnswered();
            site.put(batch, table, TableFile.DATA, 2, SyntheticTable.page(TableFile.DATA, 2, 7));
            assertThat(residentKib() - resident).isLessThan(GROWTH_KIB_MAX);
        } finally {
            for (SocketChannel channel : connections) {
                channel.close();
            }
        }
    }

    /** As many of them as the daemon lets change something at a time. */
    @Test
    void clientsThatSendABodyByteByByteAreCutOffAndMeanwhileStatusIsAnswered() throws Exception {
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            Callable<String> slow =
                    () -> {
                        try (SocketChannel channel = connect()) {
                            send(channel, putHead(1, PAGE.length));
                            Future<String> answer = threads.submit(() -> answer(channel));
                            for (int i = 0; i < PAGE.length && !answer.isDone(); i++) {
                                send(channel, new byte[] {PAGE[i]});
                                TimeUnit.MILLISECONDS.sleep(200);
                            }
                            return answer.get();
                        } catch (IOException cut) { // while it sent
                            return String.valueOf(cut.getMessage());
                        }
                    };
            List<Future<String>> answers = new ArrayList<>();
            for (int i = 0; i < 32; i++) {
                answers.add(threads.submit(slow));
            }
            for (int i = 0; i < 20; i++) {
                TimeUnit.MILLISECONDS.sleep(100);
                assertStatusIsAnswered();
            }
            site.put(batch, table, TableFile.DATA, 2, SyntheticTable.page(TableFile.DATA, 2, 7));
            String all = "";
            for (Future<String> answer : answers) {
                all += answer.get(60, TimeUnit.SECONDS);
            }
            assertThat(all)
                    .contains("HTTP/1.1 400 ", "bytes of the body came in")
                    .doesNotContain("HTTP/1.1 204");
        }
        assertThat(site.batch(batch).get("pages").asLong()).isEqualTo(1);
    }

    /** What a transfer reserved is free again: many more than fit at a time. */
    @Test
    void clientsThatDieInMidTransferLeaveNothingReserved() throws Exception {
        int megabyte = 1 << 20;
        for (int i = 0; i < 100; i++) {
            try (SocketChannel channel = connect()) {
                send(channel, putHead(0, 16L * megabyte));
                send(channel, new byte[megabyte / 8]);
            }
            try (SocketChannel channel = connect()) {
                String path =
                        "/v1/batches/%s/tables/%s/data?page=0&count=16"
                                .formatted(batch, table.path());
                send(channel, head("GET", path));
                assertThat(channel.read(ByteBuffer.allocate(100))).isPositive();
            }
        }
        assertStatusIsAnswered();
        assertThat(site.batch(batch).get("pages").asLong()).isZero();
    }

    /** Requests that mean something, with bytes changed, left out, doubled; some are still good ones. */
    @Test
    void damagedRequestsAreAnsweredAndNeverAFailureOfTheDaemon() throws Exception {
        var random = new Random(20_260_101);
        byte[] tables = "{\"tables\":[\"bad.t1\",\"bad.t2\"]}".getBytes(StandardCharsets.UTF_8);
        List<byte[]> good =
                List.of(
                        head("GET", "/v1/status", "Connection: close"),
                        join(
                                head("POST", "/v1/batches", "Content-Length: " + tables.length),
                                tables),
                        join(putHead(1, PAGE.length), PAGE),
                        head("GET", "/v1/batches/" + batch + "/plan", "Connection: close"),
                        head(
                                "GET",
                                "/v1/batches/%s/tables/%s/data?offset=10&length=100"
                                        .formatted(batch, table.path()),
                                "Connection: close"));
        int refused = 0;
        for (int i = 0; i < 500; i++) {
            byte[] request =
                    i % 10 == 0
                            ? randomBytes(random)
                            : damaged(good.get(random.nextInt(good.size())), random);
            try (SocketChannel channel = connect()) {
                send(channel, request);
                channel.shutdownOutput();
                String answer = answer(channel);
                assertThat(answer)
                        .as("to %s", new String(request, StandardCharsets.ISO_8859_1))
                        .doesNotContain("HTTP/1.1 500");
                refused += answer.startsWith("HTTP/1.1 4") ? 1 : 0;
            }
        }
        assertThat(refused).isGreaterThan(100);
        assertStatusIsAnswered();
    }

    private static byte[] join(byte[] head, byte[] body) {
        var all = new ByteArrayOutputStream();
        all.writeBytes(head);
        all.writeBytes(body);
        return all.toByteArray();
    }

    private static byte[] randomBytes(Random random) {
        byte[] bytes = new byte[random.nextInt(2000)];
        random.nextBytes(bytes);
        return bytes;
    }

    private static byte[] damaged(byte[] request, Random random) {
        var out = new ByteArrayOutputStream();
        int where = random.nextInt(Math.min(request.length, 300));
        for (int i = 0; i < request.length; i++) {
            if (i != where) {
                out.write(request[i]);
                continue;
            }
            switch (random.nextInt(4)) {
                case 0 -> out.write(request[i] ^ 1 << random.nextInt(8));
                case 1 -> out.writeBytes(randomBytes(random));
                case 2 -> out.writeBytes(new byte[] {request[i], request[i]});
                default -> {} // left out
            }
        }
        return out.toByteArray();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "../../etc.passwd",
                "bad.../x",
                "bad.a\u0000b",
                "bad.a\nb",
                "bad.%2e%2e",
                "bad.\uD800",
                "_aria_s3_batch.locks",
                "bad.LONG",
                "LONG.t",
                "LONG"
            })
    void hostileNamesAreRefusedInWordsThatFitAScreen(String name) throws Exception {
        String tables = name.replace("LONG", "x".repeat(10_000));
        String body = new ObjectMapper().writeValueAsString(Map.of("tables", List.of(tables)));
        var answer = site.request("POST", "/v1/batches", body.getBytes(StandardCharsets.UTF_8));
        assertThat(answer.status()).as(answer.text()).isBetween(400, 404);
        assertThat(answer.text()).hasSizeLessThan(1000).contains("\"detail\"");
    }
}
