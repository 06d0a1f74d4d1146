package aria.s3batch.ops.badinput;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import aria.s3batch.format.TableName;
import aria.s3batch.ops.demo.ChildJava;
import aria.s3batch.ops.demo.DaemonProcess;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;

/** Users who are neither root nor the daemon's, nor in its group. Needs root, curl and setpriv. */
@ExtendWith(SharedStore.Resolver.class)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class StrangerTest {
    private static final List<String> AS_NOBODY =
            List.of("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups");

    private final SharedStore store;

    StrangerTest(SharedStore store) {
        this.store = store;
    }

    @Test
    void strangerIsKeptOutByTheModeOfTheSocketAndByItsCredentials() throws Exception {
        assumeRoot();
        try (Site site = Site.start(store)) {
            Path socket = site.home().socket();
            for (Path up = socket.getParent(); up != null; up = up.getParent()) {
                if (!PosixFilePermissions.toString(Files.getPosixFilePermissions(up))
                        .endsWith("x")) {
                    Files.setPosixFilePermissions(up, PosixFilePermissions.fromString("rwxr-xr-x"));
                }
            }
            site.ok("status"); // so the daemon has set the mode
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(socket)))
                    .isEqualTo("rw-rw----");
            assertThat(curl(site, AS_NOBODY, "/v1/status")).contains("curl: (7)");

            Files.setPosixFilePermissions(socket, PosixFilePermissions.fromString("rw-rw-rw-"));
            TableName table = store.load("plain");
            String begin = "{\"tables\":[\"" + table.path() + "\"]}";
            for (String answer :
                    List.of(
                            curl(site, AS_NOBODY, "/v1/status"),
                            curl(site, AS_NOBODY, "/v1/batches", "-d", begin),
                            curl(site, AS_NOBODY, "/v1/openapi.yaml"))) {
                assertThat(answer)
                        .contains("403", "\"kind\":\"forbidden\"", "user nobody may not use");
            }
            assertThat(site.ok("status").get("batches")).isEmpty();

            var member = List.of("setpriv", "--reuid=65534", "--regid=0", "--clear-groups");
            assertThat(curl(site, member, "/v1/status")).contains("200", "\"batches\":[]");
        }
    }

    @Test
    void directoriesThatTheDaemonsUserCannotWriteAreNamed() throws Exception {
        assumeRoot();
        Path closed = store.newDirectory();
        Files.setPosixFilePermissions(closed, PosixFilePermissions.fromString("r-xr-xr-x"));
        var home =
                DaemonProcess.Home.create(
                        store.newDirectory(),
                        store.s3(),
                        List.of("cache-dir=" + closed.resolve("cache")));
        // root without root's right to write anywhere: others may not even see the class path
        var command =
                new ArrayList<>(
                        List.of("setpriv", "--bounding-set=-dac_override,-dac_read_search"));
        command.addAll(
                ChildJava.command(
                        "aria.s3batch.ops.AriaS3Batchd",
                        "256m",
                        List.of("--defaults-file=" + home.optionFile())));
        String log = run(command);
        assertThat(log)
                .contains(
                        "cache directory " + closed.resolve("cache"),
                        "permission denied",
                        "Set cache-dir");
        Files.setPosixFilePermissions(closed, PosixFilePermissions.fromString("rwx------"));
        assertThat(closed).isEmptyDirectory();
    }

    private static void assumeRoot() {
        assumeTrue(
                System.getProperty("user.name").equals("root"),
                "only root can become another user: run as root to test strangers");
    }

    private static String curl(Site site, List<String> as, String path, String... more)
            throws Exception {
        var command = new ArrayList<>(as);
        command.addAll(
                List.of(
                        "curl",
                        "--silent",
                        "--show-error",
                        "--write-out",
                        "%{http_code}",
                        "--unix-socket",
                        site.home().socket().toString()));
        command.addAll(List.of(more));
        command.add("http://localhost" + path);
        return run(command);
    }

    private static String run(List<String> command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        try (var out = process.getInputStream()) {
            String text = new String(out.readAllBytes(), StandardCharsets.UTF_8);
            process.waitFor();
            return text;
        }
    }
}
