package aria.s3batch.recovery;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.format.Fixture;
import aria.s3batch.format.SyntheticTable;
import aria.s3batch.format.TableFile;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.SortedMap;

/**
 * A process killed before and after every single call to disk, journal and object store, from begin to
 * the end of apply, and again at every call of the recovery that follows. Invariants 2 to 5 and 8.
 *
 * <p>Every step is tried with a journal in memory, which loses unsynced writes as the disk does. With
 * RocksDB, whose syncs take long where others use the disk, every step is tried in the full run, and one
 * in {@value #SHORT_STRIDE} when a person waits.
 */
final class CrashEverywhereTest {
    private static final boolean LONG = Boolean.getBoolean("tests.long");
    private static final int SHORT_STRIDE = 23;
    private static final Set<String> OTHER_READERS =
            Set.of("partitions", "part", "shrinks and grows");

    @TempDir Path journals;

    private int journalNumber;

    /** A batch, and what readers are to see of it. */
    record Case(BatchCase batchCase, Readers readers) {
        @Override
        public String toString() {
            return batchCase + ", readers " + readers.word();
        }
    }

    /** Every batch behind a fence, and those with all that is special in the other ways, too. */
    static List<Case> cases() {
        List<Case> cases = new ArrayList<>(fencedCases());
        for (BatchCase batchCase : batches()) {
            if (LONG || OTHER_READERS.contains(batchCase.name())) {
                cases.add(new Case(batchCase, Readers.REFRESH));
                cases.add(new Case(batchCase, Readers.NONE));
            }
        }
        return cases;
    }

    /** A fence has the most steps, and every kind of journal row. */
    static List<Case> fencedCases() {
        return batches().stream().map(batchCase -> new Case(batchCase, Readers.FENCE)).toList();
    }

    private static List<BatchCase> batches() {
        SyntheticTable small = BatchCase.table(false, 2, 4);
        SyntheticTable large = BatchCase.table(false, 8, 11);
        SyntheticTable regrown = large.resized(1, 2, 5).resized(6, 9, 6);
        return List.of(
                BatchCase.of(Fixture.of("trunc")),
                BatchCase.of(Fixture.of("zlib")),
                BatchCase.of(Fixture.of("part")),
                BatchCase.ofPartitions(),
                BatchCase.of("grows", small, small.resized(8, 11, 2)),
                BatchCase.of("shrinks", large, large.resized(1, 1, 2)),
                BatchCase.of(
                        "shrinks and grows",
                        large,
                        regrown.local(TableFile.INDEX),
                        BatchCase.withHole(regrown.local(TableFile.DATA), 3, 7),
                        Map.of(
                                TableFile.INDEX, List.of(2 * BatchCase.PAGE),
                                TableFile.DATA, List.of(2 * BatchCase.PAGE, 9 * BatchCase.PAGE))));
    }

    /** The large compressed table takes most of the time, all of it in zlib. */
    private static int stride(BatchCase batchCase) {
        return LONG || !batchCase.name().equals("zlib") ? 1 : 11;
    }

    private Machine rocksMachine() throws IOException {
        return Machine.withRocksDb(journals.resolve("journal-" + journalNumber++));
    }

    private boolean commitAnswered;

    private void runBatch(BatchWorld process, BatchCase batchCase) throws IOException {
        List<OpenTable> tables = process.begin(batchCase.tables());
        batchCase.staging().stage(tables);
        BatchRecord batch = process.commit(tables);
        commitAnswered = true;
        process.apply(batch);
    }

    private enum Stop {
        KILL,
        POWER_LOSS,
        TORN
    }

    /** What one batch looks like, computed once. */
    private final class Trial {
        final BatchCase batchCase;
        final Readers readers;
        final long steps;
        final SortedMap<String, ByteBuffer> before;
        final SortedMap<String, ByteBuffer> after;
        boolean sawDiscard;
        boolean sawReplay;

        /** Runs the batch once without a crash: what is left then, to the last byte, any crash must leave. */
        Trial(Case tried) throws IOException {
            this.batchCase = tried.batchCase();
            this.readers = tried.readers();
            this.before = BatchWorld.decoded(batchCase.before());
            Machine machine = loaded(Machine.inMemory());
            Steps counted = Steps.never();
            runBatch(machine.process(counted), batchCase);
            steps = counted.count();
            after = BatchWorld.decoded(BatchWorld.objects(machine.store, ""));
            assertThat(NewVersions.masked(after))
                    .isEqualTo(NewVersions.masked(BatchWorld.decoded(batchCase.after())));
        }

        private Machine loaded(Machine machine) throws IOException {
            machine.readers = readers;
            BatchWorld.load(machine.store, batchCase.before());
            return machine;
        }

        void killAt(Machine empty, long step, Stop stop) throws IOException {
            Machine machine = loaded(empty);
            Steps kill = Steps.killAt(step);
            commitAnswered = false;
            machine.kills(kill, process -> runBatch(process, batchCase));
            String what =
                    "%s: step %d, %s, killed %s".formatted(batchCase, step, stop, kill.killedAt);
            stop(machine, stop, step);
            recovered(machine, what);
            var found = BatchWorld.decoded(BatchWorld.objects(machine.store, ""));
            if (commitAnswered) {
                assertThat(found).as(what).isEqualTo(after);
            } else {
                assertThat(found).as(what).isIn(before, after);
            }
            sawDiscard |= found.equals(before);
            sawReplay |= found.equals(after);
        }
    }

    /** The step is the seed of what is torn: it is in the message of a failure. */
    private static void stop(Machine machine, Stop stop, long seed) {
        switch (stop) {
            case KILL -> {}
            case POWER_LOSS -> machine.cutPower(null);
            case TORN -> machine.cutPower(new Random(seed));
        }
    }

    private static void recovered(Machine machine, String what) throws IOException {
        try (BatchWorld process = machine.process(Steps.never())) {
            Recovery.Found found = process.recover();
            assertThat(found.orphans()).as(what).isEmpty();
            assertThat(process.journal.batches()).as(what).isEmpty();
        }
        assertThat(machine.disk.list(BatchWorld.CACHE_DIR.batches())).as(what).isEmpty();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void killAnywhereLeavesTheBatchWhollyInOrWhollyOut(Case tried) throws Exception {
        var trial = new Trial(tried);
        assertThat(trial.steps).isGreaterThan(50);
        for (long step = 0; step < trial.steps; step += stride(trial.batchCase)) {
            for (Stop stop : Stop.values()) {
                trial.killAt(Machine.inMemory(), step, stop);
            }
        }
        assertThat(trial.sawDiscard).isTrue();
        assertThat(trial.sawReplay).isTrue();
    }

    @ParameterizedTest
    @MethodSource("fencedCases")
    void killAnywhereWithTheRealJournalDoesTheSame(Case tried) throws Exception {
        var trial = new Trial(tried);
        int stride = LONG ? 1 : SHORT_STRIDE;
        int first = tried.toString().length() % stride;
        for (long step = first; step < trial.steps; step += stride) {
            for (Stop stop : LONG ? Stop.values() : new Stop[] {Stop.POWER_LOSS}) {
                trial.killAt(rocksMachine(), step, stop);
            }
        }
        assertThat(trial.sawDiscard).isTrue();
        assertThat(trial.sawReplay).isTrue();
    }

    private static void commit(Machine machine, BatchCase batchCase) throws IOException {
        try (BatchWorld process = machine.process(Steps.never())) {
            List<OpenTable> tables = process.begin(batchCase.tables());
            batchCase.staging().stage(tables);
            process.commit(tables);
        }
    }

    private static boolean recoveryKilledAt(Machine machine, Trial trial, long step, Stop stop)
            throws IOException {
        BatchCase batchCase = trial.batchCase;
        commit(trial.loaded(machine), batchCase);
        machine.cutPower(null);
        Steps kill = Steps.killAt(step);
        boolean died = machine.kills(kill, BatchWorld::recover);
        stop(machine, stop, step);
        String what = "%s: step %d, %s, killed %s".formatted(batchCase, step, stop, kill.killedAt);
        recovered(machine, what);
        assertThat(BatchWorld.decoded(BatchWorld.objects(machine.store, "")))
                .as(what)
                .isEqualTo(trial.after);
        return died;
    }

    @ParameterizedTest
    @MethodSource("cases")
    void recoveryKilledAnywhereIsFinishedByTheNext(Case tried) throws Exception {
        var trial = new Trial(tried);
        for (Stop stop : Stop.values()) {
            long step = 0;
            while (recoveryKilledAt(Machine.inMemory(), trial, step, stop)) {
                step += stride(trial.batchCase);
            }
            assertThat(step).isGreaterThan(20);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 3, 6})
    void recoveryKilledAnywhereWithTheRealJournalIsFinishedByTheNext(int number) throws Exception {
        var trial = new Trial(cases().get(number));
        int stride = LONG ? 1 : SHORT_STRIDE;
        long step = number;
        while (recoveryKilledAt(rocksMachine(), trial, step, Stop.POWER_LOSS)) {
            step += stride;
        }
        assertThat(step).isGreaterThan(20);
    }

    /** Names deleted but not synced come back with the power; nobody may take them for a batch then. */
    @Test
    void recoveryKilledTwiceBeforeThePowerIsCutLeavesNoOrphan() throws Exception {
        var trial = new Trial(new Case(BatchCase.of(Fixture.of("trunc")), Readers.FENCE));
        BatchCase batchCase = trial.batchCase;
        long steps = stepsOfRecovery(trial);
        for (long first = Math.max(0, steps - 30); first < steps; first++) {
            for (long second = 0; second < 40; second++) {
                Machine machine = trial.loaded(Machine.inMemory());
                commit(machine, batchCase);
                machine.kills(Steps.killAt(first), BatchWorld::recover);
                boolean died = machine.kills(Steps.killAt(second), BatchWorld::recover);
                machine.process(Steps.never()).recover();
                machine.cutPower(null);
                recovered(machine, "killed at %d, then at %d".formatted(first, second));
                if (!died) {
                    break;
                }
            }
        }
    }

    private static long stepsOfRecovery(Trial trial) throws IOException {
        Machine machine = trial.loaded(Machine.inMemory());
        commit(machine, trial.batchCase);
        Steps steps = Steps.never();
        machine.process(steps).recover();
        return steps.count();
    }
}
