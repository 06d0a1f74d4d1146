package aria.s3batch.ops.badinput;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.ops.demo.ChildJava;
import aria.s3batch.ops.demo.DaemonProcess;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;

import java.io.IOException;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Daemons that must not start: they say why, with an exit code, and leave everything as it is. */
@ExtendWith(SharedStore.Resolver.class)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class BadStartTest {
    private static final int SIGTERM_EXIT = 128 + 15;

    private final SharedStore store;

    BadStartTest(SharedStore store) {
        this.store = store;
    }

    @Test
    void unknownOptionInTheFileIsNamedWithFileAndLine() throws Exception {
        DaemonProcess.Home home = home("cache-sise=1G");
        assertEnds(home, 2, home.optionFile() + ":11", "unknown option 'cache-sise'");
        assertThat(home.cacheDir()).doesNotExist();
    }

    @Test
    void badValueIsNamedWithFileAndLine() throws Exception {
        DaemonProcess.Home home = home("apply-concurrency=many");
        assertEnds(home, 2, home.optionFile() + ":11", "apply-concurrency is 'many'", "1 to 64");
    }

    /** Exit code 2, which the unit does not try again. */
    @Test
    void optionFileThatIsNoneIsNamedWithItsLine() throws Exception {
        DaemonProcess.Home home = home("[no end");
        assertEnds(home, 2, home.optionFile() + ":11", "a group without ]");
        DaemonProcess.Home open = home();
        assertThat(open.optionFile().toFile().setWritable(true, false)).isTrue();
        assertEnds(open, 2, open.optionFile().toString(), "chmod o-w");
    }

    @Test
    void unknownOptionOnTheCommandLineIsNamed() throws Exception {
        DaemonProcess.Home home = home();
        assertEnds(home, List.of("--no-such=1"), 2, "command line", "unknown option 'no-such'");
        assertEnds(home, List.of("socket"), 2, "command line", "'socket' is no option");
    }

    @Test
    void wrongSecretKeyIsRefusedByTheStoreAndNotShown() throws Exception {
        DaemonProcess.Home home = home("s3-secret-key=wrong-key-of-a-test");
        assertEnds(home, 5, "s3-secret-key does not belong to this s3-access-key");
        assertThat(Files.readString(home.log())).doesNotContain("wrong-key-of-a-test");
    }

    @Test
    void unknownAccessKeyIsRefusedByTheStore() throws Exception {
        assertEnds(home("s3-access-key=nobody"), 5, "s3-access-key", "bucket 'tables'");
    }

    @Test
    void missingBucketIsNamed() throws Exception {
        assertEnds(home("s3-bucket=no-such-bucket"), 5, "no-such-bucket");
    }

    @Test
    void stopAsSoonAsTheSocketIsOpenIsAStopLikeAnyOther() throws Exception {
        DaemonProcess.Home home = home();
        for (int start = 0; start < 3; start++) {
            assertThat(DaemonProcess.start(home).stop()).isEqualTo(SIGTERM_EXIT);
        }
        assertThat(Files.readString(home.log())).contains("stopped").doesNotContain("Exception");
    }

    @Test
    void endpointThatIsDownIsNamed() throws Exception {
        int closed;
        try (var port = new ServerSocket(0)) {
            closed = port.getLocalPort();
        }
        assertEnds(home("s3-port=" + closed), 5, "127.0.0.1:" + closed, "no answer");
    }

    @Test
    void cacheDirectoryBelowAFileCannotBeUsed() throws Exception {
        Path file = Files.writeString(store.newDirectory().resolve("file"), "x");
        assertEnds(
                home("cache-dir=" + file.resolve("cache")),
                1,
                "cache directory " + file.resolve("cache"),
                "Nothing was changed",
                "Set cache-dir");
    }

    @Test
    void cacheDirectoryThatIsAFileCannotBeUsed() throws Exception {
        Path file = Files.writeString(store.newDirectory().resolve("file"), "x");
        assertEnds(home("cache-dir=" + file), 1, "cache directory " + file, "Set cache-dir");
        assertThat(file).hasContent("x");
    }

    @Test
    void cacheDirectoryInUseIsRefusedWithThePidOfItsDaemon() throws Exception {
        try (Site first = Site.start(store)) {
            DaemonProcess.Home home = home("cache-dir=" + first.home().cacheDir());
            assertEnds(
                    home,
                    3,
                    "in use by process " + first.daemon().pid(),
                    first.home().cacheDir().toString());
            first.ok("status");
        }
    }

    @Test
    void socketInUseIsRefusedAndItsDaemonGoesOn() throws Exception {
        try (Site first = Site.start(store)) {
            DaemonProcess.Home home = home("socket=" + first.home().socket());
            assertEnds(home, 3, first.home().socket() + " is in use", "Nothing was changed");
            first.ok("status");
        }
    }

    @Test
    void fileInPlaceOfTheSocketIsNotDeleted() throws Exception {
        Path file = Files.writeString(store.newDirectory().resolve("precious"), "x");
        assertEnds(home("socket=" + file), 3, file.toString(), "no socket", "Nothing was changed");
        assertThat(file).hasContent("x");
    }

    @Test
    void socketBelowAFileCannotBeOpened() throws Exception {
        Path file = Files.writeString(store.newDirectory().resolve("file"), "x");
        assertEnds(home("socket=" + file.resolve("s")), 1, file.resolve("s").toString());
    }

    @Test
    void directoryOfTheSocketIsMade() throws Exception {
        Path socket = store.newDirectory().resolve("run/aria/s");
        try (Site site = Site.start(store)) {
            assertThat(site.daemon().stop()).isEqualTo(143);
            Files.writeString(
                    site.home().optionFile(),
                    Files.readString(site.home().optionFile()) + "socket=" + socket + "\n");
            Process process = DaemonProcess.launch(site.home());
            try {
                awaitSocket(socket, process);
                site.ok("status");
            } finally {
                process.destroyForcibly().waitFor();
            }
        }
    }

    private static void awaitSocket(Path socket, Process process) throws Exception {
        for (int i = 0; i < 3000 && !Files.exists(socket); i++) {
            assertThat(process.waitFor(20, TimeUnit.MILLISECONDS)).isFalse();
        }
    }

    private DaemonProcess.Home home(String... more) throws IOException {
        return DaemonProcess.Home.create(store.newDirectory(), store.s3(), List.of(more));
    }

    private static void assertEnds(DaemonProcess.Home home, int exitCode, String... words)
            throws Exception {
        assertEnds(home, List.of(), exitCode, words);
    }

    private static void assertEnds(
            DaemonProcess.Home home, List<String> more, int exitCode, String... words)
            throws Exception {
        var arguments = new ArrayList<>(List.of("--defaults-file=" + home.optionFile()));
        arguments.addAll(more);
        Process process =
                new ProcessBuilder(
                                ChildJava.command(
                                        "aria.s3batch.ops.AriaS3Batchd", "256m", arguments))
                        .redirectErrorStream(true)
                        .redirectOutput(home.log().toFile())
                        .start();
        try {
            assertThat(process.waitFor(Site.LIMIT.toSeconds(), TimeUnit.SECONDS)).isTrue();
        } finally {
            process.destroyForcibly().waitFor();
        }
        String log = Files.readString(home.log());
        assertThat(log).contains(words);
        assertThat(log).doesNotContain("Exception", "\tat ");
        assertThat(process.exitValue()).as(log).isEqualTo(exitCode);
    }
}
