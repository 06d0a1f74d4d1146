package aria.s3batch.daemon.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import aria.s3batch.daemon.api.UnixHttp.Answer;
import aria.s3batch.format.SyntheticTable;
import aria.s3batch.format.TableFile;
import aria.s3batch.s3block.FaultyObjectStore;
import aria.s3batch.s3block.FaultyObjectStore.Failure;
import aria.s3batch.s3block.FaultyObjectStore.Fault;
import aria.s3batch.s3block.FaultyObjectStore.Operation;
import aria.s3batch.s3block.LoadedFixture;

import com.fasterxml.jackson.databind.JsonNode;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.regex.Pattern;

/** The HTTP interface over a real Unix socket; only the bucket is in memory. */
class ApiServerTest {
    private static final int PAGE = SyntheticTable.PAGE_BYTES;
    private static final String DATA = "/tables/shop/orders/data";
    private static final int BODY_BYTES_MAX = 16 << 20;

    @TempDir Path dir;
    private ServedBatches daemon;
    private UnixHttp http;

    @BeforeEach
    void start() throws Exception {
        daemon = new ServedBatches(dir);
        http = new UnixHttp(daemon.socket());
    }

    @AfterEach
    void stop() throws Exception {
        daemon.close();
    }

    private String begin(String... tables) throws IOException {
        Answer begun =
                http.post("/v1/batches", Routes.JSON.writeValueAsString(Map.of("tables", tables)));
        assertThat(begun.status()).as(begun.text()).isEqualTo(201);
        return "/v1/batches/" + begun.json().get("batch").asText();
    }

    private static byte[] page(long page, long seed) {
        return SyntheticTable.page(TableFile.DATA, page, seed);
    }

    private static void assertProblem(Answer answer, int status, String kind, String... words)
            throws IOException {
        assertThat(answer.status()).as(answer.text()).isEqualTo(status);
        assertThat(answer.head()).contains("application/problem+json");
        JsonNode problem = answer.json();
        assertThat(problem.get("status").asInt()).isEqualTo(status);
        assertThat(problem.get("kind").asText()).isEqualTo(kind);
        assertThat(problem.get("title").asText()).isNotBlank();
        assertThat(problem.get("type").asText()).isEqualTo("about:blank");
        assertThat(problem.get("detail").asText()).contains(words);
    }

    // ---- the contract --------------------------------------------------------------------------

    @Test
    void openApiDescribesWhatIsServedAndNothingElse() throws Exception {
        String yaml = http.get("/v1/openapi.yaml").text();
        Set<String> described = new TreeSet<>();
        var lines = Pattern.compile("^  (/\\S+):$|^    (get|put|post|delete):$", Pattern.MULTILINE);
        String path = "";
        for (var line : lines.matcher(yaml).results().toList()) {
            if (line.group(1) != null) {
                path = line.group(1).replaceAll("\\{[a-z]+}", "*");
            } else {
                described.add(line.group(2).toUpperCase(Locale.ROOT) + " " + path);
            }
        }
        assertThat(daemon.routes((user, group, now) -> true).all())
                .containsExactlyInAnyOrderElementsOf(described);
        assertThat(described).hasSize(20);
    }

    @Test
    void aBatchGoesItsWayThroughAllRoutes() throws Exception {
        String batch = begin("shop.orders", "shop/parts");
        assertThat(http.get("/v1/status").json().get("batches").get(0).get("state").asText())
                .isEqualTo("OPEN");
        JsonNode table = http.get(batch + "/tables/shop/orders").json();
        assertThat(table.get("pageBytes").asInt()).isEqualTo(PAGE);
        assertThat(table.get("data").get("bytes").asLong()).isEqualTo(10L * PAGE);
        assertThat(http.put(batch + DATA + "?page=3", page(3, 7)).status()).isEqualTo(204);
        assertThat(http.get(batch + DATA + "?page=3").body()).isEqualTo(page(3, 7));
        JsonNode plan = http.get(batch + "/plan").json();
        // the block, aria and frm, and a copy of each of these two; a lock for each table
        assertThat(plan.get("puts").asInt()).isEqualTo(7);
        assertThat(http.get(batch + "/plan?readers=none").json().get("puts").asInt()).isEqualTo(3);
        // a record and the page
        assertThat(plan.get("copy").get("puts").asInt()).isEqualTo(2);
        assertThat(plan.get("copy").get("bytesUp").asInt()).isEqualTo(PAGE);
        assertThat(plan.get("seconds").isNull()).isTrue();

        Answer committed = http.post(batch + "/commit", "");

        assertThat(committed.json().get("state").asText()).isEqualTo("COMMITTED");
        JsonNode applied = http.get(batch).json();
        for (int i = 0; i < 1000 && !applied.get("state").asText().equals("APPLIED"); i++) {
            applied = http.get(batch).json(); // each answer is a round trip through the conductor
        }
        assertThat(applied.get("state").asText()).isEqualTo("APPLIED");
        assertThat(daemon.inBucket("data/000001")).contains(page(3, 7));
        assertThat(http.get("/v1/status").json().get("batches")).isEmpty();
        JsonNode receipt = daemon.receipt(applied.get("batch").asText());
        assertThat(receipt.path("user").asText()).isEqualTo(System.getProperty("user.name"));
    }

    @Test
    void batchIsUndoneByAnother() throws Exception {
        byte[] before = daemon.inBucket("data/000001");
        String batch = begin("shop.orders");
        assertThat(http.put(batch + DATA + "?page=3", page(3, 7)).status()).isEqualTo(204);
        assertThat(http.post(batch + "/commit", "{\"keepUndo\": true}").status()).isEqualTo(200);
        awaitApplied(batch);
        assertThat(daemon.inBucket("data/000001")).isNotEqualTo(before);
        JsonNode sets = http.get("/v1/undo").json().get("sets");
        assertThat(sets).hasSize(1);
        assertThat(batch).endsWith(sets.get(0).get("batch").asText());
        assertThat(sets.get(0).get("complete").asBoolean()).isTrue();

        Answer undo = http.post(batch + "/undo", "");
        assertThat(undo.status()).isEqualTo(201);
        assertThat(undo.json().get("tables").get(0).asText()).isEqualTo("shop.orders");
        String undoing = "/v1/batches/" + undo.json().get("batch").asText();
        assertThat(http.get(undoing).json().get("pages").asInt()).isEqualTo(1);
        assertThat(http.post(undoing + "/commit", "").status()).isEqualTo(200);
        awaitApplied(undoing);
        assertThat(daemon.inBucket("data/000001")).isEqualTo(before);

        assertProblem(http.post(batch + "/undo", ""), 409, "refused", "changed since");
        assertThat(http.get("/v1/status").json().get("batches")).isEmpty();
        assertProblem(http.post(undoing + "/undo", ""), 409, "refused", "--keep-undo");
        String set = "/v1/undo/" + sets.get(0).get("batch").asText();
        assertThat(http.send("DELETE", set, new byte[0]).status()).isEqualTo(204);
        assertThat(http.get("/v1/undo").json().get("sets")).isEmpty();
        assertProblem(http.send("DELETE", set, new byte[0]), 404, "not-found", "nothing is kept");
    }

    private void awaitApplied(String batch) throws Exception {
        JsonNode applied = http.get(batch).json();
        for (int i = 0; i < 1000 && !applied.get("state").asText().equals("APPLIED"); i++) {
            applied = http.get(batch).json(); // each answer is a round trip through the conductor
        }
        assertThat(applied.get("state").asText()).isEqualTo("APPLIED");
    }

    @Test
    void truncateAndAbort() throws Exception {
        String batch = begin("shop.orders");
        assertThat(http.post(batch + DATA + "/truncate?bytes=" + 2 * PAGE, "").status())
                .isEqualTo(204);
        assertThat(http.get(batch + DATA + "?page=0&count=10").body()).hasSize(2 * PAGE);
        assertThat(http.post(batch + "/abort", "").json().get("state").asText())
                .isEqualTo("ABORTED");
        assertThat(http.get(batch).json().get("state").asText()).isEqualTo("ABORTED");
    }

    @Test
    void partitionsAreReachedByTheirEncodedNames() throws Exception {
        String batch = begin("shop.log#P#p0");
        Answer table = http.get(batch + "/tables/shop/log%23P%23p0");
        assertThat(table.status()).as(table.text()).isEqualTo(200);
        assertThat(table.json().get("table").asText()).isEqualTo("shop.log#P#p0");
    }

    // ---- problems ------------------------------------------------------------------------------

    @ParameterizedTest
    @CsvSource(
            textBlock =
                    """
                    # method, path below the batch,                       status, kind,      in the detail
                    GET,      /nothing,                                   404,    not-found, no route
                    DELETE,   '',                                         404,    not-found, no route
                    GET,      /tables/shop/orders/data,                   400,    usage,     either page or offset
                    GET,      /tables/shop/orders/data?page=1&offset=2,   400,    usage,     either page or offset
                    GET,      /tables/shop/orders/data?page=x,            400,    usage,     page='x'
                    GET,      /tables/shop/orders/data?page=-1,           400,    usage,     negative
                    GET,      /tables/shop/orders/data?page=10,           400,    usage,     ends at byte 81920
                    GET,      /tables/shop/orders/data?page=0&count=0,    400,    usage,     at least 1
                    GET,      /tables/shop/orders/data?page=0&count=2049, 400,    usage,     at most 16777216
                    GET,      /tables/shop/orders/data?page=9223372036854775807, 400, usage, page
                    GET,      /tables/shop/orders/frm?page=0,             400,    usage,     frm
                    GET,      /tables/shop/parts,                         404,    not-found, is not in batch
                    GET,      /tables/shop/no%20name,                     400,    usage,     file-name encoding
                    PUT,      /tables/shop/orders/data?page=0,            400,    usage,     empty body
                    POST,     /tables/shop/orders/data/truncate,          400,    usage,     bytes=N
                    POST,     /tables/shop/orders/data/truncate?bytes=99999999999999999, 400, usage, pointers
                    POST,     /resolve,                                   400,    usage,     JSON
                    """)
    void badRequestsAreProblemsAndChangeNothing(
            String method, String path, int status, String kind, String words) throws Exception {
        String batch = begin("shop.orders");
        String before = http.get(batch).text() + http.get(batch + "/tables/shop/orders").text();

        assertProblem(http.send(method, batch + path, new byte[0]), status, kind, words);

        assertThat(http.get(batch).text() + http.get(batch + "/tables/shop/orders").text())
                .isEqualTo(before);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            textBlock =
                    """
                    {                           | 400 | usage     | JSON
                    {}                          | 400 | usage     | no tables
                    {"tables": []}              | 400 | usage     | no tables
                    {"tables": ["orders"]}      | 400 | usage     | db.table
                    {"tables": "shop.orders"}   | 400 | usage     | JSON
                    {"tables": [null]}          | 400 | usage     | no tables
                    {"table": ["shop.orders"]}  | 400 | usage     | JSON
                    {"tables": ["shop.gone"]}   | 404 | not-found | shop.gone
                    """)
    void badBeginsAreProblems(String body, int status, String kind, String words) throws Exception {
        assertProblem(http.post("/v1/batches", body), status, kind, words);
        assertThat(http.get("/v1/status").json().get("batches")).isEmpty();
    }

    @Test
    void everyKindOfFailureHasItsStatus() throws Exception {
        assertProblem(http.get("/v1/batches/none"), 400, "usage", "26 letters");
        assertProblem(
                http.get("/v1/batches/01ARZ3NDEKTSV4RRFFQ69G5FAV"), 404, "not-found", "no batch");
        String batch = begin("shop.orders");
        assertProblem(
                http.post("/v1/batches", "{\"tables\": [\"shop.orders\"]}"),
                409,
                "refused",
                "locked by batch");
        assertProblem(
                http.post(batch + "/resolve", "{\"action\": \"retry\"}"),
                409,
                "refused",
                "not quarantined");
        assertProblem(
                http.post(batch + "/resolve", "{\"action\": \"forget\"}"), 400, "usage", "forget");
        daemon.store.fail(
                Fault.once(FaultyObjectStore.any(Operation.GET), Failure.UNREACHABLE_BEFORE));
        assertProblem(
                http.post("/v1/batches", "{\"tables\": [\"shop.parts\"]}"),
                503,
                "unreachable",
                "injected");
        LoadedFixture.replace(daemon.bucket, "shop/parts/aria", new byte[100]);
        assertProblem(
                http.post("/v1/batches", "{\"tables\": [\"shop.parts\"]}"),
                422,
                "quarantined",
                "shop/parts/aria");
    }

    @Test
    void fullCacheIsSaidAndLeavesTheBatchAbortable() throws Exception {
        String batch = begin("shop.orders");
        byte[] pages = new byte[ServedBatches.CACHE_BYTES];
        for (int i = 0; i < pages.length / PAGE; i++) {
            System.arraycopy(page(i, 7), 0, pages, i * PAGE, PAGE);
        }
        assertProblem(http.put(batch + DATA + "?page=0", pages), 507, "cache-full", "cache-size");
        assertThat(http.post(batch + "/abort", "").status()).isEqualTo(200);
        assertThat(http.get("/v1/status").json().get("daemon").get("cacheBytesUsed").asLong())
                .isZero();
    }

    // ---- pages ---------------------------------------------------------------------------------

    @Test
    void readsEndWithTheFile() throws Exception {
        String batch = begin("shop.orders");
        byte[] data = ServedBatches.ORDERS.local(TableFile.DATA);
        assertThat(http.get(batch + DATA + "?page=8&count=5").body())
                .isEqualTo(Arrays.copyOfRange(data, 8 * PAGE, 10 * PAGE));
        assertThat(http.get(batch + DATA + "?offset=" + (10 * PAGE - 3) + "&length=10").body())
                .isEqualTo(Arrays.copyOfRange(data, 10 * PAGE - 3, 10 * PAGE));
        assertThat(http.get(batch + DATA + "?offset=5").body()).isEqualTo(new byte[] {data[5]});
    }

    @Test
    void partOfAPageIsMergedWithWhatIsThere() throws Exception {
        String batch = begin("shop.orders");
        byte[] expected = ServedBatches.ORDERS.local(TableFile.DATA).clone();
        byte[] part = new byte[PAGE + 500];
        Arrays.fill(part, (byte) 0x5a);
        int offset = 3 * PAGE - 200;
        System.arraycopy(part, 0, expected, offset, part.length);

        assertThat(http.put(batch + DATA + "?offset=" + offset, part).status()).isEqualTo(204);

        assertThat(http.get(batch + DATA + "?page=0&count=10").body()).isEqualTo(expected);
        assertThat(http.get(batch).json().get("pages").asInt()).isEqualTo(3);
        assertProblem(http.post(batch + "/commit", ""), 409, "refused", "page 2");
    }

    @Test
    void badPageInTheMiddleStagesNothing() throws Exception {
        String batch = begin("shop.orders");
        byte[] pages = new byte[3 * PAGE];
        for (int i = 0; i < 3; i++) {
            System.arraycopy(page(4 + i, 7), 0, pages, i * PAGE, PAGE);
        }
        pages[PAGE + 4000] ^= 1;

        assertProblem(
                http.put(batch + DATA + "?page=4", pages), 400, "usage", "page 5", "checksum");
        assertProblem(
                http.put(batch + DATA + "?page=4", Arrays.copyOf(pages, PAGE - 1)),
                400,
                "usage",
                "8192");
        assertProblem(
                http.put(batch + DATA + "?page=4000000000000", page(4, 7)), 400, "usage", "page");

        assertThat(http.get(batch).json().get("pages").asInt()).isZero();
        assertThat(http.get(batch + DATA + "?page=0&count=10").body())
                .isEqualTo(ServedBatches.ORDERS.local(TableFile.DATA));
    }

    @Test
    void bodiesAreLimited() throws Exception {
        String batch = begin("shop.orders");
        String head =
                "PUT " + batch + DATA + "?page=0 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
        assertProblem(
                http.raw(
                        head + "Content-Length: " + (BODY_BYTES_MAX + 1) + "\r\n\r\n",
                        new byte[BODY_BYTES_MAX + 1]),
                400,
                "usage",
                "at most " + BODY_BYTES_MAX);
        byte[] tooMuch = new byte[BODY_BYTES_MAX + PAGE];
        String chunk = "Transfer-Encoding: chunked\r\n\r\n%x\r\n".formatted(tooMuch.length);
        assertProblem(http.raw(head + chunk, tooMuch), 400, "usage", "send less");
        assertProblem(http.post("/v1/batches", " ".repeat((1 << 20) + 1)), 400, "usage", "at most");
        assertThat(http.get(batch).json().get("pages").asInt()).isZero();
    }

    @Test
    void bodyThatEndsEarlyStagesNothing() throws Exception {
        String batch = begin("shop.orders");
        String head =
                "PUT " + batch + DATA + "?page=0 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
        var raw = head + "Content-Length: " + 2 * PAGE + "\r\n\r\n";
        daemon.sendAndHangUp(raw, page(0, 7));
        assertThat(http.get(batch).json().get("pages").asInt()).isZero();
    }

    @Test
    void sixteenClientsSeeWholePages() throws Exception {
        String batch = begin("shop.orders");
        List<Callable<Integer>> clients = new ArrayList<>();
        for (int client = 0; client < 16; client++) {
            int seed = client;
            clients.add(() -> seed % 2 == 0 ? stageRounds(batch, seed) : readRounds(batch));
        }
        try (ExecutorService threads = Executors.newFixedThreadPool(16)) {
            int requests = 0;
            for (Future<Integer> client : threads.invokeAll(clients)) {
                requests += client.get();
            }
            assertThat(requests).isEqualTo(16 * 40);
        }
        assertThat(http.get(batch).json().get("pages").asInt()).isEqualTo(2);
    }

    private int stageRounds(String batch, int seed) throws IOException {
        for (int round = 0; round < 40; round++) {
            int page = 2 + round % 2;
            assertThat(http.put(batch + DATA + "?page=" + page, page(page, seed)).status())
                    .isEqualTo(204);
        }
        return 40;
    }

    private int readRounds(String batch) throws IOException {
        List<byte[]> whole = new ArrayList<>();
        for (int page : new int[] {2, 3}) {
            byte[] base = ServedBatches.ORDERS.local(TableFile.DATA);
            whole.add(Arrays.copyOfRange(base, page * PAGE, (page + 1) * PAGE));
            for (int seed = 0; seed < 16; seed += 2) {
                whole.add(page(page, seed));
            }
        }
        for (int round = 0; round < 40; round++) {
            byte[] both = http.get(batch + DATA + "?page=2&count=2").body();
            for (int from : new int[] {0, PAGE}) {
                byte[] seen = Arrays.copyOfRange(both, from, from + PAGE);
                assertThat(whole).anyMatch(page -> Arrays.equals(page, seen));
            }
        }
        return 40;
    }

    // ---- the socket ----------------------------------------------------------------------------

    @Test
    void socketIsForOwnerAndGroupOnlyAndGoneAfterClose() throws Exception {
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(daemon.socket())))
                .isEqualTo("rw-rw----");
        daemon.close();
        assertThat(daemon.socket()).doesNotExist();
    }

    @Test
    void staleSocketIsReplacedALiveOneAndOtherFilesAreRefused() throws Exception {
        Path socket = dir.resolve("other.sock");
        try (var listening = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            listening.bind(UnixDomainSocketAddress.of(socket));
            assertThatThrownBy(() -> daemon.serve(socket))
                    .hasMessageContaining("in use by another daemon")
                    .satisfies(e -> assertThat(Problems.of(e).kind()).isEqualTo("refused"));
            assertThat(socket).exists();
        }
        assertThat(socket).as("stale").exists();
        try (ApiServer second = daemon.serve(socket)) {
            assertThat(second).isNotNull();
            assertThat(new UnixHttp(socket).get("/v1/status").status()).isEqualTo(200);
        }
        Path file = Files.writeString(dir.resolve("file"), "precious");
        assertThatThrownBy(() -> daemon.serve(file)).hasMessageContaining("is no socket");
        assertThat(file).hasContent("precious");
        Path link = Files.createSymbolicLink(dir.resolve("link"), file);
        assertThatThrownBy(() -> daemon.serve(link)).hasMessageContaining("is no socket");
        assertThatThrownBy(() -> daemon.serve(file.resolve("x.sock")))
                .hasMessageContaining("cannot be opened");
    }

    @Test
    void strangersAreRefusedWhateverTheyAsk() throws Exception {
        Path socket = dir.resolve("strict.sock");
        try (ApiServer strict =
                ApiServer.start(socket, daemon.routes((user, group, now) -> false))) {
            assertThat(strict).isNotNull();
            var stranger = new UnixHttp(socket);
            assertProblem(
                    stranger.get("/v1/status"), 403, "forbidden", System.getProperty("user.name"));
            assertProblem(
                    stranger.post("/v1/batches", "{\"tables\": [\"shop.orders\"]}"),
                    403,
                    "forbidden",
                    "may not use");
        }
        assertThat(http.get("/v1/status").json().get("batches")).isEmpty();
    }
}
