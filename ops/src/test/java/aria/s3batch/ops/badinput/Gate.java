package aria.s3batch.ops.badinput;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** A port of the loopback interface that leads to the object store, until it is shut. */
final class Gate implements AutoCloseable {
    private final int target;
    private final int port;
    private final Set<Socket> passing = ConcurrentHashMap.newKeySet();
    private @Nullable ServerSocket listening;
    private Thread accepting = Thread.currentThread();

    Gate(int target) throws IOException {
        this.target = target;
        this.port = listen(0);
    }

    int port() {
        return port;
    }

    /** Ends all connections and refuses new ones, as a server that went down. */
    void shut() throws IOException {
        if (listening != null) {
            listening.close();
            listening = null;
            try {
                accepting.join(); // the port is free only then
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IOException(e);
            }
        }
        for (Socket socket : passing) {
            socket.close();
        }
    }

    void open() throws IOException {
        listen(port);
    }

    private int listen(int wanted) throws IOException {
        var server = new ServerSocket();
        server.setReuseAddress(true);
        server.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), wanted));
        accepting = Thread.ofPlatform().daemon().start(() -> accept(server));
        listening = server;
        return server.getLocalPort();
    }

    private void accept(ServerSocket server) {
        while (!server.isClosed()) {
            try {
                Socket client = server.accept();
                passing.add(client);
                Socket store = new Socket(InetAddress.getLoopbackAddress(), target);
                passing.add(store);
                Thread.ofVirtual().start(() -> pass(client, store));
                Thread.ofVirtual().start(() -> pass(store, client));
            } catch (IOException e) {
                assert server.isClosed() : e;
            }
        }
    }

    private void pass(Socket from, Socket to) {
        try (from;
                to) {
            from.getInputStream().transferTo(to.getOutputStream());
        } catch (IOException ended) {
            assert from.isClosed() || to.isClosed() : ended;
        } finally {
            passing.remove(from);
            passing.remove(to);
        }
    }

    @Override
    public void close() throws IOException {
        shut();
    }
}
