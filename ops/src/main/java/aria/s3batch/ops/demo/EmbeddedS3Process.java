package aria.s3batch.ops.demo;

import org.jspecify.annotations.Nullable;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * An S3 server in a child process, with one empty bucket, keys that it insists on, and a hold: the parent
 * can stop it at a chosen write, look around, kill the client, and let things go on. For one controlling
 * thread; clients may be as many as they like.
 */
public final class EmbeddedS3Process implements S3Server {
    public static final String BUCKET = "tables";
    public static final String ACCESS_KEY = "demo-access-key";
    public static final String SECRET_KEY = "demo-secret-key";
    public static final String REGION = "us-east-1";

    private static final Duration START_LIMIT = Duration.ofSeconds(30);
    private static final Duration ANSWER_LIMIT = Duration.ofSeconds(10);

    private final Process process;
    private final Writer commands;
    private final Path log;
    private final BlockingQueue<String> answers = new LinkedBlockingQueue<>();
    private final BlockingQueue<String> held = new LinkedBlockingQueue<>();
    private final List<String> requests = new ArrayList<>();
    private final int port;

    private EmbeddedS3Process(Process process, Path log) throws IOException {
        this.process = process;
        this.log = log;
        this.commands = process.outputWriter(StandardCharsets.UTF_8);
        var output =
                new BufferedReader(
                        new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
        Thread.ofPlatform().daemon().name("embedded-s3-output").start(() -> read(output));
        String first = await(answers, START_LIMIT, "start");
        this.port = Integer.parseInt(first.substring("port ".length()));
    }

    /**
     * @param directory empty or new; holds the objects and the server's log until the caller deletes it
     * @throws IOException the server did not start; the message shows its log
     */
    public static EmbeddedS3Process start(Path directory) throws IOException {
        Path objects = Files.createDirectories(directory.resolve("objects"));
        Path log = directory.resolve("s3.log");
        List<String> command =
                ChildJava.command(
                        EmbeddedS3.class.getName(),
                        "192m",
                        List.of(objects.toString(), BUCKET, ACCESS_KEY, SECRET_KEY));
        command.add(1, "-XX:TieredStopAtLevel=1");
        Process process = new ProcessBuilder(command).redirectError(log.toFile()).start();
        try {
            return new EmbeddedS3Process(process, log);
        } catch (IOException e) {
            process.destroyForcibly();
            throw e;
        }
    }

    @Override
    public int port() {
        return port;
    }

    /** The n-th write of a table object from now on, and all later ones, wait before they take effect. */
    public void holdBefore(int n) throws IOException {
        command("hold before " + n);
    }

    /** The n-th write of a table object from now on takes effect unanswered; later ones wait before. */
    public void holdAfter(int n) throws IOException {
        command("hold after " + n);
    }

    /**
     * Waits for the hold to be reached; every earlier write has taken effect by then.
     *
     * @return key of the object whose write is held
     * @throws IOException it was not reached in time
     */
    public String awaitHeld(Duration limit) throws IOException {
        return await(held, limit, "hold");
    }

    /** Holds nothing that comes from now on; what is held stays so, like a packet lost in the net. */
    public void pass() throws IOException {
        command("pass");
    }

    /** Ends the hold; what was held goes on, even if its client is long gone. */
    public void release() throws IOException {
        command("release");
        held.clear();
    }

    /** Ends the hold; what was held is answered with a 503 and takes no effect any more. */
    public void drop() throws IOException {
        command("drop");
        held.clear();
    }

    /** Every request answered since the start or the last {@link #forgetRequests}: {@code PUT db/t/aria}. */
    public List<String> requests() throws IOException {
        command("sync");
        synchronized (requests) {
            return List.copyOf(requests);
        }
    }

    public void forgetRequests() throws IOException {
        command("sync");
        synchronized (requests) {
            requests.clear();
        }
    }

    /** Stops the server; its objects stay in the directory. */
    @Override
    public void close() {
        process.destroyForcibly();
        try {
            process.waitFor();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void command(String line) throws IOException {
        commands.write(line + "\n");
        commands.flush();
        await(answers, ANSWER_LIMIT, "answer to '" + line + "'");
    }

    private String await(BlockingQueue<String> lines, Duration limit, String what)
            throws IOException {
        @Nullable String line;
        try {
            line = lines.poll(limit.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
        if (line == null) {
            throw new IOException(
                    "embedded S3 server, pid %d: no %s within %d s. Its log:%n%s"
                            .formatted(
                                    process.pid(), what, limit.toSeconds(), Files.readString(log)));
        }
        return line;
    }

    private void read(BufferedReader output) {
        try (output) {
            String line;
            while ((line = output.readLine()) != null) {
                if (line.equals("ok") || line.startsWith("port ")) {
                    answers.add(line);
                } else if (line.startsWith("held ")) {
                    held.add(line.substring("held ".length()));
                } else {
                    synchronized (requests) {
                        requests.add(line);
                    }
                }
            }
        } catch (IOException e) {
            if (process.isAlive()) {
                throw new UncheckedIOException(e);
            }
        }
    }
}
