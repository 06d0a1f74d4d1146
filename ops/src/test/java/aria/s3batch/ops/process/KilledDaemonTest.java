package aria.s3batch.ops.process;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.ops.CommandLineRun;
import aria.s3batch.ops.demo.DaemonProcess;

import com.fasterxml.jackson.databind.JsonNode;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/**
 * What is left of a daemon that ended, met by its successor: writes that arrive late, a lock on the cache
 * directory, a clean stop. Kills at every point are the business of {@link KillRounds}.
 */
final class KilledDaemonTest {
    /** The deletions of frm and aria. */
    private static final int FENCE_WRITES = 2;

    private final CrashScene scene;

    KilledDaemonTest(@TempDir Path directory) throws IOException {
        scene = new CrashScene(directory, "plain");
    }

    @AfterEach
    void strike() {
        scene.close();
    }

    /** A block that a dead daemon sent arrives when its successor has long finished. */
    @Test
    void writeOfADeadDaemonThatArrivesLateChangesNothing() throws Exception {
        scene.s3().holdBefore(FENCE_WRITES + 1);
        try (DaemonProcess daemon = scene.startDaemon()) {
            commitABatch(daemon);
            scene.s3().awaitHeld(CrashScene.LIMIT);
            daemon.kill();
        }
        scene.s3().pass();
        try (DaemonProcess daemon = scene.startDaemon()) {
            scene.awaitAllApplied(daemon);
            scene.s3().release();
            scene.assertTableIsAsCommitted();
            scene.assertNothingIsLeft(daemon);
        }
    }

    /** The process dies before its deletion of frm takes effect, which it does while the next one replays. */
    @Test
    void deletionOfADeadDaemonThatTakesEffectInTheReplayIsWaitedFor() throws Exception {
        scene.s3().holdBefore(1);
        try (DaemonProcess daemon = scene.startDaemon()) {
            commitABatch(daemon);
            scene.s3().awaitHeld(CrashScene.LIMIT);
            daemon.kill();
        }
        scene.s3().pass();
        try (DaemonProcess daemon = scene.startDaemon()) {
            scene.s3().release();
            scene.awaitAllApplied(daemon);
            scene.assertTableIsAsCommitted();
            scene.assertNothingIsLeft(daemon);
        }
    }

    @Test
    void blocksThatNoStagedPageTouchesGetNoWrite() throws Exception {
        try (DaemonProcess daemon = scene.startDaemon()) {
            commitABatch(daemon);
            scene.awaitAllApplied(daemon);
        }
        assertThat(scene.s3().requests())
                .noneMatch(request -> request.matches("(PUT|DELETE) .*/data/00000[1246]"));
    }

    @Test
    void secondDaemonOnTheSameCacheDirectoryIsRefusedWithThePidOfTheFirst() throws Exception {
        try (DaemonProcess first = scene.startDaemon()) {
            Process second = DaemonProcess.launch(scene.home());
            assertThat(second.waitFor(CrashScene.LIMIT.toSeconds(), TimeUnit.SECONDS)).isTrue();
            assertThat(second.exitValue()).isEqualTo(3);
            assertThat(Files.readString(scene.home().log()))
                    .contains("is in use by process " + first.pid());
            assertThat(scene.status(first).daemon().pid()).isEqualTo(first.pid());
        }
    }

    @Test
    void sigtermInMidApplyFinishesWhatIsInFlightAndTheNextStartGoesOn() throws Exception {
        scene.s3().holdBefore(FENCE_WRITES + 3);
        try (DaemonProcess daemon = scene.startDaemon()) {
            commitABatch(daemon);
            scene.s3().awaitHeld(CrashScene.LIMIT);
            CompletableFuture<Integer> stopped = CompletableFuture.supplyAsync(() -> stop(daemon));
            awaitStopping();
            scene.s3().release();
            assertThat(stopped.get()).isEqualTo(143); // 128 + SIGTERM
        }
        recoverAndCheck();
    }

    private void recoverAndCheck() throws Exception {
        try (DaemonProcess daemon = scene.startDaemon()) {
            scene.awaitAllApplied(daemon);
            scene.assertTableIsAsCommitted();
            scene.assertNothingIsLeft(daemon);
        }
        JsonNode receipt =
                CommandLineRun.of(
                                "history", "--json", "--defaults-file=" + scene.home().optionFile())
                        .json()
                        .at("/receipts/0");
        assertThat(receipt.path("endedBy").asText()).isEqualTo("recovery");
        assertThat(receipt.path("user").asText()).isEqualTo(System.getProperty("user.name"));
    }

    private void commitABatch(DaemonProcess daemon) throws IOException {
        String batch = scene.begin(daemon);
        scene.stageAll(daemon, batch);
        scene.commit(daemon, batch);
    }

    private static int stop(DaemonProcess daemon) {
        try {
            return daemon.stop();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The first thing that a stopping daemon says. */
    private void awaitStopping() throws Exception {
        long deadline = System.nanoTime() + CrashScene.LIMIT.toNanos();
        while (!Files.readString(scene.home().log()).contains("stopping")) {
            assertThat(System.nanoTime()).isLessThan(deadline);
            TimeUnit.MILLISECONDS.sleep(20); // another process: nothing to wait on
        }
    }
}
