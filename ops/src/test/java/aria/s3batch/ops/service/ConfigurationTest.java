package aria.s3batch.ops.service;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.ops.demo.Bucket;
import aria.s3batch.ops.demo.DaemonProcess;
import aria.s3batch.ops.demo.EmbeddedS3Process;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.stream.Stream;

/** {@code --print-defaults} and {@code --validate-config}, by the real program. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class ConfigurationTest {
    private final Path directory;
    private final EmbeddedS3Process s3;
    private int homes;

    ConfigurationTest(@TempDir Path directory) throws IOException {
        this.directory = directory;
        this.s3 = EmbeddedS3Process.start(directory.resolve("s3"));
    }

    @AfterAll
    void stop() {
        s3.close();
    }

    private DaemonProcess.Home home(String... more) throws IOException {
        return DaemonProcess.Home.create(directory.resolve("d" + ++homes), s3, List.of(more));
    }

    private static List<String> files(Path directory) throws IOException {
        try (Stream<Path> all = Files.walk(directory)) {
            return all.map(Path::toString).sorted().toList();
        }
    }

    private static Service.Run validate(DaemonProcess.Home home, String... more)
            throws IOException, InterruptedException {
        String[] words =
                Stream.concat(Stream.of("--validate-config"), Stream.of(more))
                        .toArray(String[]::new);
        return Service.run(home.optionFile(), words);
    }

    private static void assertSays(Service.Run run, int exitCode, String... words) {
        assertThat(run.out()).contains(words).doesNotContain("Exception", "\tat ");
        assertThat(run.exitCode()).as(run.out()).isEqualTo(exitCode);
    }

    @Test
    void printedDefaultsAreAnOptionFileThatMeansTheSame() throws Exception {
        DaemonProcess.Home home = home("cache-size=64M", "fence-password=hush-fence");
        Service.Run printed = Service.run(home.optionFile(), "--print-defaults");
        assertSays(
                printed,
                0,
                "[aria_s3_batchd]",
                "cache-size = 64M",
                "# " + home.optionFile() + ":11",
                "# s3-secret-key = ***",
                "lock-lease = 30",
                "# default");
        assertThat(printed.out()).doesNotContain("hush-fence", EmbeddedS3Process.SECRET_KEY);
        Path again = Files.writeString(directory.resolve("again.cnf"), printed.out());
        Service.Run second = Service.run(again, "--print-defaults");
        assertThat(second.exitCode()).as(second.out()).isZero();
        assertThat(values(second.out()))
                .containsAll(
                        values(printed.out()).stream().filter(v -> !v.startsWith("#")).toList());
    }

    private static List<String> values(String printed) {
        return printed.lines().map(line -> line.replaceAll(" +# .*", "")).toList();
    }

    @Test
    void printedDefaultsAsJson() throws Exception {
        Service.Run printed = Service.run(home().optionFile(), "--print-defaults", "--json");
        JsonNode document = new ObjectMapper().readTree(printed.out());
        assertThat(document.get("s3-bucket").get("value").asText()).isEqualTo("tables");
        assertThat(document.get("s3-secret-key").get("value").asText()).isEqualTo("***");
        assertThat(document.get("cache-size").get("reload").asBoolean()).isTrue();
        assertThat(document.get("socket").get("reload").asBoolean()).isFalse();
    }

    @Test
    void goodConfigurationIsFoundGoodAndNothingIsLeftBehind() throws Exception {
        DaemonProcess.Home home = home();
        try (var bucket = new Bucket(s3)) {
            var before = bucket.versions("");
            List<String> files = files(home.directory());
            Service.Run run = validate(home);
            assertSays(
                    run,
                    0,
                    "ok         option files",
                    home.cacheDir() + " is made at the first start",
                    "list is allowed",
                    "delete is allowed",
                    "put is allowed",
                    "head is allowed",
                    "get is allowed",
                    "conditional put is allowed",
                    "FUSE",
                    "MariaDB server");
            assertThat(run.out()).doesNotContain("FAILED", EmbeddedS3Process.SECRET_KEY);
            assertThat(bucket.versions("")).isEqualTo(before);
            assertThat(files(home.directory())).isEqualTo(files);
        }
    }

    @Test
    void itMayRunBesideTheDaemonWhoseDirectoryItLooksAt() throws Exception {
        DaemonProcess.Home home = home();
        try (DaemonProcess daemon = DaemonProcess.start(home);
                var bucket = new Bucket(s3)) {
            var before = bucket.versions("");
            Service.Run run = validate(home);
            assertSays(
                    run,
                    0,
                    "in use by the daemon, process " + daemon.pid(),
                    "a daemon listens on " + home.socket());
            assertThat(bucket.versions("")).isEqualTo(before);
            assertThat(files(home.cacheDir())).noneMatch(file -> file.contains("validate"));
            assertThat(daemon.accepts()).isTrue();
        }
    }

    @Test
    void badOptionEndsItWithFileAndLine() throws Exception {
        DaemonProcess.Home home = home("cache-sise=1G");
        assertSays(validate(home), 2, "FAILED", home.optionFile() + ":11", "not tried");
        assertThat(home.cacheDir()).doesNotExist();
    }

    @Test
    void wrongKeyAndMissingBucketAreNamedOnceAndTheRestIsLeftOut() throws Exception {
        Service.Run wrong = validate(home("s3-secret-key=wrong-key-of-a-test"));
        assertSays(wrong, 5, "s3-secret-key does not belong to this s3-access-key", "not tried");
        assertThat(wrong.out()).doesNotContain("wrong-key-of-a-test");
        assertSays(
                validate(home("s3-bucket=no-such-bucket")),
                5,
                "there is no bucket 'no-such-bucket'",
                "not tried  object store      put");
    }

    @Test
    void endpointThatIsDownIsNamed() throws Exception {
        int closed;
        try (var port = new ServerSocket(0)) {
            closed = port.getLocalPort();
        }
        assertSays(validate(home("s3-port=" + closed)), 5, "no answer from", "" + closed);
    }

    @Test
    void cacheDirectoryThatCannotBeIsNamedWithWhatToDo() throws Exception {
        Path file = Files.writeString(directory.resolve("file"), "x");
        assertSays(
                validate(home("cache-dir=" + file.resolve("cache"))),
                1,
                "is no directory",
                "cache-dir");
        assertThat(file).hasContent("x");
    }

    @Test
    void readersThatCannotBeAskedAreNamed() throws Exception {
        assertSays(
                validate(home("fence-servers=" + directory.resolve("nobody.sock"))),
                1,
                "FAILED     fence-servers",
                "nobody.sock",
                "GRANT RELOAD");
    }

    @Test
    void optionFileThatEverybodyMayReadIsAWarning() throws Exception {
        DaemonProcess.Home home = home();
        Files.setPosixFilePermissions(
                home.optionFile(), PosixFilePermissions.fromString("rw-r--r--"));
        assertSays(validate(home), 0, "WARNING    option files", "s3-secret-key: chmod o-r");
        Files.setPosixFilePermissions(
                home.optionFile(), PosixFilePermissions.fromString("rw-r-----"));
        assertThat(validate(home).out()).doesNotContain("chmod");
    }

    @Test
    void resultAsJson() throws Exception {
        Service.Run run = validate(home("cache-size=1T"), "--json");
        assertThat(run.exitCode()).as(run.out()).isZero();
        JsonNode document = new ObjectMapper().readTree(run.out());
        assertThat(document.get("ok").asBoolean()).isTrue();
        assertThat(document.get("checks").findValuesAsText("result")).contains("OK", "WARNING");
        assertThat(document.get("checks").findValuesAsText("detail").toString())
                .contains("are free on its disk");
    }
}
