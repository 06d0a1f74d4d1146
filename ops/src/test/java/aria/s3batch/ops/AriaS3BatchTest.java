package aria.s3batch.ops;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;

/** Arguments, help, settings and the way to the socket; no daemon. */
class AriaS3BatchTest {
    @TempDir Path directory;

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "sql",
                "shell",
                "begin",
                "stage",
                "put",
                "get",
                "plan",
                "commit",
                "abort",
                "status",
                "list",
                "watch",
                "doctor",
                "resolve",
                "check",
                "inspect",
                "inspect header",
                "inspect block",
                "inspect page",
                "inspect frm"
            })
    void everyVerbHasHelpInEightyColumnsWithItsExitCodes(String verb) {
        CommandLineRun run = CommandLineRun.of((verb + " --help").strip().split(" ", -1));

        assertThat(run.exitCode()).isZero();
        assertThat(run.err()).isEmpty();
        assertThat(run.out())
                .contains("Usage: aria_s3_batch", "Exit codes:", "0   done", "5   the daemon");
        assertThat(run.out().lines()).allMatch(line -> line.length() <= 80);
    }

    @Test
    void versionIsOnEveryVerb() {
        assertThat(CommandLineRun.of("begin", "-V").out()).startsWith("aria_s3_batch ");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "frobnicate",
                "inspect",
                "begin",
                "begin x.y --nonsense",
                "get 01JD0000000000000000000001 a.b --file=middle --page=1",
                "get 01JD0000000000000000000001 a.b --file=data --page=x",
                "get 01JD0000000000000000000001 a.b --file=data --page=-1",
                "get 01JD0000000000000000000001 nodot --file=data --page=1",
                "list --socket"
            })
    void wrongUsageIsTwoAndAShortHint(String line) {
        CommandLineRun run =
                CommandLineRun.of(line.isEmpty() ? new String[0] : line.split(" ", -1));

        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.out()).isEmpty();
        assertThat(run.err().lines().count()).isLessThanOrEqualTo(2);
        assertThat(run.err()).startsWith("aria_s3_batch: ");
    }

    @Test
    void wrongUsageWithJsonIsAProblemDocument() throws Exception {
        assertThat(CommandLineRun.of("begin", "--json").json().get("kind").asText())
                .isEqualTo("usage");
    }

    @Test
    void noSocketIsFiveAndSaysWhichAndHowToStart() throws Exception {
        Path socket = directory.resolve("none.sock");

        CommandLineRun run = CommandLineRun.of("status", "--json", "--socket=" + socket);

        assertThat(run.exitCode()).isEqualTo(5);
        assertThat(run.err()).contains(socket.toString(), "systemctl start aria_s3_batchd");
        assertThat(run.json().get("kind").asText()).isEqualTo("unreachable");
    }

    @Test
    void socketWithoutListenerIsFive() throws Exception {
        Path socket = directory.resolve("left.sock");
        try (var left = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            left.bind(UnixDomainSocketAddress.of(socket));
        }
        assertThat(socket).exists();

        CommandLineRun run = CommandLineRun.of("list", "--socket=" + socket);

        assertThat(run.exitCode()).isEqualTo(5);
        assertThat(run.err()).contains(socket.toString(), "it has ended");
    }

    @Test
    void socketIsFoundInTheDaemonsOptionFile() throws IOException {
        Path socket = directory.resolve("configured.sock");
        Path file = directory.resolve("my.cnf");
        Files.writeString(file, "[aria_s3_batchd]\nsocket = " + socket + "\n");

        CommandLineRun run = CommandLineRun.of("list", "--defaults-file=" + file);

        assertThat(run.exitCode()).isEqualTo(5);
        assertThat(run.err()).contains(socket.toString());
    }

    @Test
    void badOptionFileIsUsageAndNamesTheLine() throws IOException {
        Path file = directory.resolve("my.cnf");
        Files.writeString(file, "[aria_s3_batchd]\nsocked = /x\n");

        CommandLineRun run = CommandLineRun.of("list", "--defaults-file=" + file);

        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.err()).contains(file + ":2:", "socked");
    }

    @Test
    void stackTraceIsShownOnlyWithVerbose() {
        String socket = "--socket=" + directory.resolve("none.sock");

        assertThat(CommandLineRun.of("list", socket).err()).doesNotContain("\tat ");
        assertThat(CommandLineRun.of("list", socket, "--verbose").err()).contains("\tat ");
    }

    @Test
    void bucketVerbWithoutBucketIsUsage() {
        CommandLineRun run = CommandLineRun.of("check", "a.b", "--defaults-file=/dev/null");

        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.err()).contains("s3-bucket is missing");
    }

    @Test
    void endpointThatIsDownIsFiveAndShowsNoKeys() {
        CommandLineRun run =
                CommandLineRun.of(
                        "check",
                        "a.b",
                        "--defaults-file=/dev/null",
                        "--s3-bucket=b",
                        "--s3-host-name=127.0.0.1",
                        "--s3-port=1",
                        "--s3-use-http=1",
                        "--s3-access-key=hush",
                        "--s3-secret-key=hush",
                        "--verbose");

        assertThat(run.exitCode()).isEqualTo(5);
        assertThat(run.err()).contains("127.0.0.1:1").doesNotContain("hush");
    }
}
