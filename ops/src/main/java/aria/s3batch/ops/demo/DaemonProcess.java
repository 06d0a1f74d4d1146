package aria.s3batch.ops.demo;

import aria.s3batch.daemon.mount.Mounts;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * The real daemon in a child process, to be killed. It works on the bucket of an {@link
 * S3Server}; its socket, cache directory, option file and log lie in one directory, and a new
 * process on the same directory is the same daemon started again.
 */
public final class DaemonProcess implements AutoCloseable {
    private static final String MAIN_CLASS = "aria.s3batch.ops.AriaS3Batchd";
    private static final String HEAP = "256m"; // as the launcher says
    private static final Duration START_LIMIT = Duration.ofSeconds(60);
    private static final Duration STOP_LIMIT = Duration.ofSeconds(60);
    private static final Duration STUCK_LIMIT = Duration.ofSeconds(10);

    private final Home home;
    private final Process process;

    private DaemonProcess(Home home, Process process) {
        this.home = home;
        this.process = process;
    }

    /**
     * Where a daemon lives.
     *
     * @param directory short: the path of a socket has at most 107 bytes
     */
    public record Home(Path directory) {
        /** Writes the option file; {@code more} are further lines of its group. */
        public static Home create(Path directory, S3Server s3, List<String> more)
                throws IOException {
            var home = new Home(Files.createDirectories(directory));
            var lines = new ArrayList<String>();
            lines.add("[aria_s3_batchd]");
            lines.add("socket=" + home.socket());
            lines.add("cache-dir=" + home.cacheDir());
            lines.add("s3-host-name=127.0.0.1");
            lines.add("s3-port=" + s3.port());
            lines.add("s3-use-http=ON");
            lines.add("s3-bucket=" + EmbeddedS3Process.BUCKET);
            lines.add("s3-region=" + EmbeddedS3Process.REGION);
            lines.add("s3-access-key=" + EmbeddedS3Process.ACCESS_KEY);
            lines.add("s3-secret-key=" + EmbeddedS3Process.SECRET_KEY);
            lines.addAll(more);
            Files.write(home.optionFile(), lines);
            return home;
        }

        public Path optionFile() {
            return directory.resolve("aria.cnf");
        }

        public Path socket() {
            return directory.resolve("daemon.sock");
        }

        public Path cacheDir() {
            return directory.resolve("cache");
        }

        public Path log() {
            return directory.resolve("daemon.log");
        }
    }

    /** An answer over the socket, all of it JSON or a problem document. */
    public record Answer(int status, String text) {}

    /**
     * Starts the daemon; returns when its socket accepts connections.
     *
     * @throws IOException it ended instead; the message shows its log
     */
    public static DaemonProcess start(Home home) throws IOException {
        return started(home, launch(home));
    }

    /** As {@link #start}, of a daemon that is launched already. */
    public static DaemonProcess started(Home home, Process process) throws IOException {
        var daemon = new DaemonProcess(home, process);
        daemon.awaitSocket();
        return daemon;
    }

    /** Starts the daemon and waits for nothing; its log is appended to. */
    public static Process launch(Home home) throws IOException {
        List<String> command =
                ChildJava.command(
                        MAIN_CLASS, HEAP, List.of("--defaults-file=" + home.optionFile()));
        return new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(home.log().toFile()))
                .start();
    }

    /** As {@link #start}, but waits for nothing: see {@link #awaitSocket}. */
    public static DaemonProcess starting(Home home) throws IOException {
        return new DaemonProcess(home, launch(home));
    }

    /**
     * Returns when its socket accepts connections.
     *
     * @throws IOException it ended instead, or was too slow and is killed; the message shows its log
     */
    public void awaitSocket() throws IOException {
        try {
            UnixSocket.await(home.socket(), process, home.log(), START_LIMIT);
        } catch (IOException e) {
            process.destroyForcibly();
            throw e;
        }
    }

    public boolean isAlive() {
        return process.isAlive();
    }

    /** Of a process that has ended. */
    public int exitValue() {
        return process.exitValue();
    }

    public long pid() {
        return process.pid();
    }

    /** Whether its socket takes connections now. */
    public boolean accepts() {
        return UnixSocket.accepts(home.socket());
    }

    /**
     * One request of the HTTP API, on a connection of its own.
     *
     * @param body empty for none
     */
    public Answer request(String method, String path, byte[] body) throws IOException {
        String head =
                "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
                        .formatted(method, path, body.length);
        try (SocketChannel channel = UnixSocket.connect(home.socket())) {
            ByteBuffer[] request = {
                ByteBuffer.wrap(head.getBytes(StandardCharsets.US_ASCII)), ByteBuffer.wrap(body)
            };
            while (request[0].hasRemaining() || request[1].hasRemaining()) {
                channel.write(request);
            }
            var answer = new ByteArrayOutputStream();
            Channels.newInputStream(channel).transferTo(answer);
            return parse(answer.toByteArray());
        }
    }

    /**
     * {@code kill -9}: what a crash of the process is. One that waits for a mount of its own ends when the next on its
     * cache directory would end it.
     */
    public void kill() {
        process.destroyForcibly();
        try {
            if (!process.waitFor(STUCK_LIMIT.toSeconds(), TimeUnit.SECONDS)) {
                Mounts.detachStale(home.cacheDir());
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        awaitEnd();
    }

    /** SIGSTOP: it does nothing until {@link #thaw}, and knows nothing of that. */
    public void freeze() throws IOException {
        signal("STOP");
    }

    /** SIGCONT. */
    public void thaw() throws IOException {
        signal("CONT");
    }

    /** No error if it is gone. */
    private void signal(String name) throws IOException {
        Process kill =
                new ProcessBuilder("sh", "-c", "kill -%s %d".formatted(name, process.pid()))
                        .redirectErrorStream(true)
                        .start();
        try {
            if (kill.waitFor() != 0 && process.isAlive()) {
                throw new IOException("kill -%s %d failed".formatted(name, process.pid()));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /**
     * SIGTERM.
     *
     * @return the exit code
     * @throws IOException it did not stop within a minute; it is killed then
     */
    public int stop() throws IOException {
        process.destroy();
        try {
            if (process.waitFor(STOP_LIMIT.toSeconds(), TimeUnit.SECONDS)) {
                return process.exitValue();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        kill();
        throw new IOException(
                "the daemon, pid %d, did not stop on SIGTERM. Its log:%n%s"
                        .formatted(process.pid(), Files.readString(home.log())));
    }

    /** Kills it if it still runs; its files stay. */
    @Override
    public void close() {
        kill();
    }

    private void awaitEnd() {
        try {
            process.waitFor();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static Answer parse(byte[] bytes) throws IOException {
        String text = new String(bytes, StandardCharsets.ISO_8859_1);
        int headEnd = text.indexOf("\r\n\r\n");
        if (headEnd < 0) {
            throw new IOException("the daemon ended the connection before it answered");
        }
        String[] head = text.substring(0, headEnd).split("\r\n", -1);
        int status = Integer.parseInt(head[0].split(" ", -1)[1]);
        byte[] body = text.substring(headEnd + 4).getBytes(StandardCharsets.ISO_8859_1);
        for (String line : head) {
            if (line.equalsIgnoreCase("Transfer-Encoding: chunked")) {
                return new Answer(status, new String(joinParts(body), StandardCharsets.UTF_8));
            }
        }
        return new Answer(status, new String(body, StandardCharsets.UTF_8));
    }

    /** The transfer coding of RFC 9112, section 7.1: hexadecimal size, CR LF, that many bytes, CR LF. */
    private static byte[] joinParts(byte[] body) {
        var joined = new ByteArrayOutputStream();
        int at = 0;
        while (true) {
            int lineEnd = at;
            while (body[lineEnd] != '\r') {
                lineEnd++;
            }
            String size = new String(body, at, lineEnd - at, StandardCharsets.US_ASCII);
            int length = Integer.parseInt(size.split(";", -1)[0].strip(), 16);
            if (length == 0) {
                return joined.toByteArray();
            }
            joined.write(body, lineEnd + 2, length);
            at = lineEnd + 2 + length + 2;
        }
    }
}
