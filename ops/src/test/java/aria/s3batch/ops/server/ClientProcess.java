package aria.s3batch.ops.server;

import aria.s3batch.ops.demo.ChildJava;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** The command line in a process of its own, with files for its output. */
final class ClientProcess {
    private static final long LIMIT_SECONDS = 120;
    private static final long LOOK_EVERY_MS = 20;

    private final Process process;
    private final Path out;
    private final Path err;

    private ClientProcess(Process process, Path out, Path err) {
        this.process = process;
        this.out = out;
        this.err = err;
    }

    record Ended(int exitCode, String out, String err) {}

    static ClientProcess start(List<String> words, Path directory) throws IOException {
        List<String> command = ChildJava.command("aria.s3batch.ops.AriaS3Batch", "128m", words);
        command.add(1, "-XX:TieredStopAtLevel=1");
        command.add(1, "-ea");
        Path out = Files.createTempFile(directory, "client", ".out");
        Path err = Files.createTempFile(directory, "client", ".err");
        return new ClientProcess(
                new ProcessBuilder(command)
                        .redirectOutput(out.toFile())
                        .redirectError(err.toFile())
                        .start(),
                out,
                err);
    }

    Process process() {
        return process;
    }

    OutputStream stdin() {
        return process.getOutputStream();
    }

    void type(String text) throws IOException {
        stdin().write(text.getBytes(StandardCharsets.UTF_8));
        stdin().flush();
    }

    /** Waits until its stderr has a text: the only sign that it gives of where it is. */
    void awaitErr(String text) throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(LIMIT_SECONDS);
        while (!Files.readString(err).contains(text)) {
            if (System.nanoTime() > deadline
                    || process.waitFor(LOOK_EVERY_MS, TimeUnit.MILLISECONDS)
                            && !Files.readString(err).contains(text)) {
                throw new AssertionError("no '" + text + "': " + Files.readString(err));
            }
        }
    }

    /** Closes its stdin and waits. */
    Ended end() throws IOException {
        stdin().close();
        try {
            if (!process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS)) {
                process.destroyForcibly();
                throw new AssertionError("no end: " + Files.readString(err));
            }
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
        return new Ended(process.exitValue(), Files.readString(out), Files.readString(err));
    }
}
