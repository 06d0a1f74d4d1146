package aria.s3batch.ops.badinput;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;
import aria.s3batch.ops.CommandLineRun;
import aria.s3batch.ops.demo.DaemonProcess;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;

/** A real daemon on the shared store, and the real client beside it. */
final class Site implements AutoCloseable {
    static final Duration LIMIT = Duration.ofSeconds(60);

    private static final byte[] NOTHING = {};

    private final DaemonProcess.Home home;
    private DaemonProcess daemon;

    private Site(DaemonProcess.Home home) throws IOException {
        this.home = home;
        this.daemon = DaemonProcess.start(home);
    }

    /**
     * @param more further lines of the option file; the last one counts
     */
    static Site start(SharedStore store, String... more) throws IOException {
        return new Site(DaemonProcess.Home.create(store.newDirectory(), store.s3(), List.of(more)));
    }

    DaemonProcess.Home home() {
        return home;
    }

    DaemonProcess daemon() {
        return daemon;
    }

    /** The same daemon again, after it ended. */
    void restart() throws IOException {
        daemon.close();
        daemon = DaemonProcess.start(home);
    }

    /** The command line with the option file that the daemon has. */
    CommandLineRun run(String... command) {
        var arguments = new ArrayList<>(List.of(command));
        arguments.add("--defaults-file=" + home.optionFile());
        return CommandLineRun.of(arguments.toArray(String[]::new));
    }

    /** Runs a command that must succeed; its JSON document. */
    JsonNode ok(String... command) throws IOException {
        var arguments = new ArrayList<>(List.of(command));
        arguments.add("--json");
        CommandLineRun run = run(arguments.toArray(String[]::new));
        assertThat(run.exitCode()).as("%s: %s", arguments, run.err()).isZero();
        return run.json();
    }

    /** Runs a command that must fail with an exit code and these words on stderr. */
    void assertFails(int exitCode, List<String> words, String... command) {
        CommandLineRun run = run(command);
        assertThat(run.err()).as("%s", String.join(" ", command)).contains(words);
        assertThat(run.exitCode())
                .as("%s: %s", String.join(" ", command), run.err())
                .isEqualTo(exitCode);
        assertThat(run.err()).doesNotContain("Exception");
    }

    String begin(TableName... tables) throws IOException {
        var command = new ArrayList<>(List.of("begin"));
        for (TableName table : tables) {
            command.add(table.display());
        }
        return ok(command.toArray(String[]::new)).get("batch").asText();
    }

    /** Stages whole pages with {@code put}. */
    void put(String batch, TableName table, TableFile file, long page, byte[] images)
            throws IOException {
        ok(putCommand(batch, table, file, page, images));
    }

    /** The command line that stages these pages, which are written to a file for it. */
    String[] putCommand(String batch, TableName table, TableFile file, long page, byte[] images)
            throws IOException {
        Path source = Files.write(home.directory().resolve("pages"), images);
        return new String[] {
            "put",
            batch,
            table.display(),
            "--file=" + file.key(),
            "--page=" + page,
            source.toString()
        };
    }

    void truncate(String batch, TableName table, TableFile file, long bytes) throws IOException {
        DaemonProcess.Answer answer =
                request(
                        "POST",
                        "/v1/batches/%s/tables/%s/%s/truncate?bytes=%d"
                                .formatted(batch, table.path(), file.key(), bytes),
                        NOTHING);
        assertThat(answer.status()).as(answer.text()).isEqualTo(204);
    }

    /** What status says about a batch. */
    JsonNode batch(String batch) throws IOException {
        return ok("status", batch).get("batches").get(0);
    }

    String state(String batch) throws IOException {
        return batch(batch).get("state").asText();
    }

    /** Until the batch is as wanted, in the answer about it alone. */
    JsonNode await(String batch, Predicate<JsonNode> wanted) throws Exception {
        long deadline = System.nanoTime() + LIMIT.toNanos();
        while (true) {
            JsonNode found =
                    new ObjectMapper()
                            .readTree(request("GET", "/v1/batches/" + batch, NOTHING).text());
            if (wanted.test(found)) {
                return found;
            }
            assertThat(System.nanoTime()).as("still %s", found).isLessThan(deadline);
            TimeUnit.MILLISECONDS.sleep(20); // another process: nothing to wait on
        }
    }

    /** Until no batch is left. */
    void awaitNone() throws Exception {
        long deadline = System.nanoTime() + LIMIT.toNanos();
        JsonNode batches = ok("status").get("batches");
        while (!batches.isEmpty()) {
            assertThat(System.nanoTime()).as("still %s", batches).isLessThan(deadline);
            TimeUnit.MILLISECONDS.sleep(20); // another process: nothing to wait on
            batches = ok("status").get("batches");
        }
    }

    DaemonProcess.Answer request(String method, String path, byte[] body) throws IOException {
        return daemon.request(method, path, body);
    }

    @Override
    public void close() {
        daemon.close();
    }
}
