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
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;

/**
 * Requests as other programs write them: each bad one gets a 4xx and a problem document, and neither the
 * batch nor the table changes.
 */
@ExtendWith(SharedStore.Resolver.class)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class RawRequestTest {
    private static final byte[] PAGE = SyntheticTable.page(TableFile.DATA, 1, 7);

    private final SharedStore store;
    private final Site site;
    private final TableName table;
    private final SortedMap<String, String> before;
    private String batch = "";

    RawRequestTest(SharedStore store) throws IOException {
        this.store = store;
        this.site = Site.start(store);
        this.table = store.load("plain");
        this.before = store.versions(table);
    }

    @BeforeEach
    void begin() throws IOException {
        batch = site.begin(table);
    }

    @AfterEach
    void nothingWasChanged() throws IOException {
        assertThat(site.state(batch)).isEqualTo("OPEN");
        assertThat(site.batch(batch).get("pages").asLong()).isZero();
        site.ok("abort", batch);
        assertThat(store.versions(table)).isEqualTo(before);
        assertThat(site.ok("status").get("batches")).isEmpty();
    }

    @AfterAll
    void stop() {
        site.close();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "/",
                "/v1",
                "/v1/",
                "/v2/status",
                "/v1/status/",
                "/v1/batches/BATCH/commit/",
                "/v1/batches/BATCH/nonsense",
                "/v1/batches/BATCH/tables",
                "/etc/passwd",
                "/v1/batches/BATCH/tables/TABLE/data/0",
                "/v1/batches/BATCH/tables/TABLE/nofile/x"
            })
    void pathsThatAreNoRoutesAreNotFound(String path) throws IOException {
        assertThat(kindOf(404, send(head("GET", path)))).isEqualTo("not-found");
    }

    @ParameterizedTest
    @CsvSource({
        "DELETE, /v1/batches/BATCH",
        "GET, /v1/batches/BATCH/commit",
        "PUT, /v1/batches/BATCH/abort",
        "POST, /v1/status",
        "PATCH, /v1/batches/BATCH/tables/TABLE/data?page=1",
        "DELETE, /v1/batches/BATCH/tables/TABLE/data?page=1",
        "NONSENSE, /v1/status"
    })
    void wrongMethodsAreNotFound(String method, String path) throws IOException {
        assertThat(kindOf(404, send(head(method, path)))).isEqualTo("not-found");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "page=-1",
                "page=-9223372036854775808",
                "offset=-1",
                "page=1e3",
                "page=",
                "page=x",
                "page=99999999999999999999",
                "",
                "page=1&offset=0",
                "page=9223372036854775807",
                "page=1125899906842624",
                "offset=9223372036854775807",
                "page=%zz",
                "page=1%00"
            })
    void numbersThatAreNoPagesAreUsageErrors(String query) throws IOException {
        assertUsage(put(pages("data") + "?" + query, PAGE));
        assertUsage(send(head("GET", pages("data") + "?" + query)));
    }

    @ParameterizedTest
    @ValueSource(strings = {"bytes=-1", "bytes=", "bytes=x", "", "bytes=9223372036854775807"})
    void lengthsThatAFileCannotHaveAreUsageErrors(String query) throws IOException {
        assertUsage(post(pages("data") + "/truncate?" + query, ""));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "page=0&count=0", "page=0&count=-1", "page=0&count=9223372036854775807",
                "page=0&count=4096", "offset=0&length=0", "offset=0&length=16777217"
            })
    void readsOfNothingOrTooMuchAreUsageErrors(String query) throws IOException {
        assertUsage(send(head("GET", pages("data") + "?" + query)));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "{",
                "[]",
                "null",
                "{}",
                "{\"tables\":[]}",
                "{\"tables\":\"bad.t1\"}",
                "{\"tables\":[null]}",
                "{\"tables\":[1]}",
                "{\"tables\":[\"\"]}",
                "{\"tables\":[[]]}",
                "{\"tables\":[\"../x\"]}",
                "{\"tables\":[\"bad/../x\"]}",
                "{\"table\":[\"bad.t1\"]}",
                "{\"tables\":[\"bad/x/y\"]}",
                "{\"tables\":[\"bad/x\\u0000\"]}",
                "\u0000\u0001"
            })
    void bodiesOfBeginThatNameNoTableAreUsageErrors(String body) throws IOException {
        assertUsage(post("/v1/batches", body));
    }

    @Test
    void bodyThatIsDeeplyNestedIsAUsageError() throws IOException {
        assertUsage(post("/v1/batches", "{\"tables\":" + "[".repeat(100_000)));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"", "{}", "{\"action\":\"RETRY\"}", "{\"action\":\"x\"}", "{\"action\":3"})
    void bodiesOfResolveThatNameNoActionAreUsageErrors(String body) throws IOException {
        assertUsage(post("/v1/batches/BATCH/resolve", body));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "../TABLE",
                "bad/..%2f..%2fetc",
                "bad%2ft1/x",
                "bad/t1%2fdata%2f000001",
                "bad/.",
                "bad/%2e%2e",
                "bad/t1%00",
                "bad/t1%5c",
                "bad/%ff",
                "bad/t%zz",
                "bad/t;x=1"
            })
    void namesOfTablesThatClimbOrHideASlashAreRefused(String name) throws IOException {
        Answer answer = send(head("GET", "/v1/batches/BATCH/tables/" + name));
        assertProblem(answer);
        assertThat(answer.status).isBetween(400, 404);
        Answer staged = put("/v1/batches/BATCH/tables/" + name + "/data?page=1", PAGE);
        assertProblem(staged);
        assertThat(staged.status).isBetween(400, 404);
    }

    @Test
    void malformedBatchIsAUsageErrorAndAnUnknownOneNotFound() throws IOException {
        assertUsage(send(head("GET", "/v1/batches/x")));
        assertUsage(send(head("GET", "/v1/batches/")));
        assertThat(kindOf(404, send(head("GET", "/v1/batches/01ARZ3NDEKTSV4RRFFQ69G5FAV"))))
                .isEqualTo("not-found");
    }

    @Test
    void bodyOfMoreThanTheLimitIsAUsageErrorBeforeItIsRead() throws IOException {
        String declared = head("PUT", pages("data") + "?page=1", "Content-Length: 9999999999");
        assertUsage(send(declared));
        String begin = head("POST", "/v1/batches", "Content-Length: 2000000");
        assertUsage(send(begin));
    }

    @Test
    void bodyOfMoreThanTheLimitWithoutALengthIsAUsageError() throws IOException {
        var body = new ByteArrayOutputStream();
        byte[] megabyte = new byte[1 << 20];
        for (int i = 0; i < 17; i++) {
            body.writeBytes("100000\r\n".getBytes(StandardCharsets.US_ASCII));
            body.writeBytes(megabyte);
            body.writeBytes("\r\n".getBytes(StandardCharsets.US_ASCII));
        }
        body.writeBytes("0\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
        String head = head("PUT", pages("data") + "?page=1", "Transfer-Encoding: chunked");
        assertUsage(send(head, body.toByteArray()));
    }

    @Test
    void bodyThatIsNoWholePageIsAUsageError() throws IOException {
        assertUsage(put(pages("data") + "?page=1", new byte[8191]));
        assertUsage(put(pages("data") + "?page=1", new byte[0]));
    }

    @Test
    void bodyThatEndsEarlyIsAUsageErrorAndStagesNothing() throws IOException {
        String head = head("PUT", pages("data") + "?page=1", "Content-Length: " + 2 * PAGE.length);
        assertUsage(send(head, PAGE));
        String offset = head("PUT", pages("data") + "?offset=0", "Content-Length: 100");
        assertUsage(send(offset, new byte[50]));
        assertUsage(send(head("POST", "/v1/batches", "Content-Length: 100"), new byte[] {'{'}));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "GET // HTTP/1.1\r\nHost: x\r\n\r\n",
                "GARBAGE\r\n\r\n",
                "GET\r\n\r\n",
                "GET /v1/status\r\n\r\n",
                "\u0016\u0003\u0001\u0002\r\n\r\n",
                "GET /v1/status HTTP/1.1\r\n\r\n",
                "GET /v1/status HTTP/9.9\r\nHost: x\r\n\r\n",
                "GET /v1/status HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
                "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
                "GET /v1/batches/../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n"
            })
    void requestsThatAreNoHttpGetAProblemDocument(String request) throws IOException {
        Answer answer = send(request);
        assertThat(answer.status).isGreaterThanOrEqualTo(400).isNotEqualTo(500);
        assertProblem(answer);
    }

    @Test
    void headerOfMoreThanTheLimitGetsAProblemDocument() throws IOException {
        Answer answer = send(head("GET", "/v1/status", "X: " + "x".repeat(100_000)));
        assertThat(answer.status).isEqualTo(431);
        assertProblem(answer);
    }

    private String pages(String file) {
        return "/v1/batches/BATCH/tables/TABLE/" + file;
    }

    private Answer put(String path, byte[] body) throws IOException {
        return send(head("PUT", path, "Content-Length: " + body.length), body);
    }

    private Answer post(String path, String body) throws IOException {
        byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
        return send(head("POST", path, "Content-Length: " + bytes.length), bytes);
    }

    private String head(String method, String path, String... fields) {
        String named = path.replace("BATCH", batch).replace("TABLE", table.path());
        var lines = new ArrayList<String>();
        lines.add(method + " " + named + " HTTP/1.1");
        lines.add("Host: localhost");
        lines.add("Connection: close");
        lines.addAll(List.of(fields));
        return String.join("\r\n", lines) + "\r\n\r\n";
    }

    private record Answer(int status, String head, String body) {}

    private Answer send(String head) throws IOException {
        return send(head, new byte[0]);
    }

    /** Sends, says that no more comes, and reads all of the answer. */
    private Answer send(String head, byte[] body) throws IOException {
        try (SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX)) {
            channel.connect(UnixDomainSocketAddress.of(site.home().socket()));
            var answer = new ByteArrayOutputStream();
            Thread reader =
                    Thread.ofVirtual()
                            .start(
                                    () -> {
                                        try {
                                            Channels.newInputStream(channel).transferTo(answer);
                                        } catch (IOException reset) {
                                            answer.writeBytes(new byte[0]); // what came is judged
                                        }
                                    });
            sendAsMuchAsIsTaken(channel, head, body);
            reader.join();
            String text = answer.toString(StandardCharsets.UTF_8);
            assertThat(text).as("answer to %s", head).startsWith("HTTP/1.1 ");
            int end = text.indexOf("\r\n\r\n");
            return new Answer(
                    Integer.parseInt(text.substring(9, 12)),
                    text.substring(0, end),
                    text.substring(end + 4));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException(e);
        }
    }

    private static void sendAsMuchAsIsTaken(SocketChannel channel, String head, byte[] body) {
        try {
            ByteBuffer[] request = {
                ByteBuffer.wrap(head.getBytes(StandardCharsets.ISO_8859_1)), ByteBuffer.wrap(body)
            };
            while (request[0].hasRemaining() || request[1].hasRemaining()) {
                channel.write(request);
            }
            channel.shutdownOutput();
        } catch (IOException refused) {
            assertThat(refused).hasMessageContaining("Broken pipe"); // answered before all was read
        }
    }

    private static void assertUsage(Answer answer) throws IOException {
        assertThat(kindOf(400, answer)).isEqualTo("usage");
    }

    private static String kindOf(int status, Answer answer) throws IOException {
        assertThat(answer.status).as(answer.body).isEqualTo(status);
        return assertProblem(answer).get("kind").asText();
    }

    private static JsonNode assertProblem(Answer answer) throws IOException {
        assertThat(answer.head).containsIgnoringCase("Content-Type: application/problem+json");
        JsonNode problem = new ObjectMapper().readTree(answer.body);
        assertThat(problem.get("status").asInt()).isEqualTo(answer.status);
        assertThat(problem.get("detail").asText()).isNotBlank().doesNotContain("Exception");
        return problem;
    }
}
