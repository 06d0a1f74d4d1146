package aria.s3batch.daemon.api;

import aria.s3batch.daemon.BatchException;

import org.agrona.concurrent.NanoClock;
import org.eclipse.jetty.http.UriCompliance;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.unixdomain.server.UnixDomainServerConnector;
import org.eclipse.jetty.util.VirtualThreads;
import org.eclipse.jetty.util.thread.QueuedThreadPool;

import java.io.IOException;
import java.net.ConnectException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;

/**
 * HTTP/1.1 on the Unix socket. Requests are served by blocking threads, one each, see {@link Routes}; what they
 * share is behind the conductor.
 */
public final class ApiServer implements AutoCloseable {
    /** Those that accept, select and keep time. */
    private static final int PLATFORM_THREADS_MAX = 16;

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
            Path socket,
            BatchRoutes batches,
            PageRoutes pages,
            MountRoutes mounts,
            UndoRoutes undo,
            DaemonRoutes daemon,
            NanoClock clock)
            throws IOException {
        var access = new PeerAccess(socket, PeerAccess::ofNameService);
        return start(socket, new Routes(batches, pages, mounts, undo, daemon, clock, access));
    }

    static ApiServer start(Path socket, Routes routes) throws IOException {
        try {
            removeStale(socket);
            Path folder = socket.toAbsolutePath().getParent();
            if (folder != null) {
                Files.createDirectories(folder);
            }
        } catch (FileSystemException e) {
            throw cannotOpen(socket, e);
        }
        var threads = new QueuedThreadPool(PLATFORM_THREADS_MAX);
        threads.setVirtualThreadsExecutor(VirtualThreads.getNamedVirtualThreadsExecutor("api-"));
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
        server.setHandler(routes);
        server.setErrorHandler(Routes::refused);
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
