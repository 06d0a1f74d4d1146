package aria.s3batch.ops;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.format.Fixture;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/** {@code doctor}, with a daemon and a cache directory, and with nothing that works. */
class DoctorCommandTest {
    private static final String SECRET = "k3y-\"quoted\"-and-long";
    private static final String ROW = "a row that is nobody's business";

    @TempDir Path directory;
    private FakeDaemon daemon;

    @BeforeEach
    void startDaemon() throws Exception {
        Fixture plain = Fixture.of("plain");
        daemon = FakeDaemon.start(directory, plain, plain.table());
        daemon.states.add(
                FakeDaemon.state("QUARANTINED", 1, 4, "the key was " + SECRET + " as it seems"));
    }

    @AfterEach
    void stopDaemon() {
        daemon.close();
    }

    @Test
    void everythingIsGatheredAndNoSecretAndNoPageIsInIt() throws Exception {
        Path batch =
                Files.createDirectories(directory.resolve("cache/batches/" + FakeDaemon.BATCH));
        Files.writeString(batch.resolve("0.pages"), ROW);
        Path file = directory.resolve("my.cnf");
        Files.writeString(
                file,
                """
                [aria_s3_batchd]
                socket = %1$s
                cache-dir = %2$s
                s3-bucket = archive
                s3-host-name = 127.0.0.1
                s3-port = 1
                s3-use-http = 1
                s3-access-key = %3$s
                s3-secret-key = %3$s
                fence-password = hush-hush
                [client]
                password = of-the-client
                """
                        .formatted(daemon.socket, directory.resolve("cache"), "'" + SECRET + "'"));
        Path tarball = directory.resolve("d.tar.gz");

        CommandLineRun run =
                CommandLineRun.of("doctor", "--defaults-file=" + file, "--to=" + tarball, "--json");

        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.json().get("file").asText()).isEqualTo(tarball.toString());
        assertThat(Files.getPosixFilePermissions(tarball)).hasSize(2);
        Map<String, String> parts = unpacked(tarball);
        assertThat(parts.keySet())
                .contains(
                        "about.txt",
                        "cache-directory.txt",
                        "disk.txt",
                        "journal.json",
                        "locks.json",
                        "log.txt",
                        "mounts.txt",
                        "page-files.json",
                        "server.txt",
                        "settings.txt",
                        "status.json");
        assertThat(parts.get("settings.txt"))
                .contains(file + ":4 [aria_s3_batchd] s3-bucket = archive")
                .contains("s3-secret-key = ***", "fence-password = ***");
        assertThat(parts.get("status.json")).contains("QUARANTINED", "the key was *** as");
        assertThat(parts.get("page-files.json")).contains("0.pages", "\"start\":null");
        assertThat(parts.get("locks.json")).contains("127.0.0.1:1");
        String all = String.join("\n", parts.values()) + run.out() + run.err();
        assertThat(all)
                .doesNotContain(
                        SECRET, SECRET.replace("\"", "\\\""), "hush-hush", "of-the-client", ROW)
                .doesNotContain(hex(ROW));
    }

    @Test
    void whatCannotBeFoundOutIsSaid() throws Exception {
        Path tarball = directory.resolve("d.tar.gz");

        CommandLineRun run =
                CommandLineRun.of(
                        "doctor",
                        "--defaults-file=/dev/null",
                        "--socket=" + directory.resolve("none.sock"),
                        "--s3-secret-key=on-the-command-line",
                        "--to=" + tarball);

        assertThat(run.exitCode()).as(run.err()).isZero();
        Map<String, String> parts = unpacked(tarball);
        assertThat(parts.get("status.json")).contains("unreachable");
        assertThat(parts.get("settings-problem.txt")).contains("s3-bucket");
        assertThat(String.join("", parts.values())).doesNotContain("on-the-command-line");
    }

    @Test
    void fileThatIsThereIsNotOverwritten() throws Exception {
        Path file = Files.writeString(directory.resolve("precious"), "x");

        CommandLineRun run =
                CommandLineRun.of("doctor", "--defaults-file=/dev/null", "--to=" + file);

        assertThat(run.exitCode()).isEqualTo(1);
        assertThat(run.err()).contains(file.toString());
        assertThat(file).hasContent("x");
    }

    /** By tar itself. */
    private Map<String, String> unpacked(Path tarball) throws IOException, InterruptedException {
        Path to = Files.createDirectory(directory.resolve("unpacked"));
        Process tar =
                new ProcessBuilder("tar", "-xzf", tarball.toString(), "-C", to.toString())
                        .redirectErrorStream(true)
                        .start();
        assertThat(new String(tar.getInputStream().readAllBytes(), StandardCharsets.UTF_8))
                .isEmpty();
        assertThat(tar.waitFor()).isZero();
        var parts = new TreeMap<String, String>();
        try (Stream<Path> files = Files.walk(to)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                parts.put(String.valueOf(file.getFileName()), Files.readString(file));
            }
        }
        return parts;
    }

    private static String hex(String text) {
        return HexFormat.of().formatHex(text.substring(0, 20).getBytes(StandardCharsets.UTF_8));
    }
}
