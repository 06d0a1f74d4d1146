package aria.s3batch.ops.powerloss;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.format.Numbers;
import aria.s3batch.ops.demo.Bucket;
import aria.s3batch.ops.demo.DaemonProcess;
import aria.s3batch.ops.demo.EmbeddedS3Process;
import aria.s3batch.ops.process.FixtureTable;
import aria.s3batch.ops.server.NeedsFuse;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;

/**
 * A sync fails under the real daemon: one of page file, directories, journal and mark while a batch is
 * committed, one of the journal and of directories while it is applied, or any of a start that finds a
 * committed batch. The daemon acknowledges nothing more, says why, and ends with exit code 1; the next one
 * finds on the disk, after a power cut or without, what was answered.
 *
 * <p>In the full run the first and the last sync of each kind of file and directory, with each of which
 * {@code EveryStepTest} fails in turn; otherwise the last of a commit and one of a recovery.
 */
@NeedsFuse
final class FailedSyncTest {
    private static final boolean LONG = Numbers.areLong();
    private static final Duration LIMIT = Duration.ofSeconds(60);

    private final Path directory;
    private final EmbeddedS3Process s3;
    private final Bucket bucket;
    private final FixtureTable table;
    private SortedMap<String, byte[]> before = new TreeMap<>();
    private int homes;

    FailedSyncTest(@TempDir Path directory) throws IOException {
        this.directory = directory;
        s3 = EmbeddedS3Process.start(directory.resolve("s3"));
        bucket = new Bucket(s3);
        table = new FixtureTable("trunc", bucket);
    }

    @BeforeEach
    void start() {
        table.reset();
        before = table.objects();
    }

    @AfterEach
    void stop() {
        bucket.close();
        s3.close();
    }

    /** A daemon on a disk of its own. */
    private final class Scene implements AutoCloseable {
        private final DaemonProcess.Home home;
        private ForgetfulDisk disk = new ForgetfulDisk();
        private MountedDisk mount;
        private Process process;

        Scene() throws IOException {
            bucket.versions("_aria_s3_batch/").keySet().forEach(bucket::delete);
            table.reset();
            home =
                    DaemonProcess.Home.create(
                            directory.resolve("d" + homes++), s3, List.of("fence-wait=0.05"));
            mount = MountedDisk.mount(disk, home.cacheDir());
            process = DaemonProcess.launch(home);
        }

        DaemonProcess started() throws IOException {
            return DaemonProcess.started(home, process);
        }

        void launch() throws IOException {
            process = DaemonProcess.launch(home);
        }

        String log() throws IOException {
            return Files.readString(home.log());
        }

        /** It ends by itself, with the exit code of a failure, and has said what failed. */
        void assertEndsWithTheFailure(String what) throws Exception {
            assertThat(process.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS)).as(what).isTrue();
            assertThat(process.exitValue()).as("%s%n%s", what, log()).isEqualTo(1);
            assertThat(log()).as(what).contains("Input/output error");
        }

        /** The batch is applied by a daemon that goes on, and has said what failed. */
        void assertAppliesWithoutAReceipt(DaemonProcess daemon, String what) throws Exception {
            FixtureTable.awaitAllApplied(daemon);
            assertThat(disk.failed()).as(what).hasSize(1);
            assertThat(log()).as(what).contains("the receipt cannot be written");
            table.assertIsAsCommitted(table.objects());
            FixtureTable.abort(daemon, table.begin(daemon));
        }

        /** Cuts the power of a disk that nobody uses any more. */
        void cutPower(SplittableRandom chance) throws IOException {
            disk = disk.cut(chance);
            mount.close();
            mount = MountedDisk.mount(disk, home.cacheDir());
        }

        /** The next daemon makes good what is left; then the table is as before, or as committed. */
        void recover(boolean committed, String what) throws Exception {
            launch();
            DaemonProcess daemon = started();
            FixtureTable.awaitAllApplied(daemon);
            SortedMap<String, byte[]> found = table.objects();
            if (committed || !isBefore(found)) {
                table.assertIsAsCommitted(found);
            }
            FixtureTable.awaitNothingLeft(bucket);
            assertThat(disk.list("/batches")).as(what).isEmpty();
            FixtureTable.abort(daemon, table.begin(daemon));
        }

        @Override
        public void close() throws IOException {
            process.destroyForcibly();
            disk.cut(new SplittableRandom(0));
            try {
                process.waitFor();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            mount.close();
            assertThat(disk.defects()).isEmpty();
        }
    }

    private boolean isBefore(SortedMap<String, byte[]> found) {
        return found.keySet().equals(before.keySet())
                && found.entrySet().stream()
                        .allMatch(
                                object ->
                                        Arrays.equals(
                                                object.getValue(), before.get(object.getKey())));
    }

    /** Whether a request was carried out. */
    private static boolean isAnswered(DaemonProcess daemon, String path, String body) {
        try {
            byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
            return daemon.request("POST", path, bytes).status() < 300;
        } catch (IOException ended) {
            return false;
        }
    }

    /** The syncs of a life in which none fails, from the moment on that this is asked. */
    private static List<ForgetfulDisk.Call> watchSyncs(ForgetfulDisk disk) {
        var syncs = new CopyOnWriteArrayList<ForgetfulDisk.Call>();
        disk.failSyncs(
                new SplittableRandom(0),
                call -> {
                    if (call.isSync()) {
                        syncs.add(call);
                    }
                    return false;
                });
        return syncs;
    }

    /** Which syncs to fail, counted from 1. */
    private static SortedSet<Integer> chosen(List<ForgetfulDisk.Call> syncs, int one) {
        if (!LONG) {
            return new TreeSet<>(List.of(one));
        }
        Map<String, Integer> first = new HashMap<>();
        Map<String, Integer> last = new HashMap<>();
        for (int i = 0; i < syncs.size(); i++) {
            // batches and the journal's files are numbered
            String kind = syncs.get(i).path().replaceAll("[0-9][0-9A-Z]*", "N");
            first.putIfAbsent(kind, i + 1);
            last.put(kind, i + 1);
        }
        var chosen = new TreeSet<Integer>(first.values());
        chosen.addAll(last.values());
        chosen.add(one);
        return chosen;
    }

    /** Of its file, its folder, or the folder of that, which is made before them. */
    private static boolean isOfReceipt(List<ForgetfulDisk.Call> syncs, int n) {
        return syncs.subList(n - 1, Math.min(n + 1, syncs.size())).stream()
                        .anyMatch(call -> call.path().startsWith("/receipts"))
                && !syncs.get(n - 1).path().startsWith("/journal");
    }

    @Test
    void failedSyncIsNeverFollowedByAnAnswerAndTheNextStartRecovers() throws Exception {
        List<ForgetfulDisk.Call> syncs;
        try (var scene = new Scene()) {
            DaemonProcess daemon = scene.started();
            String batch = table.begin(daemon);
            table.stageAll(daemon, batch);
            syncs = watchSyncs(scene.disk);
            FixtureTable.commit(daemon, batch);
            FixtureTable.awaitAllApplied(daemon);
        }
        int mark =
                IntStream.range(0, syncs.size())
                        .filter(i -> syncs.get(i).path().endsWith("/committed"))
                        .findFirst()
                        .orElseThrow();
        int ofCommit = mark + 2; // the mark's directory is the last
        assertThat(syncs.size()).isGreaterThan(ofCommit);
        for (int n : chosen(syncs, ofCommit)) {
            if (isOfReceipt(syncs, n)) {
                failSyncOfAReceipt(n);
            } else {
                failSyncOfABatch(n, n <= ofCommit);
            }
        }
    }

    /** Nothing depends on a receipt: its batch ends, and the daemon says what failed. */
    private void failSyncOfAReceipt(int n) throws Exception {
        String what = "sync %d, of a receipt".formatted(n);
        try (var scene = new Scene()) {
            DaemonProcess daemon = scene.started();
            String batch = table.begin(daemon);
            table.stageAll(daemon, batch);
            scene.disk.failSync(new SplittableRandom(n), n);
            FixtureTable.commit(daemon, batch);
            scene.assertAppliesWithoutAReceipt(daemon, what);
        }
    }

    private void failSyncOfABatch(int n, boolean ofCommit) throws Exception {
        try (var scene = new Scene()) {
            DaemonProcess daemon = scene.started();
            String batch = table.begin(daemon);
            table.stageAll(daemon, batch);
            scene.disk.failSync(new SplittableRandom(n), n);
            boolean answered = isAnswered(daemon, "/v1/batches/" + batch + "/commit", "");
            String what = "sync %d: %s".formatted(n, scene.disk.failed());
            if (ofCommit) {
                assertThat(scene.disk.failed()).as(what).hasSize(1);
                assertThat(answered).as(what).isFalse();
                assertThat(isAnswered(daemon, "/v1/batches/" + batch + "/commit", ""))
                        .as(what)
                        .isFalse();
                assertThat(isAnswered(daemon, "/v1/batches/" + batch + "/abort", ""))
                        .as(what)
                        .isFalse();
            }
            scene.assertEndsWithTheFailure(what);
            assertThat(scene.log()).as(what).contains("cannot go on");
            if (n % 2 == 0) {
                scene.cutPower(new SplittableRandom(n));
            }
            scene.recover(answered || !ofCommit, what);
        }
    }

    /** A daemon is killed at the first write of its batch; what the next one syncs fails. */
    @Test
    void failedSyncOfARecoveryEndsTheDaemonAndTheNextStartRecovers() throws Exception {
        List<ForgetfulDisk.Call> syncs;
        try (var scene = new Scene()) {
            commitAndKill(scene);
            syncs = watchSyncs(scene.disk);
            scene.launch();
            FixtureTable.awaitAllApplied(scene.started());
        }
        for (int n : chosen(syncs, syncs.size() / 2)) {
            try (var scene = new Scene()) {
                commitAndKill(scene);
                scene.disk.failSync(new SplittableRandom(n), n);
                scene.launch();
                String what = "sync %d of a recovery".formatted(n);
                if (isOfReceipt(syncs, n)) {
                    scene.assertAppliesWithoutAReceipt(scene.started(), what);
                    continue;
                }
                scene.assertEndsWithTheFailure(what);
                assertThat(scene.disk.failed()).as(what).hasSize(1);
                if (n % 2 == 0) {
                    scene.cutPower(new SplittableRandom(n));
                }
                scene.recover(true, what);
            }
        }
    }

    private void commitAndKill(Scene scene) throws Exception {
        DaemonProcess daemon = scene.started();
        s3.holdBefore(1);
        String batch = table.begin(daemon);
        table.stageAll(daemon, batch);
        FixtureTable.commit(daemon, batch);
        s3.awaitHeld(LIMIT);
        daemon.kill();
        s3.drop();
    }
}
