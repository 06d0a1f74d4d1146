package aria.s3batch.ops;

import aria.s3batch.daemon.api.BatchDocument;
import aria.s3batch.daemon.api.BatchStateDocument;
import aria.s3batch.daemon.api.BegunDocument;
import aria.s3batch.daemon.api.PlanDocument;
import aria.s3batch.daemon.api.Problem;
import aria.s3batch.daemon.api.ReloadedDocument;
import aria.s3batch.daemon.api.ResolutionDocument;
import aria.s3batch.daemon.api.StatusDocument;
import aria.s3batch.daemon.api.TableDocument;
import aria.s3batch.daemon.api.UndoSetDocument;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;

import org.eclipse.jetty.client.ByteBufferRequestContent;
import org.eclipse.jetty.client.CompletableResponseListener;
import org.eclipse.jetty.client.ContentResponse;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.client.Request;
import org.eclipse.jetty.client.StringRequestContent;
import org.eclipse.jetty.client.transport.HttpClientTransportOverHTTP;
import org.eclipse.jetty.http.HttpMethod;
import org.eclipse.jetty.io.ArrayByteBufferPool;
import org.eclipse.jetty.io.ClientConnector;
import org.eclipse.jetty.io.Transport;
import org.eclipse.jetty.util.ssl.SslContextFactory;
import org.eclipse.jetty.util.thread.QueuedThreadPool;
import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.net.URLEncoder;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * The daemon's HTTP interface over its Unix socket, as openapi.yaml in {@code aria.s3batch.daemon.api}
 * describes it: one method a route. For one thread. Each method blocks until the answer is there, at most
 * for a limit of its own, and throws {@link ProblemException} with the daemon's problem, or {@link
 * NoAnswerException}.
 */
final class DaemonClient implements AutoCloseable {
    /** Most bytes of one request or answer. */
    static final int BODY_BYTES_MAX = 16 << 20;

    private static final Duration CONNECT_LIMIT = Duration.ofSeconds(5);
    private static final Duration SHORT_LIMIT = Duration.ofSeconds(60);

    /** Reads blocks from S3 behind the socket, or merges into pages that do. */
    private static final Duration PAGES_LIMIT = Duration.ofMinutes(5);

    /** One HEAD for each touched block, and a sync of all staged pages. */
    private static final Duration COMMIT_LIMIT = Duration.ofMinutes(30);

    private static final long POOLED_BYTES_MAX = 16 << 20;

    private static final SslContextFactory.Client NO_TLS =
            new SslContextFactory.Client() {
                @Override
                protected void doStart() {}
            };

    private final Path socket;
    private final Transport transport;
    private final HttpClient http;
    private final ObjectMapper mapper =
            new ObjectMapper().disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES);

    private DaemonClient(Path socket, HttpClient http) {
        this.socket = socket;
        this.transport = new Transport.TCPUnix(socket);
        this.http = http;
    }

    /** Connects at the first request, not here. */
    static DaemonClient of(Path socket) {
        var threads = new QueuedThreadPool(8, 2);
        threads.setReservedThreads(0);
        threads.setDaemon(true);
        var connector = new ClientConnector();
        connector.setSelectors(1);
        connector.setExecutor(threads);
        // Jetty's defaults ask the JVM's management for its memory, and read the certificates for
        // TLS.
        connector.setByteBufferPool(
                new ArrayByteBufferPool(
                        0, 4 << 10, 64 << 10, 64, POOLED_BYTES_MAX, POOLED_BYTES_MAX));
        connector.setSslContextFactory(NO_TLS);
        var http = new HttpClient(new HttpClientTransportOverHTTP(connector));
        http.setExecutor(threads);
        http.setConnectTimeout(CONNECT_LIMIT.toMillis());
        http.setIdleTimeout(COMMIT_LIMIT.toMillis());
        http.setFollowRedirects(false);
        try {
            http.start();
        } catch (Exception e) {
            throw new IllegalStateException("the HTTP client does not start", e);
        }
        return new DaemonClient(socket, http);
    }

    StatusDocument status() throws ProblemException {
        return json(send(HttpMethod.GET, "/v1/status", SHORT_LIMIT), StatusDocument.class);
    }

    /**
     * @param tables {@code db.table} or {@code db/table}, as the user wrote them
     */
    BegunDocument begin(List<String> tables) throws ProblemException {
        return json(
                sendJson("/v1/batches", Map.of("tables", tables), PAGES_LIMIT),
                BegunDocument.class);
    }

    /** As {@link #begin(List)}, and the batch is aborted when this process ends before it is committed. */
    BegunDocument beginBound(List<String> tables) throws ProblemException {
        return json(
                sendJson("/v1/batches", Map.of("tables", tables, "bound", true), PAGES_LIMIT),
                BegunDocument.class);
    }

    BatchDocument batch(String batch) throws ProblemException {
        return json(send(HttpMethod.GET, path(batch), SHORT_LIMIT), BatchDocument.class);
    }

    /**
     * @param readers as for {@link #commit}
     */
    PlanDocument plan(String batch, @Nullable String readers) throws ProblemException {
        Request request = request(HttpMethod.GET, path(batch) + "/plan", PAGES_LIMIT);
        if (readers != null) {
            request.param("readers", readers);
        }
        return json(send(request, PAGES_LIMIT), PlanDocument.class);
    }

    PlanDocument plan(String batch) throws ProblemException {
        return plan(batch, null);
    }

    /**
     * On return the batch cannot be lost.
     *
     * @param readers fence, refresh or none; null: as the daemon's option says
     * @param durability local or bucket; likewise
     * @param keepUndo likewise
     */
    BatchStateDocument commit(
            String batch,
            @Nullable String readers,
            @Nullable String durability,
            @Nullable Boolean keepUndo)
            throws ProblemException {
        Map<String, Object> body = new TreeMap<>();
        if (keepUndo != null) {
            body.put("keepUndo", keepUndo);
        }
        if (readers != null) {
            body.put("readers", readers);
        }
        if (durability != null) {
            body.put("durability", durability);
        }
        return json(
                sendJson(path(batch) + "/commit", body, COMMIT_LIMIT), BatchStateDocument.class);
    }

    /** Opens a batch that undoes another; it is aborted when this process ends before it is committed. */
    BegunDocument undo(String batch) throws ProblemException {
        return json(
                sendJson(path(batch) + "/undo", Map.of("bound", true), COMMIT_LIMIT),
                BegunDocument.class);
    }

    UndoSetDocument undoSets() throws ProblemException {
        return json(send(HttpMethod.GET, "/v1/undo", PAGES_LIMIT), UndoSetDocument.class);
    }

    void forgetUndo(String batch) throws ProblemException {
        var _ = send(HttpMethod.DELETE, "/v1/undo/" + batch, PAGES_LIMIT);
    }

    BatchStateDocument abort(String batch) throws ProblemException {
        return json(
                send(HttpMethod.POST, path(batch) + "/abort", SHORT_LIMIT),
                BatchStateDocument.class);
    }

    /**
     * @param directory absolute
     */
    BatchDocument mount(String batch, Path directory) throws ProblemException {
        return json(
                sendJson(
                        path(batch) + "/mount",
                        Map.of("directory", directory.toString()),
                        SHORT_LIMIT),
                BatchDocument.class);
    }

    BatchDocument unmount(String batch, boolean lazy) throws ProblemException {
        String query = lazy ? "?lazy=true" : "";
        return json(
                send(HttpMethod.DELETE, path(batch) + "/mount" + query, SHORT_LIMIT),
                BatchDocument.class);
    }

    /** Metrics in Prometheus' text format. */
    String metrics() throws ProblemException {
        return send(HttpMethod.GET, "/metrics", SHORT_LIMIT).getContentAsString();
    }

    /** On return the options count that can change at once. */
    ReloadedDocument reload() throws ProblemException {
        return json(send(HttpMethod.POST, "/v1/reload", SHORT_LIMIT), ReloadedDocument.class);
    }

    ResolutionDocument outlook(String batch) throws ProblemException {
        return json(
                send(HttpMethod.GET, path(batch) + "/resolve", PAGES_LIMIT),
                ResolutionDocument.class);
    }

    /**
     * @param action {@code retry}, {@code discard} or {@code force}
     */
    BatchStateDocument resolve(String batch, String action) throws ProblemException {
        return json(
                sendJson(path(batch) + "/resolve", Map.of("action", action), PAGES_LIMIT),
                BatchStateDocument.class);
    }

    TableDocument table(String batch, TableName table) throws ProblemException {
        return json(send(HttpMethod.GET, path(batch, table), PAGES_LIMIT), TableDocument.class);
    }

    /** Whole pages as the batch sees them; fewer than {@code count} where the file ends before. */
    byte[] pages(String batch, TableName table, TableFile file, long page, long count)
            throws ProblemException {
        Request request =
                request(HttpMethod.GET, path(batch, table, file), PAGES_LIMIT)
                        .param("page", Long.toString(page))
                        .param("count", Long.toString(count));
        return send(request, PAGES_LIMIT).getContent();
    }

    /** Bytes as the batch sees them; fewer than {@code length} where the file ends before. */
    byte[] read(String batch, TableName table, TableFile file, long offset, int length)
            throws ProblemException {
        Request request =
                request(HttpMethod.GET, path(batch, table, file), PAGES_LIMIT)
                        .param("offset", Long.toString(offset))
                        .param("length", Integer.toString(length));
        return send(request, PAGES_LIMIT).getContent();
    }

    /** Stages whole page images, all the bytes that remain in {@code images}. */
    void put(String batch, TableName table, TableFile file, long page, ByteBuffer images)
            throws ProblemException {
        Request request =
                request(HttpMethod.PUT, path(batch, table, file), PAGES_LIMIT)
                        .param("page", Long.toString(page))
                        .body(new ByteBufferRequestContent(images));
        send(request, PAGES_LIMIT);
    }

    void truncate(String batch, TableName table, TableFile file, long bytes)
            throws ProblemException {
        Request request =
                request(HttpMethod.POST, path(batch, table, file) + "/truncate", PAGES_LIMIT)
                        .param("bytes", Long.toString(bytes));
        send(request, PAGES_LIMIT);
    }

    @Override
    public void close() {
        try {
            http.stop();
        } catch (Exception e) {
            throw new IllegalStateException("the HTTP client does not stop", e);
        }
    }

    private static String path(String batch) {
        return "/v1/batches/" + batch;
    }

    private static String path(String batch, TableName table) {
        return path(batch) + "/tables/" + segment(table.database()) + "/" + segment(table.table());
    }

    private static String path(String batch, TableName table, TableFile file) {
        return path(batch, table) + "/" + file.key();
    }

    /** Percent-encoding of a path segment; the encoder is made for forms, where a space is a plus. */
    private static String segment(String name) {
        return URLEncoder.encode(name, StandardCharsets.UTF_8).replace("+", "%20");
    }

    private Request request(HttpMethod method, String path, Duration limit) {
        return http.newRequest("http://localhost" + path)
                .transport(transport)
                .method(method)
                .timeout(limit.toMillis(), TimeUnit.MILLISECONDS);
    }

    private ContentResponse send(HttpMethod method, String path, Duration limit)
            throws ProblemException {
        return send(request(method, path, limit), limit);
    }

    private ContentResponse sendJson(String path, Object body, Duration limit)
            throws ProblemException {
        String text;
        try {
            text = mapper.writeValueAsString(body);
        } catch (JsonProcessingException e) {
            throw new AssertionError("no JSON form: " + body, e);
        }
        return send(
                request(HttpMethod.POST, path, limit)
                        .body(
                                new StringRequestContent(
                                        "application/json", text, StandardCharsets.UTF_8)),
                limit);
    }

    private ContentResponse send(Request request, Duration limit) throws ProblemException {
        var sent = new AtomicBoolean();
        request.onRequestCommit(ignored -> sent.set(true));
        ContentResponse response;
        try {
            response = new CompletableResponseListener(request, BODY_BYTES_MAX).send().get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new ProblemException(
                    Problem.of(Problem.Kind.FAILED, "interrupted while the daemon worked"), e);
        } catch (ExecutionException e) {
            throw unanswered(e.getCause() == null ? e : e.getCause(), sent.get(), limit);
        }
        if (response.getStatus() >= 300) {
            throw new ProblemException(problem(response), null);
        }
        return response;
    }

    private ProblemException unanswered(Throwable cause, boolean sent, Duration limit) {
        if (cause instanceof TimeoutException) {
            return new NoAnswerException(
                    "the daemon at %s did not answer within %d s; is it stopped or overloaded?"
                                    .formatted(socket, limit.toSeconds())
                            + " Its log says more; `aria_s3_batch status` shows what it knows",
                    sent,
                    cause);
        }
        if (sent) {
            return new NoAnswerException(
                    "the daemon at %s ended the connection before it answered (%s). Look at its log, start it"
                                    .formatted(socket, cause.getMessage())
                            + " again, and see `aria_s3_batch status`",
                    true,
                    cause);
        }
        return SocketDiagnosis.of(socket, cause);
    }

    private Problem problem(ContentResponse response) {
        try {
            Problem problem = mapper.readValue(response.getContent(), Problem.class);
            if (problem != null && problem.detail() != null && problem.kind() != null) {
                return problem;
            }
        } catch (IOException notAProblemDocument) {
            // an answer of something else on that socket: shown as it is, below
        }
        String body = response.getContentAsString();
        return Problem.of(
                Problem.Kind.FAILED,
                "%s answered HTTP %d and no problem document: is this the socket of aria_s3_batchd? %s"
                        .formatted(
                                socket,
                                response.getStatus(),
                                body.substring(0, Math.min(200, body.length())).strip()));
    }

    private <T> T json(ContentResponse response, Class<T> type) throws ProblemException {
        try {
            T document = mapper.readValue(response.getContent(), type);
            if (document != null) {
                return document;
            }
            throw new IOException("empty document");
        } catch (IOException e) {
            throw new ProblemException(
                    Problem.of(
                            Problem.Kind.FAILED,
                            "the daemon at %s answered something else than a %s: are both programs of one version? %s"
                                    .formatted(socket, type.getSimpleName(), e.getMessage())),
                    e);
        }
    }
}
