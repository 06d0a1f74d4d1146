package aria.s3batch.daemon.api;

import aria.s3batch.daemon.BatchException;

import com.fasterxml.jackson.databind.ObjectMapper;

import jdk.net.ExtendedSocketOptions;
import jdk.net.UnixDomainPrincipal;

import org.agrona.concurrent.NanoClock;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.handler.ErrorHandler;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.URIUtil;
import org.eclipse.jetty.util.thread.Scheduler;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Lets a peer in, finds the route of its request, and turns every failure into a problem document. Blocks
 * the calling thread, a virtual one, until the answer is known.
 *
 * <p>Questions are always answered, however many clients are slow, or wait for an object store that is away: what
 * changes something, and may have a body in memory, is limited in number.
 */
final class Routes extends Handler.Abstract {
    private static final Logger log = LoggerFactory.getLogger(Routes.class);

    static final ObjectMapper JSON = new ObjectMapper();

    /** Requests at a time that are no GET: each may have a body of a megabyte, those of pages are counted apart. */
    private static final int CHANGES_MAX = 32;

    private final Semaphore changes = new Semaphore(CHANGES_MAX, true);
    private final NanoClock clock;
    private final Access access;

    /** By method and path, names in the path being stars. */
    private final Map<String, Route> routes;

    /** Whether a connected peer may use the daemon: {@link PeerAccess}. */
    interface Access {
        boolean allows(String user, String primaryGroup, long nowNanos) throws IOException;
    }

    private interface Route {
        /**
         * @param path its segments, decoded: "", v1, batches, BATCH, tables, DATABASE, TABLE, FILE
         */
        Reply serve(String[] path, Request request) throws Exception;
    }

    Routes(
            BatchRoutes batches,
            PageRoutes pages,
            MountRoutes mounts,
            UndoRoutes undo,
            DaemonRoutes daemon,
            NanoClock clock,
            Access access) {
        this.clock = clock;
        this.access = access;
        this.routes =
                Map.ofEntries(
                        Map.entry("GET /metrics", (path, request) -> daemon.metrics()),
                        Map.entry("POST /v1/reload", (path, request) -> daemon.reload()),
                        Map.entry("GET /v1/status", (path, request) -> batches.status()),
                        Map.entry("GET /v1/openapi.yaml", (path, request) -> batches.openapi()),
                        Map.entry("POST /v1/batches", (path, request) -> batches.begin(request)),
                        Map.entry("GET /v1/batches/*", (path, request) -> batches.show(path[3])),
                        Map.entry(
                                "GET /v1/batches/*/plan",
                                (path, request) -> batches.plan(path[3], request)),
                        Map.entry(
                                "POST /v1/batches/*/commit",
                                (path, request) -> batches.commit(path[3], request)),
                        Map.entry(
                                "POST /v1/batches/*/undo",
                                (path, request) -> undo.undo(path[3], request)),
                        Map.entry("GET /v1/undo", (path, request) -> undo.list()),
                        Map.entry("DELETE /v1/undo/*", (path, request) -> undo.forget(path[3])),
                        Map.entry(
                                "POST /v1/batches/*/abort",
                                (path, request) -> batches.abort(path[3])),
                        Map.entry(
                                "GET /v1/batches/*/resolve",
                                (path, request) -> batches.outlook(path[3])),
                        Map.entry(
                                "POST /v1/batches/*/resolve",
                                (path, request) -> batches.resolve(path[3], request)),
                        Map.entry(
                                "POST /v1/batches/*/mount",
                                (path, request) -> mounts.mount(path[3], request)),
                        Map.entry(
                                "DELETE /v1/batches/*/mount",
                                (path, request) -> mounts.unmount(path[3], request)),
                        Map.entry(
                                "GET /v1/batches/*/tables/*/*",
                                (path, request) -> pages.table(target(path))),
                        Map.entry(
                                "GET /v1/batches/*/tables/*/*/*",
                                (path, request) -> pages.read(target(path), path[7], request)),
                        Map.entry(
                                "PUT /v1/batches/*/tables/*/*/*",
                                (path, request) -> pages.stage(target(path), path[7], request)),
                        Map.entry(
                                "POST /v1/batches/*/tables/*/*/*/truncate",
                                (path, request) -> pages.truncate(target(path), path[7], request)));
    }

    Set<String> all() {
        return routes.keySet();
    }

    @Override
    public boolean handle(Request request, Response response, Callback callback) {
        try {
            refuseStrangers(request);
            Reply reply = serve(request);
            response.setStatus(reply.status());
            if (reply.body().length > 0) {
                response.getHeaders().put(HttpHeader.CONTENT_TYPE, reply.contentType());
            }
            Scheduler.Task slow = closeIfSlow(request, reply.body().length);
            response.write(
                    true,
                    ByteBuffer.wrap(reply.body()),
                    Callback.from(
                            callback,
                            () -> {
                                slow.cancel();
                                reply.written().run();
                            }));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            answer(
                    request,
                    response,
                    callback,
                    new BatchException(
                            Problem.Kind.UNREACHABLE,
                            "the daemon is stopping, and did not wait for this request: ask for the"
                                    + " status when it is back"));
        } catch (Exception | AssertionError e) {
            answer(request, response, callback, e);
        }
        return true;
    }

    /** The connection that a request came on: its peer is who asks. */
    static SocketChannel channel(Request request) {
        return (SocketChannel)
                request.getConnectionMetaData().getConnection().getEndPoint().getTransport();
    }

    private static UnixDomainPrincipal peer(Request request) throws IOException {
        return channel(request).getOption(ExtendedSocketOptions.SO_PEERCRED);
    }

    /** The name of the system's user who asks. */
    static String user(Request request) throws IOException {
        return peer(request).user().getName();
    }

    private void refuseStrangers(Request request) throws IOException {
        UnixDomainPrincipal peer = peer(request);
        String user = peer.user().getName();
        if (!access.allows(user, peer.group().getName(), clock.nanoTime())) {
            throw new BatchException(
                    Problem.Kind.FORBIDDEN,
                    ("user %s may not use this daemon: it serves root, its own user, and members of"
                                    + " the group that its socket has")
                            .formatted(user));
        }
    }

    private Reply serve(Request request) throws Exception {
        String path = Request.getPathInContext(request);
        String[] segments = path.split("/", -1);
        for (int i = 0; i < segments.length; i++) {
            segments[i] = URIUtil.decodePath(segments[i]); // names of partitions have %23 in them
        }
        String[] shape = segments.clone();
        for (int name : new int[] {3, 5, 6, 7}) {
            if (name < shape.length) {
                shape[name] = "*";
            }
        }
        Route route = routes.get(request.getMethod() + " " + String.join("/", shape));
        if (route == null) {
            throw new BatchException(
                    Problem.Kind.NOT_FOUND,
                    "no route %s %s: GET /v1/openapi.yaml describes all"
                            .formatted(request.getMethod(), path));
        }
        if (request.getMethod().equals("GET")) {
            return route.serve(segments, request);
        }
        changes.acquire();
        try {
            return route.serve(segments, request);
        } finally {
            changes.release();
        }
    }

    /** Ends the connection of a client that does not take its answer: others wait for its memory. */
    private static Scheduler.Task closeIfSlow(Request request, int bytes) {
        return request.getComponents()
                .getScheduler()
                .schedule(
                        () ->
                                request.getConnectionMetaData()
                                        .getConnection()
                                        .getEndPoint()
                                        .close(new TimeoutException("answer not taken")),
                        PacedBody.nanosFor(bytes),
                        TimeUnit.NANOSECONDS);
    }

    private static PageRoutes.Target target(String[] path) {
        return new PageRoutes.Target(path[3], path[5], path[6]);
    }

    private static void answer(
            Request request, Response response, Callback callback, Throwable failure) {
        Problem problem = Problems.of(failure);
        if (problem.status() == Problem.Kind.FAILED.status()) {
            log.atError()
                    .setCause(failure)
                    .addKeyValue("method", request.getMethod())
                    .addKeyValue("path", Request.getPathInContext(request))
                    .log("request failed");
        }
        if (response.isCommitted()) {
            callback.failed(failure);
            return;
        }
        response.reset();
        write(problem, response, callback);
    }

    /** What Jetty refuses before it asks for a route: no HTTP, or a URI that could mean two things. */
    static boolean refused(Request request, Response response, Callback callback) {
        int status = response.getStatus();
        Problem.Kind kind =
                status < 500 || status == HttpStatus.HTTP_VERSION_NOT_SUPPORTED_505
                        ? Problem.Kind.USAGE
                        : Problem.Kind.FAILED;
        Object why = request.getAttribute(ErrorHandler.ERROR_MESSAGE);
        var problem =
                new Problem(
                        "about:blank",
                        kind.title(),
                        status,
                        "no request that this daemon understands: %s. Nothing was changed"
                                .formatted(why == null ? HttpStatus.getMessage(status) : why),
                        kind.key(),
                        null,
                        null);
        write(problem, response, callback);
        return true;
    }

    private static void write(Problem problem, Response response, Callback callback) {
        try {
            byte[] body = JSON.writeValueAsBytes(problem);
            response.setStatus(problem.status());
            response.getHeaders().put(HttpHeader.CONTENT_TYPE, "application/problem+json");
            response.write(true, ByteBuffer.wrap(body), callback);
        } catch (IOException e) {
            callback.failed(e);
        }
    }

    /**
     * What a route answers.
     *
     * @param written run once when the body has been sent or given up: what it takes of memory is free then
     */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    record Reply(int status, String contentType, byte[] body, Runnable written) {
        static final Reply DONE = new Reply(204, "", new byte[0], () -> {});

        static Reply json(int status, Object document) throws IOException {
            return new Reply(
                    status, "application/json", JSON.writeValueAsBytes(document), () -> {});
        }
    }

    /** The whole body of a request, up to a limit, of a client that is not too slow: {@link PacedBody}. */
    static byte[] body(Request request, int bytesMax) throws IOException {
        long declared = request.getLength();
        if (declared > bytesMax) {
            throw new IllegalArgumentException(
                    "a body of " + declared + " bytes: at most " + bytesMax + " at a time");
        }
        try (var in = new PacedBody(Content.Source.asInputStream(request))) {
            byte[] body = declared < 0 ? in.readNBytes(bytesMax + 1) : new byte[(int) declared];
            if (declared >= 0 && in.readNBytes(body, 0, body.length) < declared) {
                throw new EOFException();
            }
            if (body.length > bytesMax) {
                throw new IllegalArgumentException(
                        "a body of more than " + bytesMax + " bytes: send less at a time");
            }
            return body;
        } catch (EOFException e) {
            throw new IllegalArgumentException("the body ended early: nothing was changed", e);
        }
    }
}
