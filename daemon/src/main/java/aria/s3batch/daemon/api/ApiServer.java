package aria.s3batch.daemon.api;

import aria.s3batch.daemon.BatchException;

import com.fasterxml.jackson.databind.ObjectMapper;

import jdk.net.ExtendedSocketOptions;
import jdk.net.UnixDomainPrincipal;

import org.agrona.concurrent.NanoClock;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.http.UriCompliance;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.handler.ErrorHandler;
import org.eclipse.jetty.unixdomain.server.UnixDomainServerConnector;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.URIUtil;
import org.eclipse.jetty.util.thread.QueuedThreadPool;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.io.EOFException;
import java.io.IOException;
import java.net.ConnectException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;

/**
 * HTTP/1.1 on the Unix socket: lets peers in, finds the route, turns every failure into a problem
 * document. Requests are served by blocking threads; what they share is behind the conductor.
 */
public final class ApiServer implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(ApiServer.class);
    private static final int THREADS_MAX = 32;

    static final ObjectMapper JSON = new ObjectMapper();

    private final Server server;
    private final Path socket;

    private ApiServer(Server server, Path socket) {
        this.server = server;
        this.socket = socket;
    }

    /**
     * Opens the socket, with mode 0660. The caller holds the lock of the cache directory, so a socket in its
     * place belongs to a daemon that is gone, and is replaced, or to one with another cache directory.
     *
     * @throws BatchException somebody listens there, or the file is no socket; nothing was changed
     * @throws IOException the socket cannot be made
     */
    public static ApiServer start(
            Path socket, BatchRoutes batches, PageRoutes pages, NanoClock clock)
            throws IOException {
        try {
            removeStale(socket);
            Path folder = socket.toAbsolutePath().getParent();
            if (folder != null) {
                Files.createDirectories(folder);
            }
        } catch (FileSystemException e) {
            throw cannotOpen(socket, e);
        }
        var threads = new QueuedThreadPool(THREADS_MAX);
        threads.setName("api");
        threads.setDaemon(true);
        var server = new Server(threads);
        var http = new HttpConfiguration();
        http.setSendServerVersion(false);
        // Table names of partitions hold '#', encoded as %23 in a path; that is all we need of it.
        http.setUriCompliance(UriCompliance.DEFAULT);
        var connector = new UnixDomainServerConnector(server, new HttpConnectionFactory(http));
        connector.setUnixDomainPath(socket);
        server.addConnector(connector);
        var access = new PeerAccess(socket, PeerAccess::ofNameService);
        server.setHandler(new Routes(batches, pages, clock, access));
        server.setErrorHandler(ApiServer::refused);
        var api = new ApiServer(server, socket);
        try {
            server.start();
            Files.setPosixFilePermissions(socket, PosixFilePermissions.fromString("rw-rw----"));
            return api;
        } catch (Exception e) {
            IOException failure = cannotOpen(socket, e);
            try {
                api.close();
            } catch (IOException closing) {
                failure.addSuppressed(closing);
            }
            throw failure;
        }
    }

    private static IOException cannotOpen(Path socket, Exception cause) {
        Throwable first = cause.getCause() == null ? cause : cause.getCause();
        String why =
                first instanceof FileAlreadyExistsException file
                        ? file.getFile() + " is no directory"
                        : first.toString();
        return new IOException(
                ("socket %s cannot be opened: %s. Nothing was changed. Set socket to a path in a"
                                + " folder that user %s can write")
                        .formatted(socket, why, System.getProperty("user.name")),
                cause);
    }

    /** What Jetty refuses before it asks for a route: no HTTP, or a URI that could mean two things. */
    private static boolean refused(Request request, Response response, Callback callback) {
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

    private static void removeStale(Path socket) throws IOException {
        if (!Files.exists(socket, LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        if (!Files.readAttributes(socket, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS)
                .isOther()) {
            throw new BatchException(
                    Problem.Kind.REFUSED,
                    "%s is there, and is no socket. Nothing was changed. Set socket to another path"
                            .formatted(socket));
        }
        try (SocketChannel probe = SocketChannel.open(StandardProtocolFamily.UNIX)) {
            probe.connect(UnixDomainSocketAddress.of(socket));
        } catch (ConnectException nobodyListens) {
            Files.delete(socket);
            return;
        }
        throw new BatchException(
                Problem.Kind.REFUSED,
                ("socket %s is in use by another daemon. Nothing was changed. Give this one its own"
                                + " socket option")
                        .formatted(socket));
    }

    private static final class Routes extends Handler.Abstract {
        private final BatchRoutes batches;
        private final PageRoutes pages;
        private final NanoClock clock;
        private final PeerAccess access;

        Routes(BatchRoutes batches, PageRoutes pages, NanoClock clock, PeerAccess access) {
            this.batches = batches;
            this.pages = pages;
            this.clock = clock;
            this.access = access;
        }

        @Override
        public boolean handle(Request request, Response response, Callback callback) {
            try {
                refuseStrangers(request);
                Reply reply = route(request);
                response.setStatus(reply.status());
                if (reply.body().length > 0) {
                    response.getHeaders().put(HttpHeader.CONTENT_TYPE, reply.contentType());
                }
                response.write(
                        true,
                        ByteBuffer.wrap(reply.body()),
                        Callback.from(callback, reply.written()));
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                answer(response, callback, e);
            } catch (Exception | AssertionError e) {
                answer(response, callback, e);
            }
            return true;
        }

        private void refuseStrangers(Request request) throws IOException {
            var channel =
                    (SocketChannel)
                            request.getConnectionMetaData()
                                    .getConnection()
                                    .getEndPoint()
                                    .getTransport();
            UnixDomainPrincipal peer = channel.getOption(ExtendedSocketOptions.SO_PEERCRED);
            String user = peer.user().getName();
            if (!access.allows(user, peer.group().getName(), clock.nanoTime())) {
                throw new BatchException(
                        Problem.Kind.FORBIDDEN,
                        ("user %s may not use this daemon: it serves root, its own user, and"
                                        + " members of the group that its socket has")
                                .formatted(user));
            }
        }

        private Reply route(Request request) throws Exception {
            String path = Request.getPathInContext(request);
            String method = request.getMethod();
            String[] parts = path.split("/", -1);
            for (int i = 0; i < parts.length; i++) {
                parts[i] = URIUtil.decodePath(parts[i]); // '#' of a partition comes as %23
            }
            // names are no part of a route: "", v1, batches, BATCH, tables, DATABASE, TABLE, FILE
            String[] shape = parts.clone();
            for (int name : new int[] {3, 5, 6, 7}) {
                if (name < shape.length) {
                    shape[name] = "*";
                }
            }
            return switch (method + " " + String.join("/", shape)) {
                case "GET /v1/status" -> batches.status();
                case "GET /v1/openapi.yaml" -> batches.openapi();
                case "POST /v1/batches" -> batches.begin(request);
                case "GET /v1/batches/*" -> batches.show(parts[3]);
                case "GET /v1/batches/*/plan" -> batches.plan(parts[3]);
                case "POST /v1/batches/*/commit" -> batches.commit(parts[3]);
                case "POST /v1/batches/*/abort" -> batches.abort(parts[3]);
                case "POST /v1/batches/*/resolve" -> batches.resolve(parts[3], request);
                case "GET /v1/batches/*/tables/*/*" -> pages.table(target(parts));
                case "GET /v1/batches/*/tables/*/*/*" ->
                        pages.read(target(parts), parts[7], request);
                case "PUT /v1/batches/*/tables/*/*/*" ->
                        pages.stage(target(parts), parts[7], request);
                case "POST /v1/batches/*/tables/*/*/*/truncate" ->
                        pages.truncate(target(parts), parts[7], request);
                default -> throw noRoute(method, path);
            };
        }

        private static PageRoutes.Target target(String[] parts) {
            return new PageRoutes.Target(parts[3], parts[5], parts[6]);
        }

        private static BatchException noRoute(String method, String path) {
            return new BatchException(
                    Problem.Kind.NOT_FOUND,
                    "no route %s %s: GET /v1/openapi.yaml describes all".formatted(method, path));
        }

        private static void answer(Response response, Callback callback, Throwable failure) {
            Problem problem = Problems.of(failure);
            if (problem.status() == Problem.Kind.FAILED.status()) {
                log.atError().setCause(failure).log("request failed");
            }
            if (response.isCommitted()) {
                callback.failed(failure);
                return;
            }
            response.reset();
            write(problem, response, callback);
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

    /** The whole body of a request, up to a limit. */
    static byte[] body(Request request, int bytesMax) throws IOException {
        if (request.getLength() > bytesMax) {
            throw new IllegalArgumentException(
                    "a body of "
                            + request.getLength()
                            + " bytes: at most "
                            + bytesMax
                            + " at a time");
        }
        int length = (int) request.getLength();
        try (var in = Content.Source.asInputStream(request)) {
            byte[] body = length < 0 ? in.readNBytes(bytesMax + 1) : new byte[length];
            if (length >= 0 && in.readNBytes(body, 0, length) < length) {
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

    @Override
    public void close() throws IOException {
        try {
            server.stop();
        } catch (Exception e) {
            throw new IOException("cannot close socket " + socket, e);
        } finally {
            Files.deleteIfExists(socket);
        }
    }
}
