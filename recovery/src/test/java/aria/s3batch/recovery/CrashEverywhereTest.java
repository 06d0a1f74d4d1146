package aria.s3batch.recovery;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.diskcache.MemoryDisk;
import aria.s3batch.format.Fixture;
import aria.s3batch.s3block.MemoryObjectStore;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;
import java.util.SortedMap;

/**
 * A process killed before and after every single call to disk, journal and object store, from begin to
 * the end of apply, and again at every call of the recovery that follows. Invariants 2 to 5 and 8.
 */
final class CrashEverywhereTest {
    /** All steps in the full run; a person waits for one in seven, and the first differs by fixture. */
    private static final int STRIDE = Boolean.getBoolean("tests.long") ? 1 : 7;

    @TempDir Path journals;

    private int journalNumber;

    /** What survives: the machine's disk, journal and bucket. */
    private final class Machine {
        final MemoryObjectStore store = new MemoryObjectStore();
        final MemoryDisk disk = new MemoryDisk();
        Machine() throws IOException {
            Path root = BatchWorld.CACHE_DIR.root();
            disk.createDirectories(root);
            disk.syncDirectory(Path.of("/"));
        }

        final Path journalDir = journals.resolve("journal-" + journalNumber++);

        private @Nullable RocksJournal journal;

        BatchWorld process(Steps steps) throws IOException {
            RocksJournal opened = RocksJournal.open(journalDir);
            journal = opened;
            return new BatchWorld(steps.over(store), steps.over(disk), steps.over(opened));
        }
    }

    private boolean commitAnswered;

    private void runBatch(BatchWorld process, Fixture fixture) throws IOException {
        List<OpenTable> tables = process.begin(fixture.units());
        BatchWorld.stage(tables, fixture);
        BatchRecord batch = process.commit(tables);
        commitAnswered = true;
        process.apply(batch);
    }

    @ParameterizedTest
    @ValueSource(strings = {"trunc", "zlib", "part"})
    void killAnywhereLeavesTheBatchWhollyInOrWhollyOut(String name) throws Exception {
        Fixture fixture = Fixture.of(name);
        SortedMap<String, ByteBuffer> before = BatchWorld.decoded(fixture.before());
        SortedMap<String, ByteBuffer> after = BatchWorld.decoded(fixture.after());
        long steps = stepsOfACleanRun(fixture);
        assertThat(steps).isGreaterThan(50);
        boolean sawDiscard = false;
        boolean sawReplay = false;
        for (long step = name.length() % STRIDE; step < steps; step += STRIDE) {
            for (boolean powerLoss : new boolean[] {false, true}) {
                var machine = new Machine();
                BatchWorld.load(machine.store, fixture.before());
                Steps kill = Steps.killAt(step);
                commitAnswered = false;
                killed(machine, kill, process -> runBatch(process, fixture));
                boolean answered = commitAnswered;
                if (powerLoss) {
                    machine.disk.crash();
                }
                try (BatchWorld process = machine.process(Steps.never())) {
                    process.recover();
                    assertNothingIsLeft(machine, process, kill);
                }
                var found = BatchWorld.decoded(BatchWorld.objects(machine.store, ""));
                if (answered) {
                    assertThat(found).as("killed %s", kill.killedAt).isEqualTo(after);
                } else {
                    assertThat(found).as("killed %s", kill.killedAt).isIn(before, after);
                }
                sawDiscard |= found.equals(before);
                sawReplay |= found.equals(after);
            }
        }
        assertThat(sawDiscard).isTrue();
        assertThat(sawReplay).isTrue();
    }

    @ParameterizedTest
    @ValueSource(strings = {"trunc", "part"})
    void recoveryKilledAnywhereIsFinishedByTheNext(String name) throws Exception {
        Fixture fixture = Fixture.of(name);
        SortedMap<String, ByteBuffer> after = BatchWorld.decoded(fixture.after());
        for (long step = name.length() % STRIDE; ; step += STRIDE) {
            var machine = new Machine();
            BatchWorld.load(machine.store, fixture.before());
            try (BatchWorld process = machine.process(Steps.never())) {
                List<OpenTable> tables = process.begin(fixture.units());
                BatchWorld.stage(tables, fixture);
                process.commit(tables);
            }
            machine.disk.crash();
            Steps kill = Steps.killAt(step);
            boolean died = killed(machine, kill, BatchWorld::recover);
            machine.disk.crash();
            try (BatchWorld process = machine.process(Steps.never())) {
                process.recover();
                assertNothingIsLeft(machine, process, kill);
            }
            assertThat(BatchWorld.decoded(BatchWorld.objects(machine.store, "")))
                    .as("killed %s", kill.killedAt)
                    .isEqualTo(after);
            if (!died) {
                assertThat(step).isGreaterThan(20);
                return;
            }
        }
    }

    private long stepsOfACleanRun(Fixture fixture) throws IOException {
        var machine = new Machine();
        BatchWorld.load(machine.store, fixture.before());
        Steps steps = Steps.never();
        try (BatchWorld process = machine.process(steps)) {
            runBatch(process, fixture);
        }
        return steps.count();
    }

    private interface Life {
        void run(BatchWorld process) throws IOException;
    }

    /** Runs a process until it ends or is killed; the journal's files are as the kill left them. */
    private static boolean killed(Machine machine, Steps steps, Life life) throws IOException {
        try {
            life.run(machine.process(steps));
            return false;
        } catch (Steps.Killed e) {
            return true;
        } finally {
            RocksJournal journal = machine.journal;
            assert journal != null : "no process was started";
            journal.close(); // the kernel would: it gives the directory's lock back
        }
    }

    private static void assertNothingIsLeft(Machine machine, BatchWorld process, Steps kill)
            throws IOException {
        assertThat(process.journal.batches()).as("killed %s", kill.killedAt).isEmpty();
        assertThat(machine.disk.list(BatchWorld.CACHE_DIR.batches()))
                .as("killed %s", kill.killedAt)
                .isEmpty();
    }
}
