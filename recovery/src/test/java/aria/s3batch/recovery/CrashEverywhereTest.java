package aria.s3batch.recovery;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.format.Fixture;
import aria.s3batch.format.Numbers;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;

/**
 * A process killed between any two calls to disk, journal and object store, from its start to the end of
 * apply, and again between any two calls of the recovery that follows. Invariants 2 to 5 and 8. A kill
 * after a call that only reads leaves what the kill before it leaves, and is left out.
 *
 * <p>Every step is tried with a journal in memory, which loses unsynced writes as the disk does, and in
 * the full run with RocksDB, too; one in {@value #SHORT_STRIDE} of these when a person waits.
 */
final class CrashEverywhereTest {
    private static final boolean LONG = Numbers.areLong();
    private static final int SHORT_STRIDE = 11;
    private static final Set<String> OTHER_READERS =
            Set.of("partitions", "part", "shrinks and grows");

    @TempDir(factory = InMemory.class)
    Path journals;

    private final AtomicInteger journalNumber = new AtomicInteger();

    /** Every batch behind a fence, and those with all that is special in the other ways, too. */
    static List<Trial> trials() throws IOException {
        List<Trial> trials = new ArrayList<>(fencedTrials());
        for (BatchCase batchCase : batches()) {
            if (LONG || OTHER_READERS.contains(batchCase.name())) {
                trials.add(new Trial(batchCase, Readers.REFRESH));
                trials.add(new Trial(batchCase, Readers.NONE));
            }
        }
        return trials;
    }

    /** A fence has the most steps, and every kind of journal row. */
    static List<Trial> fencedTrials() throws IOException {
        List<Trial> trials = new ArrayList<>();
        for (BatchCase batchCase : batches()) {
            trials.add(new Trial(batchCase, Readers.FENCE));
        }
        trials.add(new Trial(BatchCase.ofPartitions(), Readers.FENCE, Durability.BUCKET));
        trials.add(new Trial(BatchCase.ofPartitions(), Readers.FENCE, Durability.LOCAL, true));
        return trials;
    }

    private static List<BatchCase> batches() {
        if (LONG) {
            return Trial.everyCase();
        }
        List<BatchCase> batches = new ArrayList<>(Trial.synthetic());
        for (String name : List.of("trunc", "zlib", "part")) {
            batches.add(BatchCase.of(Fixture.of(name)));
        }
        return batches;
    }

    /** The large compressed table takes most of the time, all of it in zlib. */
    private static int stride(Trial trial) {
        boolean large = trial.batchCase.name().equals("zlib");
        boolean all = Numbers.areFull() || LONG && trial.readers == Readers.FENCE;
        return all || !large ? 1 : 7;
    }

    private Machine rocksMachine() throws IOException {
        return Machine.withRocksDb(journals.resolve("journal-" + journalNumber.getAndIncrement()));
    }

    private enum Stop {
        KILL,
        POWER_LOSS,
        TORN;

        /** The step is the seed of what is torn: it is in the message of a failure. */
        void stop(Machine machine, long seed) {
            switch (this) {
                case KILL -> {}
                case POWER_LOSS -> machine.cutPower(null);
                case TORN -> machine.cutPower(new Random(seed));
            }
        }
    }

    private interface Kill {
        void at(int step) throws IOException;
    }

    /** One in so many of the steps at which a run can be killed, on all processors. */
    private static void everyKill(List<Steps.Point> points, int stride, int offset, Kill kill) {
        int[] kills = Steps.kills(points);
        IntStream.range(0, kills.length)
                .filter(i -> i % stride == offset % stride)
                .parallel()
                .forEach(
                        i -> {
                            try {
                                kill.at(kills[i]);
                            } catch (IOException e) {
                                throw new AssertionError("step " + kills[i], e);
                            }
                        });
    }

    private static Trial.Found killAt(Trial trial, Machine empty, int step, Stop stop)
            throws IOException {
        Machine machine = trial.loaded(empty);
        Steps kill = Steps.killAt(step);
        boolean[] answered = new boolean[1];
        machine.kills(
                kill,
                process -> {
                    process.recovery.run();
                    BatchRecord batch = trial.committed(process);
                    answered[0] = true;
                    process.apply(batch);
                });
        String what = "%s: %s, %s".formatted(trial, stop, kill.struckAt);
        stop.stop(machine, step);
        trial.recover(machine, what);
        Trial.Found found = trial.find(machine, what);
        if (answered[0] || step > trial.commitPoint()) {
            assertThat(found).as(what).isEqualTo(Trial.Found.IN);
        } else {
            assertThat(found).as(what).isEqualTo(Trial.Found.OUT);
        }
        trial.assertReceipt(machine, found, what);
        trial.assertUndoes(machine, found, what);
        return found;
    }

    @ParameterizedTest
    @MethodSource("trials")
    void killAnywhereLeavesTheBatchWhollyInOrWhollyOut(Trial trial) {
        assertThat(Steps.kills(trial.points)).hasSizeGreaterThan(25);
        everyKill(
                trial.points,
                stride(trial),
                0,
                step -> {
                    for (Stop stop : Stop.values()) {
                        killAt(trial, Machine.inMemory(), step, stop);
                    }
                });
    }

    @ParameterizedTest
    @MethodSource("fencedTrials")
    void killAnywhereWithTheRealJournalDoesTheSame(Trial trial) {
        Set<Trial.Found> found = Collections.synchronizedSet(EnumSet.noneOf(Trial.Found.class));
        everyKill(
                trial.points,
                LONG ? 1 : SHORT_STRIDE,
                trial.toString().length(),
                step -> {
                    for (Stop stop : LONG ? Stop.values() : new Stop[] {Stop.POWER_LOSS}) {
                        found.add(killAt(trial, rocksMachine(), step, stop));
                    }
                });
        assertThat(found).containsExactlyInAnyOrder(Trial.Found.values());
    }

    private static void recoveryKilledAt(Machine empty, Trial trial, int step, Stop stop)
            throws IOException {
        Machine machine = trial.loaded(empty);
        try (BatchWorld process = machine.process(Steps.never())) {
            trial.committed(process);
        }
        machine.cutPower(null);
        Steps kill = Steps.killAt(step);
        machine.kills(kill, BatchWorld::recover);
        stop.stop(machine, step);
        String what = "%s: %s, in recovery %s".formatted(trial, stop, kill.struckAt);
        trial.recover(machine, what);
        assertThat(trial.find(machine, what)).as(what).isEqualTo(Trial.Found.IN);
        trial.assertReceipt(machine, Trial.Found.IN, what);
        trial.assertUndoes(machine, Trial.Found.IN, what);
    }

    @ParameterizedTest
    @MethodSource("trials")
    void recoveryKilledAnywhereIsFinishedByTheNext(Trial trial) {
        assertThat(Steps.kills(trial.recovery)).hasSizeGreaterThan(10);
        everyKill(
                trial.recovery,
                stride(trial),
                0,
                step -> {
                    for (Stop stop : Stop.values()) {
                        recoveryKilledAt(Machine.inMemory(), trial, step, stop);
                    }
                });
    }

    @ParameterizedTest
    @MethodSource("fencedTrials")
    void recoveryKilledAnywhereWithTheRealJournalIsFinishedByTheNext(Trial trial) {
        everyKill(
                trial.recovery,
                LONG ? 1 : SHORT_STRIDE,
                trial.toString().length(),
                step -> recoveryKilledAt(rocksMachine(), trial, step, Stop.POWER_LOSS));
    }

    /** Names deleted but not synced come back with the power; nobody may take them for a batch then. */
    @Test
    void recoveryKilledTwiceBeforeThePowerIsCutLeavesNoOrphan() throws Exception {
        var trial = new Trial(BatchCase.of(Fixture.of("trunc")), Readers.FENCE);
        int[] kills = Steps.kills(trial.recovery);
        for (int first : Arrays.copyOfRange(kills, kills.length - 15, kills.length)) {
            boolean died = true;
            for (int second = 0; died && second < 60; second++) {
                Machine machine = trial.loaded(Machine.inMemory());
                trial.committed(machine.process(Steps.never()));
                machine.kills(Steps.killAt(first), BatchWorld::recover);
                died = machine.kills(Steps.killAt(second), BatchWorld::recover);
                machine.process(Steps.never()).recover();
                machine.cutPower(null);
                trial.recover(machine, "killed at %d, then at %d".formatted(first, second));
            }
        }
    }
}
