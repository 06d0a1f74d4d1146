package aria.s3batch.ops.demo;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** The socket of a server that a child process runs. */
final class UnixSocket {
    private static final Duration LOOK_EVERY = Duration.ofMillis(20);

    private UnixSocket() {}

    static SocketChannel connect(Path socket) throws IOException {
        SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX);
        try {
            channel.connect(UnixDomainSocketAddress.of(socket));
            return channel;
        } catch (IOException e) {
            channel.close();
            throw e;
        }
    }

    /**
     * Returns when the server accepts connections. Neither server has a way to say so to its parent, so
     * the socket is tried.
     *
     * @throws IOException the process ended, or was too slow; the message shows its log
     */
    static void await(Path socket, Process server, Path log, Duration limit) throws IOException {
        long deadline = System.nanoTime() + limit.toNanos();
        while (!accepts(socket)) {
            if (System.nanoTime() > deadline) {
                throw new IOException(
                        "process %d does not listen on %s after %d s. Its log:%n%s"
                                .formatted(
                                        server.pid(),
                                        socket,
                                        limit.toSeconds(),
                                        Files.readString(log)));
            }
            try {
                if (server.waitFor(LOOK_EVERY.toMillis(), TimeUnit.MILLISECONDS)) {
                    throw new IOException(
                            "process %d ended with %d at start. Its log:%n%s"
                                    .formatted(
                                            server.pid(),
                                            server.exitValue(),
                                            Files.readString(log)));
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IOException("interrupted while waiting for " + socket, e);
            }
        }
    }

    static boolean accepts(Path socket) {
        try (SocketChannel channel = connect(socket)) {
            return channel.isConnected();
        } catch (IOException notYet) {
            return false;
        }
    }
}
