package aria.s3batch.ops;

import static java.nio.charset.StandardCharsets.UTF_8;

import aria.s3batch.daemon.api.BatchDocument;
import aria.s3batch.daemon.api.BatchStateDocument;
import aria.s3batch.daemon.api.BegunDocument;
import aria.s3batch.daemon.api.PlanDocument;
import aria.s3batch.daemon.api.Problem;
import aria.s3batch.daemon.api.ReloadedDocument;
import aria.s3batch.daemon.api.ResolutionDocument;
import aria.s3batch.daemon.api.StatusDocument;
import aria.s3batch.daemon.api.TableDocument;
import aria.s3batch.format.AriaHeader;
import aria.s3batch.format.Fixture;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;
import aria.s3batch.recovery.Fence;
import aria.s3batch.recovery.Outlook;

import com.fasterxml.jackson.databind.ObjectMapper;

import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.unixdomain.server.UnixDomainServerConnector;
import org.eclipse.jetty.util.BufferUtil;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.Fields;
import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.net.URLEncoder;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * Answers as openapi.yaml says, on a real Unix socket, for one open batch on one table that is held in
 * memory. Requests are kept in order; problems and states to answer with are set by the test.
 */
final class FakeDaemon implements AutoCloseable {
    static final String BATCH = "01JD0000000000000000000001";

    private final Server server = new Server();
    private final ObjectMapper mapper = new ObjectMapper();
    private final TableName table;
    private final AriaHeader header;
    private final Map<TableFile, byte[]> view = new EnumMap<>(TableFile.class);
    private final Map<TableFile, Long> baseBytes = new EnumMap<>(TableFile.class);
    final List<String> requests = new ArrayList<>();
    final Deque<BatchDocument> states = new ArrayDeque<>();
    final Path socket;
    @Nullable Problem refuseWrites;
    @Nullable Problem refuseAll;
    @Nullable String strangeAnswer;
    boolean endConnections;
    boolean stopAfterCommit;
    Runnable onFirstPut = () -> {};

    private FakeDaemon(Path socket, Fixture fixture, TableName table) {
        this.socket = socket;
        this.table = table;
        this.header = fixture.headerBefore(table);
        for (TableFile file : TableFile.values()) {
            byte[] bytes = fixture.local(table, file, false);
            view.put(file, bytes);
            baseBytes.put(file, (long) bytes.length);
        }
    }

    static FakeDaemon start(Path directory, Fixture fixture, TableName table) throws Exception {
        var daemon = new FakeDaemon(directory.resolve("s.sock"), fixture, table);
        var connector =
                new UnixDomainServerConnector(daemon.server, 1, 1, new HttpConnectionFactory());
        connector.setUnixDomainPath(daemon.socket);
        daemon.server.addConnector(connector);
        daemon.server.setHandler(daemon.new Routes());
        daemon.server.start();
        return daemon;
    }

    byte[] view(TableFile file) {
        return Objects.requireNonNull(view.get(file));
    }

    List<String> writes() {
        return requests.stream()
                .filter(r -> r.startsWith("PUT ") || r.contains("/truncate"))
                .toList();
    }

    @Override
    public void close() {
        try {
            server.stop();
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    private final class Routes extends Handler.Abstract {
        @Override
        public boolean handle(Request request, Response response, Callback callback)
                throws Exception {
            String path = request.getHttpURI().getPath();
            String query = request.getHttpURI().getQuery();
            requests.add(request.getMethod() + " " + path + (query == null ? "" : "?" + query));
            if (endConnections) {
                request.getConnectionMetaData().getConnection().getEndPoint().close();
                return true;
            }
            byte[] body = BufferUtil.toArray(Content.Source.asByteBuffer(request));
            Object answer;
            String strange = strangeAnswer;
            if (strange != null) {
                response.setStatus(502);
                response.write(true, ByteBuffer.wrap(strange.getBytes(UTF_8)), callback);
                return true;
            }
            Problem refused = refuseAll;
            answer =
                    refused != null
                            ? refused
                            : answer(
                                    request.getMethod(),
                                    path.split("/", -1),
                                    Request.extractQueryParameters(request),
                                    body);
            write(answer, response, callback);
            if (stopAfterCommit && path.endsWith("/commit")) {
                endConnections = true;
            }
            return true;
        }
    }

    private void write(Object answer, Response response, Callback callback) throws IOException {
        if (answer instanceof byte[] bytes) {
            response.setStatus(bytes.length == 0 ? 204 : 200);
            response.write(true, ByteBuffer.wrap(bytes), callback);
            return;
        }
        if (answer instanceof Problem problem) {
            response.setStatus(problem.status());
            response.getHeaders().put(HttpHeader.CONTENT_TYPE, "application/problem+json");
        }
        response.write(true, ByteBuffer.wrap(mapper.writeValueAsBytes(answer)), callback);
    }

    /** {@code path} starts with "", "v1". */
    private Object answer(String method, String[] path, Fields query, byte[] body)
            throws IOException {
        if (path[2].equals("status")) {
            return status();
        }
        if (path[2].equals("reload")) {
            return new ReloadedDocument(List.of("readers", "cache-size"), List.of("socket"));
        }
        if (path.length == 3) {
            Object tables = mapper.readValue(body, Map.class).get("tables");
            return List.of(table.display()).equals(tables)
                    ? new BegunDocument(BATCH, List.of(table.display()))
                    : Problem.of(Problem.Kind.NOT_FOUND, "no S3 table " + tables);
        }
        if (!path[3].equals(BATCH)) {
            return Problem.of(Problem.Kind.NOT_FOUND, "no batch " + path[3], path[3], null);
        }
        if (path.length == 4) {
            return states.size() > 1 ? states.remove() : states.element();
        }
        return switch (path[4]) {
            case "plan" ->
                    new PlanDocument(
                            BATCH,
                            List.of(new PlanDocument.TablePlan(table.display(), 9, 4, 1, 2)),
                            9,
                            6,
                            3,
                            6,
                            2,
                            3 << 20,
                            4 << 20,
                            null,
                            new PlanDocument.CopyPlan(2, 1, 2, 9 * 8192),
                            new PlanDocument.UndoPlan(3, 2, 2, 3 << 22));
            case "commit" -> new BatchStateDocument(BATCH, "COMMITTED");
            case "abort" -> new BatchStateDocument(BATCH, "ABORTED");
            case "resolve" ->
                    method.equals("GET")
                            ? ResolutionDocument.of(
                                    BATCH,
                                    9,
                                    new Outlook(
                                            6,
                                            2,
                                            List.of("db/t/data/000001", "db/t/frm"),
                                            List.of(),
                                            List.of(),
                                            Fence.UP),
                                    false)
                            : new BatchStateDocument(
                                    BATCH,
                                    "COMMITTED:" + mapper.readValue(body, Map.class).get("action"));
            default -> tableAnswer(method, path, query, body);
        };
    }

    private Object tableAnswer(String method, String[] path, Fields query, byte[] body) {
        if (!path[5].equals(encoded(table.database())) || !path[6].equals(encoded(table.table()))) {
            return Problem.of(Problem.Kind.NOT_FOUND, "not in the batch: " + path[6]);
        }
        if (path.length == 7) {
            return new TableDocument(
                    table.display(),
                    header.pageBytes(),
                    header.s3BlockBytes(),
                    header.keystart(),
                    header.compressed(),
                    0,
                    0,
                    file(TableFile.INDEX),
                    file(TableFile.DATA));
        }
        TableFile file = TableFile.ofKey(path[7]);
        if (method.equals("GET")) {
            return read(file, query);
        }
        Problem refused = refuseWrites;
        if (refused != null) {
            return refused;
        }
        if (path.length == 9) {
            view.put(file, Arrays.copyOf(view(file), (int) number(query, "bytes")));
            return new byte[0];
        }
        onFirstPut.run();
        onFirstPut = () -> {};
        int from = (int) number(query, "page") * header.pageBytes();
        byte[] bytes = Arrays.copyOf(view(file), Math.max(view(file).length, from + body.length));
        System.arraycopy(body, 0, bytes, from, body.length);
        view.put(file, bytes);
        return new byte[0];
    }

    private byte[] read(TableFile file, Fields query) {
        boolean byPage = query.get("page") != null;
        long unit = byPage ? header.pageBytes() : 1;
        long from = number(query, byPage ? "page" : "offset") * unit;
        long to = from + number(query, byPage ? "count" : "length") * unit;
        byte[] bytes = view(file);
        return from >= bytes.length
                ? new byte[0]
                : Arrays.copyOfRange(bytes, (int) from, (int) Math.min(to, bytes.length));
    }

    private TableDocument.FileDocument file(TableFile file) {
        return new TableDocument.FileDocument(
                view(file).length, Objects.requireNonNull(baseBytes.get(file)));
    }

    private static long number(Fields query, String name) {
        return Long.parseLong(query.getValue(name));
    }

    private static String encoded(String name) {
        return URLEncoder.encode(name, UTF_8);
    }

    private StatusDocument status() {
        return new StatusDocument(
                List.copyOf(states),
                new StatusDocument.Endpoint(
                        "http://127.0.0.1:9000",
                        "archive",
                        true,
                        false,
                        "bare",
                        "path",
                        true,
                        412,
                        404,
                        true,
                        false,
                        true,
                        true,
                        true,
                        -7,
                        List.of(
                                "If-Match on DELETE is ignored: what others write between a HEAD"
                                        + " and the DELETE is lost")),
                new StatusDocument.DaemonFacts(
                        "0.1.0",
                        4711,
                        "2026-11-21T01:02:03Z",
                        true,
                        "/var/lib/aria_s3_batch",
                        123456789,
                        16L << 30,
                        "/var/lib/aria_s3_batch/receipts",
                        null));
    }

    static BatchDocument state(String state, long done, long total, @Nullable String reason) {
        return new BatchDocument(
                BATCH,
                state,
                List.of("fx_shared.plain"),
                9,
                done,
                total,
                reason,
                "fence",
                "local",
                null);
    }
}
