package aria.s3batch.ops;

import aria.s3batch.daemon.api.BatchDocument;
import aria.s3batch.daemon.api.BatchStateDocument;
import aria.s3batch.daemon.api.PlanDocument;
import aria.s3batch.daemon.api.Problem;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.Command;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

@Command(
        name = "shell",
        description = {
            "Work on S3 tables in the mariadb client; then commit or abort.",
            "",
            "Like sql, but interactive: the installed mariadb client is started in the database"
                + " where the tables are, with the same user and password. When it ends, `commit`"
                + " or `abort` is asked for; the end of input means abort."
        })
final class ShellCommand extends ServerVerb {
    private static final List<String> CLIENTS = List.of("mariadb", "mysql");

    @Override
    void checkArguments() throws ProblemException {
        super.checkArguments();
        if (output.json) {
            throw ProblemException.usage(
                    "shell is for people, its output is the client's: use sql --json");
        }
        client();
    }

    @Override
    boolean work(WorkBatch work) throws ProblemException, IOException {
        Path options =
                Files.createTempFile(
                        "aria_s3_batch",
                        ".cnf",
                        PosixFilePermissions.asFileAttribute(
                                PosixFilePermissions.fromString("rw-------")));
        options.toFile().deleteOnExit();
        try {
            Files.write(options, work.clientOptions());
            int exitCode = runClient(options, work.database().name());
            if (exitCode != 0) {
                output.say("the client ended with exit code " + exitCode);
            }
        } finally {
            Files.delete(options);
        }
        return asksForCommit(work.id());
    }

    private int runClient(Path options, String database) throws ProblemException, IOException {
        output.out().flush();
        try (var _ = new IgnoredInterrupts()) { // Ctrl-C is the client's
            return new ProcessBuilder(client().toString(), "--defaults-file=" + options, database)
                    .inheritIO()
                    .start()
                    .waitFor();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new ProblemException(
                    Problem.of(Problem.Kind.FAILED, "interrupted while the client ran"), e);
        }
    }

    private static Path client() throws ProblemException {
        String path = System.getenv().getOrDefault("PATH", "/usr/bin");
        return CLIENTS.stream()
                .flatMap(
                        name ->
                                Stream.of(path.split(":", -1))
                                        .filter(folder -> !folder.isEmpty())
                                        .map(folder -> Path.of(folder, name)))
                .filter(Files::isExecutable)
                .findFirst()
                .orElseThrow(
                        () ->
                                ProblemException.usage(
                                        "no mariadb client in PATH: install mariadb-client, or use"
                                                + " `aria_s3_batch sql`"));
    }

    private boolean asksForCommit(String batch) throws IOException {
        while (true) {
            output.streams().err().print("batch %s: commit or abort? ".formatted(batch));
            output.streams().err().flush();
            String answer = readLine(output.streams().in());
            if (answer == null) {
                output.say("");
                return false;
            }
            switch (answer.strip().toLowerCase(Locale.ROOT)) {
                case "commit" -> {
                    return true;
                }
                case "abort" -> {
                    return false;
                }
                default -> output.say("Write commit, or abort.");
            }
        }
    }

    /** No more than the line is taken; null at the end of input. */
    private static @Nullable String readLine(InputStream in) throws IOException {
        var line = new ByteArrayOutputStream();
        while (true) {
            int next = in.read();
            if (next < 0 && line.size() == 0) {
                return null;
            }
            if (next < 0 || next == '\n') {
                return line.toString(StandardCharsets.UTF_8);
            }
            line.write(next);
        }
    }

    @Override
    boolean isTrial() {
        return false;
    }

    @Override
    void applied(BatchDocument ended) {
        output.result(
                new BatchStateDocument(ended.batch(), ended.state()),
                () -> output.say(Committing.applied(ended)));
    }

    @Override
    void planned(PlanDocument plan, String aborted) {
        throw new AssertionError("shell has no --dry-run: " + plan.batch());
    }

    @Override
    void dropped(String batch, String aborted) {
        output.say(aborted);
    }
}
