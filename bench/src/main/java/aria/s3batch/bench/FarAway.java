package aria.s3batch.bench;

import aria.s3batch.ops.demo.S3Server;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.util.Set;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;

/**
 * An S3 server as it is seen from afar: what is sent, either way, arrives some milliseconds later, however much
 * it is. A new connection costs a round trip, as it does on a wire.
 */
final class FarAway implements S3Server {
    private static final int PIECE_BYTES = 64 << 10;

    /** On their way in one direction of one connection: 16 MiB, so that no wire is ever full. */
    private static final int PIECES_MAX = 256;

    private final int near;
    private final long oneWayNanos;
    private final ServerSocket listening;
    private final Set<Socket> open = ConcurrentHashMap.newKeySet();

    /** What was read, and when it is to be seen. An empty one is the end. */
    private record Piece(ByteBuffer bytes, long atNanos) {}

    FarAway(S3Server s3, int roundTripMillis) throws IOException {
        near = s3.port();
        oneWayNanos = TimeUnit.MILLISECONDS.toNanos(roundTripMillis) / 2;
        listening = new ServerSocket(0, 0, InetAddress.getLoopbackAddress());
        thread(this::accept);
    }

    private static void thread(Runnable work) {
        Thread.ofVirtual().start(work);
    }

    @Override
    public int port() {
        return listening.getLocalPort();
    }

    private void accept() {
        while (!listening.isClosed()) {
            try {
                connect(listening.accept());
            } catch (IOException e) {
                if (!listening.isClosed()) {
                    System.err.println("bench: far away: " + e);
                }
            }
        }
    }

    private void connect(Socket client) throws IOException {
        open.add(client);
        var server = new Socket(InetAddress.getLoopbackAddress(), near);
        open.add(server);
        client.setTcpNoDelay(true);
        server.setTcpNoDelay(true);
        // The first piece waits for the handshake, too.
        carry(client, server, System.nanoTime() + 2 * oneWayNanos);
        carry(server, client, System.nanoTime());
    }

    private void carry(Socket from, Socket to, long notBeforeNanos) {
        BlockingQueue<Piece> wire = new ArrayBlockingQueue<>(PIECES_MAX);
        thread(
                () -> {
                    try {
                        read(from, wire, notBeforeNanos);
                    } catch (InterruptedException e) {
                        Thread.currentThread().interrupt();
                    }
                });
        thread(
                () -> {
                    try {
                        deliver(wire, to);
                    } catch (InterruptedException e) {
                        Thread.currentThread().interrupt();
                    } finally {
                        shut(from);
                        shut(to);
                    }
                });
    }

    private void read(Socket from, BlockingQueue<Piece> wire, long notBeforeNanos)
            throws InterruptedException {
        ByteBuffer piece;
        do {
            piece = next(from);
            long now = System.nanoTime();
            long sent = now - notBeforeNanos < 0 ? notBeforeNanos : now;
            wire.put(new Piece(piece, sent + oneWayNanos));
        } while (piece.hasRemaining());
    }

    /** Empty when the connection has ended, in whatever way. */
    private static ByteBuffer next(Socket from) {
        try {
            InputStream in = from.getInputStream();
            byte[] buffer = new byte[PIECE_BYTES];
            int read = in.read(buffer);
            return ByteBuffer.wrap(buffer, 0, Math.max(read, 0));
        } catch (IOException ended) {
            return ByteBuffer.allocate(0);
        }
    }

    private static void deliver(BlockingQueue<Piece> wire, Socket to) throws InterruptedException {
        try {
            OutputStream out = to.getOutputStream();
            for (Piece piece = wire.take(); piece.bytes().hasRemaining(); piece = wire.take()) {
                long wait = piece.atNanos() - System.nanoTime();
                if (wait > 0) {
                    TimeUnit.NANOSECONDS.sleep(wait);
                }
                out.write(piece.bytes().array(), 0, piece.bytes().limit());
            }
        } catch (IOException ended) {
            drain(wire);
        }
    }

    /** Whoever reads from the other end must not wait for room on the wire. */
    private static void drain(BlockingQueue<Piece> wire) throws InterruptedException {
        while (wire.take().bytes().hasRemaining()) {
            // to nobody
        }
    }

    private void shut(Socket socket) {
        try {
            socket.close();
            open.remove(socket);
        } catch (IOException e) {
            System.err.println("bench: far away: " + e);
        }
    }

    @Override
    public void close() {
        try {
            listening.close();
        } catch (IOException e) {
            System.err.println("bench: far away: " + e);
        }
        open.forEach(this::shut);
    }
}
