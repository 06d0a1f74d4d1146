package aria.s3batch.ops;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;

@Command(
        name = "metrics",
        description = {
            "Print the daemon's metrics in Prometheus' text format, as GET /metrics on its socket"
                    + " gives them. With --to, into a file that is whole at any time: for the"
                    + " textfile collector of Prometheus' node exporter."
        })
final class MetricsCommand extends DaemonVerb {
    @Option(
            names = "--to",
            paramLabel = "FILE",
            description = "Write to this file, and replace it in one step; everybody may read it.")
    @Nullable Path to;

    @Override
    void run(DaemonClient daemon) throws ProblemException, IOException {
        String text = daemon.metrics();
        Path file = to;
        if (file == null) {
            output.result(Map.of("metrics", text), () -> output.out().print(text));
            return;
        }
        replace(file.toAbsolutePath(), text);
        output.result(Map.of("file", file.toString()), () -> {});
    }

    /** The collector reads files named *.prom: the temporary one has another name. */
    private static void replace(Path file, String text) throws IOException {
        Path next = file.resolveSibling(file.getFileName() + ".new");
        try {
            Files.writeString(next, text);
            Files.setPosixFilePermissions(next, PosixFilePermissions.fromString("rw-r--r--"));
            Files.move(next, file, StandardCopyOption.ATOMIC_MOVE);
        } finally {
            Files.deleteIfExists(next);
        }
    }
}
