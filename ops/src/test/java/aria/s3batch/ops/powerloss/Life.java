package aria.s3batch.ops.powerloss;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.format.BatchId;
import aria.s3batch.ops.demo.Bucket;
import aria.s3batch.ops.demo.DaemonProcess;
import aria.s3batch.ops.powerloss.ForgetfulDisk.Errno;
import aria.s3batch.ops.process.FixtureTable;
import aria.s3batch.recovery.BatchRecord;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * A daemon's life on a {@link ForgetfulDisk}: days that end with a power cut, and a last one. A day begins
 * with the recovery from the last cut, after which every batch whose commit was answered must be wholly
 * in the bucket, every other wholly or not at all, and nothing may be left; then a batch on each of a few
 * tables is taken through its life, all at once.
 *
 * <p>All choices come from the seed. What the daemon's threads make of them does not.
 */
final class Life {
    private static final Duration DAY_MAX = Duration.ofSeconds(150);
    private static final int LOG_LINES = 100;

    /** Of each cut, beside the one that the daemon goes on with. */
    private static final int OTHER_FATES = 12;

    /** What is to become of a table's batch. */
    private enum Plan {
        COMMIT,
        ABORT,
        /** Staged in part, open until all others are applied. */
        LEAVE_OPEN
    }

    /** How far a batch has come, as its client knows. */
    private enum Progress {
        NOT_SENT,
        COMMIT_SENT,
        COMMITTED
    }

    private static final class Table {
        private final FixtureTable fixture;
        private Plan plan = Plan.COMMIT;
        private volatile Progress progress = Progress.NOT_SENT;
        private volatile String batch = "";

        Table(FixtureTable fixture) {
            this.fixture = fixture;
        }

        @Override
        public String toString() {
            return "%s %s %s".formatted(fixture, plan, progress);
        }
    }

    private final DaemonProcess.Home home;
    private final Bucket bucket;
    private final SplittableRandom chance;
    private final List<Table> tables = new ArrayList<>();
    private final List<String> story = new ArrayList<>();
    private ForgetfulDisk disk = new ForgetfulDisk();

    /**
     * @param fixtures tables in the bucket, which become what they are before their batches
     */
    Life(
            DaemonProcess.Home home,
            Bucket bucket,
            List<FixtureTable> fixtures,
            SplittableRandom chance) {
        this.home = home;
        this.bucket = bucket;
        this.chance = chance;
        for (FixtureTable fixture : fixtures) {
            fixture.reset();
            tables.add(new Table(fixture));
        }
    }

    /** What happened so far, for the message of a failure. */
    String story() throws IOException {
        List<String> log = Files.exists(home.log()) ? Files.readAllLines(home.log()) : List.of();
        return "%s%nthe end of its log:%n%s"
                .formatted(
                        String.join(System.lineSeparator(), story),
                        String.join(
                                System.lineSeparator(),
                                log.subList(Math.max(0, log.size() - LOG_LINES), log.size())));
    }

    /** A day that ends with a power cut, at the latest when all is applied. */
    void dayWithCut(CutPoint cut) throws Exception {
        for (Table table : tables) {
            table.plan = Plan.values()[Math.max(0, chance.nextInt(10) - 7)];
        }
        switch (cut) {
            case CutPoint.AtSync at -> disk.stopAtSync(at.side(), at.n());
            case CutPoint.AtCall at -> disk.stopAtCall(at.side(), at.n());
            case CutPoint.AfterAnswers after -> {}
        }
        ForgetfulDisk left;
        MountedDisk mount = MountedDisk.mount(disk, home.cacheDir());
        try {
            left = cutUnder(DaemonProcess.launch(home), cut);
        } finally {
            mount.close();
        }
        assertThat(disk.defects()).isEmpty();
        Set<Table> notPending = new HashSet<>();
        for (int i = 0; i < OTHER_FATES; i++) {
            checkOtherFate(disk.survivor(chance), notPending);
        }
        for (Table table : notPending) {
            checkObjects(table, table.fixture.objects());
        }
        disk = left;
    }

    private ForgetfulDisk cutUnder(Process process, CutPoint cut) throws Exception {
        try {
            FutureTask<Void> day = inAThread(() -> untilTheCut(process, cut));
            assertThat(disk.awaitStop(DAY_MAX)).as("the day does not end").isTrue();
            process.destroyForcibly();
            ForgetfulDisk left = disk.cut(chance);
            story.add(
                    "%s: %s; %d calls, %d syncs, the last %s"
                            .formatted(cut, tables, disk.calls(), disk.syncs(), disk.stoppedAt()));
            ended(day);
            return left;
        } finally {
            process.destroyForcibly();
            disk.powerOff();
            process.waitFor();
        }
    }

    private void checkOtherFate(ForgetfulDisk fate, Set<Table> notPending) throws IOException {
        Path directory = home.directory().resolve("fate");
        fate.copyTo(directory);
        Map<BatchId, BatchRecord> committed = OtherFates.open(directory);
        for (Table table : tables) {
            boolean willBeApplied =
                    !table.batch.isEmpty() && committed.containsKey(BatchId.parse(table.batch));
            if (willBeApplied) {
                assertThat(table.progress).isNotEqualTo(Progress.NOT_SENT);
            } else {
                notPending.add(table);
            }
        }
        deleteAll(directory);
    }

    /** A day without a cut: the last one. */
    void lastDay() throws Exception {
        MountedDisk mount = MountedDisk.mount(disk, home.cacheDir());
        try (DaemonProcess daemon = DaemonProcess.start(home)) {
            recovered(daemon);
        } finally {
            mount.close();
        }
        assertThat(disk.defects()).isEmpty();
    }

    private static void deleteAll(Path directory) throws IOException {
        try (Stream<Path> all = Files.walk(directory)) {
            for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        }
    }

    private void untilTheCut(Process process, CutPoint cut) throws Exception {
        try {
            DaemonProcess daemon = DaemonProcess.started(home, process);
            recovered(daemon);
            List<FutureTask<Void>> batches = new ArrayList<>();
            for (Table table : tables) {
                batches.add(inAThread(() -> batch(daemon, table)));
            }
            for (FutureTask<Void> batch : batches) {
                ended(batch);
            }
            if (cut instanceof CutPoint.AfterAnswers after) {
                TimeUnit.MILLISECONDS.sleep(after.millis()); // the time of the cut
            } else {
                for (Table table : tables) {
                    if (table.plan == Plan.LEAVE_OPEN) {
                        FixtureTable.abort(daemon, table.batch);
                    }
                }
                FixtureTable.awaitAllApplied(daemon);
            }
        } catch (IOException | Errno e) {
            if (disk.stop()) {
                throw e;
            }
            // Otherwise the power went, and the daemon with it.
        } finally {
            disk.stop();
        }
    }

    private void batch(DaemonProcess daemon, Table table) throws IOException {
        String batch = table.fixture.begin(daemon);
        table.batch = batch;
        switch (table.plan) {
            case COMMIT -> {
                table.fixture.stageAll(daemon, batch);
                table.progress = Progress.COMMIT_SENT;
                FixtureTable.commit(daemon, batch);
                table.progress = Progress.COMMITTED;
            }
            case ABORT -> {
                table.fixture.stageAll(daemon, batch);
                FixtureTable.abort(daemon, batch);
            }
            case LEAVE_OPEN -> table.fixture.stageSome(daemon, batch);
        }
    }

    /** Waits until the daemon has made good what the last cut left, and looks at the bucket. */
    private void recovered(DaemonProcess daemon) throws Exception {
        FixtureTable.awaitAllApplied(daemon);
        for (Table table : tables) {
            SortedMap<String, byte[]> found = table.fixture.objects();
            checkObjects(table, found);
            table.progress = Progress.NOT_SENT;
            if (!table.fixture.isAsBefore(found)) {
                table.fixture.reset();
            }
        }
        FixtureTable.awaitNothingLeft(bucket);
        assertThat(disk.list("/batches")).isEmpty();
        assertThat(FixtureTable.status(daemon).daemon().cacheBytesUsed()).isZero();
    }

    /** Of a table whose batch is not pending. */
    private static void checkObjects(Table table, SortedMap<String, byte[]> found) {
        switch (table.progress) {
            case NOT_SENT -> table.fixture.assertIsAsBefore(found);
            case COMMIT_SENT -> {
                if (!table.fixture.isAsBefore(found)) {
                    table.fixture.assertIsAsCommitted(found);
                }
            }
            case COMMITTED -> table.fixture.assertIsAsCommitted(found);
        }
    }

    private interface Step {
        void run() throws Exception;
    }

    private static FutureTask<Void> inAThread(Step step) {
        var task =
                new FutureTask<Void>(
                        () -> {
                            step.run();
                            return null;
                        });
        Thread.ofPlatform().daemon().name("power-loss-", 0).start(task);
        return task;
    }

    private static void ended(FutureTask<Void> task) throws Exception {
        try {
            task.get(DAY_MAX.toSeconds(), TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            switch (e.getCause()) {
                case Exception cause -> throw cause;
                case Error cause -> throw cause;
                case null, default -> throw e;
            }
        }
    }
}
