package aria.s3batch.ops.service;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.ops.demo.ChildJava;
import aria.s3batch.ops.demo.DaemonProcess;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** A real daemon in a child process, with an environment and signals. */
public final class Service implements AutoCloseable {
    static final long LIMIT_SECONDS = 60;

    private static final String MAIN_CLASS = "aria.s3batch.ops.AriaS3Batchd";

    private final DaemonProcess.Home home;
    private final Process process;

    private Service(DaemonProcess.Home home, Process process) {
        this.home = home;
        this.process = process;
    }

    static Service launch(DaemonProcess.Home home, Map<String, String> environment)
            throws IOException {
        // As systemd starts it: where SIGHUP is ignored (nohup), a JVM leaves it so.
        var command = new ArrayList<>(List.of("env", "--default-signal=HUP"));
        command.addAll(
                ChildJava.command(
                        MAIN_CLASS, "256m", List.of("--defaults-file=" + home.optionFile())));
        var builder =
                new ProcessBuilder(command)
                        .redirectErrorStream(true)
                        .redirectOutput(ProcessBuilder.Redirect.appendTo(home.log().toFile()));
        builder.environment().putAll(environment);
        return new Service(home, builder.start());
    }

    /** Waits until its socket answers. */
    DaemonProcess awaitSocket() throws IOException {
        return DaemonProcess.started(home, process);
    }

    long pid() {
        return process.pid();
    }

    void signal(String name) throws IOException, InterruptedException {
        assertThat(
                        new ProcessBuilder("kill", "-" + name, Long.toString(process.pid()))
                                .start()
                                .waitFor())
                .isZero();
    }

    int awaitEnd() throws InterruptedException {
        assertThat(process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS)).isTrue();
        return process.exitValue();
    }

    String log() throws IOException {
        return Files.readString(home.log());
    }

    /** Until the log has a line with these words, which is returned. */
    String awaitLog(String... words) throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(LIMIT_SECONDS);
        while (true) {
            for (String line : log().split("\n", -1)) {
                if (List.of(words).stream().allMatch(line::contains)) {
                    return line;
                }
            }
            assertThat(System.nanoTime())
                    .as("%s in %s", List.of(words), log())
                    .isLessThan(deadline);
            TimeUnit.MILLISECONDS.sleep(20); // another process: nothing to wait on
        }
    }

    static void append(DaemonProcess.Home home, String... lines) throws IOException {
        Files.write(home.optionFile(), List.of(lines), StandardOpenOption.APPEND);
    }

    /** What a run of the daemon's program with these words says and ends with. */
    public record Run(int exitCode, String out) {}

    public static Run run(Path optionFile, String... words)
            throws IOException, InterruptedException {
        var arguments = new ArrayList<>(List.of("--defaults-file=" + optionFile));
        arguments.addAll(List.of(words));
        Process process =
                new ProcessBuilder(ChildJava.command(MAIN_CLASS, "256m", arguments))
                        .redirectErrorStream(true)
                        .start();
        String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return new Run(process.waitFor(), out);
    }

    @Override
    public void close() {
        process.destroyForcibly();
        try {
            process.waitFor();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
