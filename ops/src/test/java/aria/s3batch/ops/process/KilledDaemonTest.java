package aria.s3batch.ops.process;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.ops.demo.DaemonProcess;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/**
 * kill -9 at every point that matters, then a new start: what was not committed is gone, what was is in
 * the bucket, byte for byte as MariaDB makes it, and nothing else is left.
 */
final class KilledDaemonTest {
    /** Every point twice, before a write and after it; otherwise after it, where its answer is lost. */
    private static final boolean LONG = Boolean.getBoolean("tests.long");

    private static final int WRITES_MAX = 100;

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

    @Test
    void killedWhileStagingLeavesNothingOfTheBatch() throws Exception {
        try (DaemonProcess daemon = scene.startDaemon()) {
            scene.stageSome(daemon, scene.begin(daemon));
            daemon.kill();
        }
        scene.assertTableIsAsBefore();
        try (DaemonProcess daemon = scene.startDaemon()) {
            scene.assertNothingIsLeft(daemon);
            scene.assertTableIsAsBefore();
        }
    }

    @Test
    void killedAfterCommitIsAnsweredAndBeforeTheFirstPutIsRecovered() throws Exception {
        scene.s3().holdBefore(1);
        try (DaemonProcess daemon = scene.startDaemon()) {
            commitABatch(daemon);
            scene.s3().awaitHeld(CrashScene.LIMIT);
            daemon.kill();
        }
        scene.assertTableIsAsBefore();
        scene.s3().drop();
        recoverAndCheck();
    }

    @Test
    void killedBetweenAnyTwoWritesIsRecovered() throws Exception {
        int writes = writesOfACleanApply();
        for (int n = 1; n <= writes; n += LONG ? 1 : 2) {
            scene.reset();
            scene.s3().holdAfter(n);
            killAtHold();
            recoverAndCheck();
            if (LONG) {
                scene.reset();
                scene.s3().holdBefore(n);
                killAtHold();
                recoverAndCheck();
            }
        }
    }

    @Test
    void killedAfterEachWriteOfEveryReplayIsRecovered() throws Exception {
        scene.s3().holdAfter(1);
        killAtHold();
        int kills = 1;
        while (killedInReplay()) {
            kills++;
            assertThat(kills).as("replays that get nowhere").isLessThan(WRITES_MAX);
        }
        recoverAndCheck();
        assertThat(kills).isGreaterThan(1);
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

    @ParameterizedTest
    @ValueSource(strings = {"zlib", "trunc", "part", "empty"})
    void otherKindsOfTableAreRecoveredInMidApply(String fixture, @TempDir Path directory)
            throws Exception {
        try (var other = new CrashScene(directory, fixture)) {
            other.s3().holdAfter(FENCE_WRITES + 2);
            killAtHold(other);
            recoverAndCheck(other);
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
            assertThat(Files.readString(scene.home().log())).contains(Long.toString(first.pid()));
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

    private int writesOfACleanApply() throws Exception {
        try (DaemonProcess daemon = scene.startDaemon()) {
            commitABatch(daemon);
            scene.awaitAllApplied(daemon);
            scene.assertTableIsAsCommitted();
            scene.assertNothingIsLeft(daemon);
        }
        long writes =
                scene.s3().requests().stream()
                        .filter(request -> request.matches("(PUT|DELETE) (?!_aria_s3_batch/).*"))
                        .count();
        assertThat(writes).isBetween(6L, (long) WRITES_MAX);
        return (int) writes;
    }

    private void killAtHold() throws Exception {
        killAtHold(scene);
    }

    private static void killAtHold(CrashScene scene) throws Exception {
        try (DaemonProcess daemon = scene.startDaemon()) {
            commitABatch(scene, daemon);
            scene.s3().awaitHeld(CrashScene.LIMIT);
            daemon.kill();
        }
        scene.s3().drop();
    }

    /** Starts the daemon, kills it after the first write of its replay; false if there was none left. */
    private boolean killedInReplay() throws Exception {
        scene.s3().forgetRequests();
        scene.s3().holdAfter(1);
        try (DaemonProcess daemon = scene.startDaemon()) {
            long deadline = System.nanoTime() + CrashScene.LIMIT.toNanos();
            while (!scene.status(daemon).batches().isEmpty()) {
                if (scene.s3().isHeld()) {
                    daemon.kill();
                    return true;
                }
                assertThat(System.nanoTime()).isLessThan(deadline);
                TimeUnit.MILLISECONDS.sleep(20); // another process: nothing to wait on
            }
            return false;
        } finally {
            scene.s3().drop();
        }
    }

    private void recoverAndCheck() throws Exception {
        recoverAndCheck(scene);
    }

    private static void recoverAndCheck(CrashScene scene) throws Exception {
        try (DaemonProcess daemon = scene.startDaemon()) {
            scene.awaitAllApplied(daemon);
            scene.assertTableIsAsCommitted();
            scene.assertNothingIsLeft(daemon);
        }
    }

    private void commitABatch(DaemonProcess daemon) throws IOException {
        commitABatch(scene, daemon);
    }

    private static void commitABatch(CrashScene scene, DaemonProcess daemon) throws IOException {
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
