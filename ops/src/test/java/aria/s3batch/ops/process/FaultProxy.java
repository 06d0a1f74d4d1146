package aria.s3batch.ops.process;

import aria.s3batch.ops.demo.S3Server;

import org.jspecify.annotations.Nullable;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;

/**
 * A wire to an object store that loses what wires lose. It stands between the daemon and the store, passes
 * every byte as it came, and does to requests and answers what the {@link Weather} says. It can also stop
 * the world at a request, see {@link #hold}, for somebody to kill the client there.
 *
 * <p>A request that has come whole is a request that the store has got: it takes effect even if its client
 * is dead by then.
 *
 * <p>Every connection has a thread; what is set from outside is guarded by {@code this}.
 */
public final class FaultProxy implements S3Server {
    private static final int LATEST_MAX = 400;
    private static final int DELAY_MILLIS_MAX = 120;
    private static final int LATE_MILLIS_MAX = 1_000;

    private final ServerSocket listening;
    private final int store;
    private final Map<Fault, Integer> counts = new EnumMap<>(Fault.class);
    private final Deque<String> latest = new ArrayDeque<>();
    private final List<Exchange> stranded = new ArrayList<>();
    private final Set<String> lateKeys = new TreeSet<>();
    private final Set<Socket> connections = new HashSet<>();
    private final long startNanos = System.nanoTime();
    private volatile Set<String> unheard = Set.of();
    private Weather weather = Weather.CALM;
    private @Nullable Hold hold;
    private int underWay;

    /** Before a request is forwarded, or when it has taken effect and before its answer is. */
    public enum Side {
        BEFORE,
        AFTER
    }

    /** What becomes of a request that was held before it was forwarded. */
    public enum Held {
        GOES_ON,
        DROPPED,
        /** It takes effect with {@link #deliver}. */
        STRANDED
    }

    /** Where the world is to stop. */
    public static final class Hold {
        private final Side side;
        private final Predicate<StoreRequest> where;
        private final Runnable reached;
        private final CompletableFuture<Held> end = new CompletableFuture<>();

        private Hold(Side side, Predicate<StoreRequest> where, Runnable reached) {
            this.side = side;
            this.where = where;
            this.reached = reached;
        }

        public void end(Held how) {
            end.complete(how);
        }
    }

    /**
     * @param store the port of the object store
     */
    public FaultProxy(int store) throws IOException {
        this.store = store;
        this.listening = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        Thread.ofPlatform().daemon().name("fault-proxy").start(this::accept);
    }

    @Override
    public int port() {
        return listening.getLocalPort();
    }

    /**
     * Keeps fields of requests from the store, which then must not check signatures.
     *
     * @param fields in lower case
     */
    void drop(Set<String> fields) {
        unheard = fields;
    }

    synchronized void weather(Weather next) {
        weather = next;
    }

    /**
     * Holds the next request of that kind, and no other, until the hold is ended. It meets no fault.
     *
     * @param reached run when it is held
     */
    public synchronized Hold hold(Side side, Predicate<StoreRequest> where, Runnable reached) {
        Hold next = new Hold(side, where, reached);
        hold = next;
        return next;
    }

    /** Holds nothing more; what is held stays so until it is ended. */
    synchronized void holdNothing() {
        hold = null;
    }

    /** Forwards what is stranded; returns when it has arrived, and whether there was anything. */
    boolean deliver() {
        List<Exchange> due;
        synchronized (this) {
            due = List.copyOf(stranded);
            stranded.clear();
        }
        for (Exchange exchange : due) {
            note(exchange.what() + ": now, stranded until now");
            try {
                forward(exchange);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
        return !due.isEmpty();
    }

    /** Whether a DELETE is stranded, which not every store refuses when its condition no longer holds. */
    synchronized boolean strandsADelete() {
        return stranded.stream().anyMatch(exchange -> exchange.what().verb().equals("DELETE"));
    }

    /** Returns when no request is on its way, but for those that are held or stranded. */
    synchronized void awaitQuiet() throws InterruptedException {
        while (underWay > 0) {
            wait();
        }
    }

    /** Keys of PUTs that may have taken effect after their client had given them up. */
    synchronized Set<String> lateKeys() {
        return Set.copyOf(lateKeys);
    }

    synchronized Map<Fault, Integer> counts() {
        return new EnumMap<>(counts);
    }

    /** The latest requests, with what became of them. */
    synchronized List<String> latest() {
        return List.copyOf(latest);
    }

    synchronized void note(String line) {
        if (latest.size() == LATEST_MAX) {
            latest.removeFirst();
        }
        long millis = (System.nanoTime() - startNanos) / 1_000_000;
        latest.add("%8d %s".formatted(millis, line));
    }

    private void accept() {
        while (!listening.isClosed()) {
            try {
                Socket client = listening.accept();
                synchronized (this) {
                    connections.add(client);
                }
                if (listening.isClosed()) {
                    client.close(); // it may have come too late for close() to see it
                }
                Thread.ofVirtual().start(() -> serve(client));
            } catch (IOException e) {
                assert listening.isClosed() : e;
            }
        }
    }

    private void serve(Socket client) {
        try (client) {
            client.setTcpNoDelay(true);
            InputStream in = new BufferedInputStream(client.getInputStream());
            OutputStream out = client.getOutputStream();
            boolean more = true;
            while (more) {
                WireMessage request = WireMessage.readRequest(in, out);
                more = request != null && answer(new Exchange(client, out, request));
            }
        } catch (IOException e) {
            note("client gone: " + e.getMessage()); // killed, or has closed in mid-request
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            synchronized (this) {
                connections.remove(client);
            }
        }
    }

    /** A request that has come whole. */
    private record Exchange(
            Socket client, OutputStream out, WireMessage request, StoreRequest what) {
        Exchange(Socket client, OutputStream out, WireMessage request) {
            this(client, out, request, StoreRequest.of(request));
        }
    }

    /** Whether the connection may be used for more. */
    private boolean answer(Exchange exchange) throws IOException, InterruptedException {
        StoreRequest what = exchange.what();
        Hold mine;
        Weather.Drawn drawn;
        synchronized (this) {
            mine = hold != null && hold.where.test(what) ? hold : null;
            if (mine != null) {
                hold = null;
            }
            drawn =
                    mine == null
                            ? weather.draw(what)
                            : new Weather.Drawn(Fault.NONE, new Random(0));
            counts.merge(drawn.fault(), 1, Integer::sum);
            underWay++;
        }
        try {
            if (mine == null) {
                return meet(exchange, drawn);
            }
            return mine.side == Side.BEFORE
                    ? heldBefore(exchange, mine)
                    : heldAfter(exchange, mine);
        } finally {
            synchronized (this) {
                underWay--;
                notifyAll();
            }
        }
    }

    private Held await(Hold mine, StoreRequest what) throws InterruptedException {
        note(what + ": held " + mine.side);
        synchronized (this) {
            underWay--;
            notifyAll();
        }
        mine.reached.run();
        try {
            return mine.end.get();
        } catch (ExecutionException e) {
            throw new AssertionError(e);
        } finally {
            synchronized (this) {
                underWay++;
            }
        }
    }

    private boolean heldBefore(Exchange exchange, Hold mine)
            throws IOException, InterruptedException {
        switch (await(mine, exchange.what())) {
            case GOES_ON -> {
                return pass(exchange);
            }
            case DROPPED -> note(exchange.what() + ": dropped");
            case STRANDED -> strand(exchange);
        }
        return reset(exchange.client());
    }

    private boolean heldAfter(Exchange exchange, Hold mine)
            throws IOException, InterruptedException {
        WireMessage answer = forward(exchange);
        await(mine, exchange.what());
        return send(exchange, answer);
    }

    private boolean meet(Exchange exchange, Weather.Drawn drawn)
            throws IOException, InterruptedException {
        StoreRequest what = exchange.what();
        Random random = drawn.random();
        if (drawn.fault() != Fault.NONE) {
            note(what + ": " + drawn.fault());
        }
        return switch (drawn.fault()) {
            case NONE -> pass(exchange);
            case DELAY -> {
                TimeUnit.MILLISECONDS.sleep(random.nextInt(DELAY_MILLIS_MAX)); // the fault itself
                yield pass(exchange);
            }
            case RESET_BEFORE -> reset(exchange.client());
            case CUT_REQUEST -> {
                try (Socket up = connect()) {
                    WireMessage request = exchange.request();
                    request.send(up.getOutputStream(), random.nextInt(request.length()));
                    up.setSoLinger(true, 0);
                }
                yield reset(exchange.client());
            }
            case SLOW_DOWN -> send(exchange, WireMessage.error(what.verb(), 503, "SlowDown"));
            case INTERNAL_ERROR ->
                    send(exchange, WireMessage.error(what.verb(), 500, "InternalError"));
            case CONFLICT ->
                    send(
                            exchange,
                            WireMessage.error(what.verb(), 409, "ConditionalRequestConflict"));
            case RESET_AFTER -> {
                forward(exchange);
                yield reset(exchange.client());
            }
            case ERROR_AFTER -> {
                forward(exchange);
                yield send(exchange, WireMessage.error(what.verb(), 500, "InternalError"));
            }
            case CUT_ANSWER -> {
                WireMessage answer = forward(exchange);
                answer.send(exchange.out(), random.nextInt(answer.length()));
                yield random.nextBoolean() && reset(exchange.client());
            }
            case LATE -> {
                late(what);
                // as likely before as after the client looks, and tries again
                int millis = (int) Math.pow(LATE_MILLIS_MAX, random.nextDouble());
                synchronized (this) {
                    underWay++;
                }
                Thread.ofVirtual().start(() -> forwardLater(exchange, millis));
                yield giveUp(exchange, random);
            }
            case STRANDED -> {
                strand(exchange);
                yield giveUp(exchange, random);
            }
        };
    }

    private void forwardLater(Exchange exchange, int millis) {
        try {
            TimeUnit.MILLISECONDS.sleep(millis); // the fault itself
            note(exchange.what() + ": now, late");
            forward(exchange);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            synchronized (this) {
                underWay--;
                notifyAll();
            }
        }
    }

    private boolean giveUp(Exchange exchange, Random random) throws IOException {
        return random.nextBoolean()
                ? send(exchange, WireMessage.error(exchange.what().verb(), 500, "InternalError"))
                : reset(exchange.client());
    }

    private void strand(Exchange exchange) {
        late(exchange.what());
        note(exchange.what() + ": stranded");
        synchronized (this) {
            stranded.add(exchange);
        }
    }

    private synchronized void late(StoreRequest what) {
        if (what.verb().equals("PUT")) {
            lateKeys.add(what.key());
        }
    }

    private boolean pass(Exchange exchange) throws IOException {
        return send(exchange, forward(exchange));
    }

    /** Forwards the request on a connection of its own; the answer. */
    private WireMessage forward(Exchange exchange) throws IOException {
        try (Socket up = connect()) {
            WireMessage request = exchange.request().without(unheard);
            request.send(up.getOutputStream(), request.length());
            InputStream in = new BufferedInputStream(up.getInputStream());
            WireMessage answer = WireMessage.readAnswer(in, exchange.what().verb());
            note(exchange.what() + ": " + answer.status());
            return answer;
        }
    }

    private Socket connect() throws IOException {
        var up = new Socket(InetAddress.getLoopbackAddress(), store);
        up.setTcpNoDelay(true);
        return up;
    }

    private static boolean send(Exchange exchange, WireMessage answer) throws IOException {
        answer.send(exchange.out(), answer.length());
        return !answer.closesConnection();
    }

    /** Ends a connection so that its client gets ECONNRESET. */
    private static boolean reset(Socket client) throws IOException {
        client.setSoLinger(true, 0);
        client.close();
        return false;
    }

    @Override
    public void close() {
        try {
            listening.close();
            List<Socket> open;
            synchronized (this) {
                open = List.copyOf(connections);
            }
            for (Socket client : open) {
                client.close();
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
