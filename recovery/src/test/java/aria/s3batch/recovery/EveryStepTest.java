package aria.s3batch.recovery;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.format.Numbers;
import aria.s3batch.recovery.Steps.Fault;
import aria.s3batch.s3block.StoreUnreachableException;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;

/**
 * Every call of a batch to disk, journal and object store fails, in every way of {@link Fault}: from the
 * start of the process to the end of apply, and in a recovery. A kill instead is {@link
 * CrashEverywhereTest}'s.
 *
 * <p>What was answered must be true. A client that is told of a failure repeats what it asked, then gives
 * its batch up and begins anew, and must get on once the fault is mended. A failure of what makes a batch
 * durable, or of disk and journal while it is applied, ends the process, and nothing is acknowledged in
 * between; so does every sync that fails, for no later one makes good what it lost. The next process finds
 * the batch wholly in if the failure came after the journal's commit, wholly out if it came before.
 */
final class EveryStepTest {
    private static final boolean LONG = Numbers.areLong();

    /** When a person waits, one step in so many is tried, and all that make something durable. */
    private static final int SHORT_STRIDE = 13;

    static List<Trial> trials() throws IOException {
        List<Trial> trials = new ArrayList<>();
        for (BatchCase batchCase : LONG ? Trial.everyCase() : Trial.synthetic()) {
            trials.add(new Trial(batchCase, Readers.FENCE));
        }
        trials.add(new Trial(BatchCase.ofPartitions(), Readers.FENCE, Durability.BUCKET));
        trials.add(new Trial(BatchCase.ofEveryKind(true), Readers.REFRESH, Durability.LOCAL, true));
        return trials;
    }

    private interface Attempt {
        void at(int step, Fault fault) throws IOException;
    }

    private static void everyFailure(Trial trial, List<Steps.Point> points, Attempt attempt) {
        int stride = LONG ? 1 : SHORT_STRIDE;
        int offset = trial.toString().length() % stride;
        IntStream.range(0, points.size())
                .filter(step -> step % stride == offset || points.get(step).syncs())
                .parallel()
                .forEach(
                        step -> {
                            for (Fault fault : points.get(step).failures()) {
                                try {
                                    attempt.at(step, fault);
                                } catch (IOException e) {
                                    throw new AssertionError(
                                            "%s: %s at %d, %s"
                                                    .formatted(
                                                            trial, fault, step, points.get(step)),
                                            e);
                                }
                            }
                        });
    }

    /** The cut is what a failure of the process is followed by, and the step the seed of what is torn. */
    enum Cut {
        NONE,
        POWER,
        TORN;

        void cut(Machine machine, long seed) {
            switch (this) {
                case NONE -> {}
                case POWER -> machine.cutPower(null);
                case TORN -> machine.cutPower(new Random(seed));
            }
        }
    }

    @ParameterizedTest
    @MethodSource("trials")
    void failureOfAnyStepLosesNothingAndIsNeverAcknowledged(Trial trial) {
        everyFailure(
                trial,
                trial.points,
                (step, fault) -> {
                    for (Cut cut : Cut.values()) {
                        if (!fails(trial, step, fault, cut)) {
                            break; // the process went on to the end: there is nothing to cut
                        }
                    }
                });
    }

    /** Whether the failure ended the process. */
    private static boolean fails(Trial trial, int step, Fault fault, Cut cut) throws IOException {
        Machine machine = trial.loaded(Machine.inMemory());
        Steps steps = Steps.fail(step, fault);
        var life = new Life(trial, machine, steps);
        boolean ended = life.live();
        String what = "%s: %s, then %s".formatted(trial, steps.struckAt, cut);
        assertThat(ended || !trial.points.get(step).syncs()).as(what).isTrue();
        if (!ended) {
            assertThat(trial.find(machine, what)).as(what).isEqualTo(Trial.Found.IN);
            if (!trial.points.get(step).isOfReceipt()) {
                trial.assertReceipt(machine, Trial.Found.IN, what);
            }
            trial.assertUndoes(machine, Trial.Found.IN, what);
            return false;
        }
        cut.cut(machine, step);
        trial.recover(machine, what);
        Trial.Found found = trial.find(machine, what);
        int commitPoint = trial.commitPoint();
        if (life.answered || step > commitPoint) {
            assertThat(found).as(what).isEqualTo(Trial.Found.IN);
        } else if (step < commitPoint) {
            assertThat(found).as(what).isEqualTo(Trial.Found.OUT);
        } else if (fault == Fault.UNCLEAR || fault == Fault.UNSYNCED && cut == Cut.NONE) {
            assertThat(found).as(what).isEqualTo(Trial.Found.IN);
        } else if (fault != Fault.UNSYNCED || cut == Cut.POWER) {
            assertThat(found).as(what).isEqualTo(Trial.Found.OUT);
        }
        trial.assertReceipt(machine, found, what);
        trial.assertUndoes(machine, found, what);
        return true;
    }

    @ParameterizedTest
    @MethodSource("trials")
    void failureOfAnyStepOfRecoveryIsFinishedByTheNext(Trial trial) {
        everyFailure(
                trial,
                trial.recovery,
                (step, fault) -> {
                    for (Cut cut : Cut.values()) {
                        if (!recoveryFails(trial, step, fault, cut)) {
                            break;
                        }
                    }
                });
    }

    private static boolean recoveryFails(Trial trial, int step, Fault fault, Cut cut)
            throws IOException {
        Machine machine = trial.loaded(Machine.inMemory());
        try (BatchWorld process = machine.process(Steps.never())) {
            trial.committed(process);
        }
        machine.cutPower(null);
        Steps steps = Steps.fail(step, fault);
        boolean ended = new Life(trial, machine, steps).recover();
        String what = "%s: in recovery %s, then %s".formatted(trial, steps.struckAt, cut);
        assertThat(ended || !trial.recovery.get(step).syncs()).as(what).isTrue();
        if (ended) {
            cut.cut(machine, step);
            trial.recover(machine, what);
        }
        assertThat(trial.find(machine, what)).as(what).isEqualTo(Trial.Found.IN);
        if (ended || !trial.recovery.get(step).isOfReceipt()) {
            trial.assertReceipt(machine, Trial.Found.IN, what);
        }
        trial.assertUndoes(machine, Trial.Found.IN, what);
        return ended;
    }

    /** One process with a fault in it: what the daemon and a client that does not give up do. */
    private static final class Life {
        private final Trial trial;
        private final Machine machine;
        private final Steps steps;
        private @Nullable BatchWorld process;

        /** Whether the client was told that its batch is committed. */
        boolean answered;

        Life(Trial trial, Machine machine, Steps steps) {
            this.trial = trial;
            this.machine = machine;
            this.steps = steps;
        }

        private interface Part {
            boolean run(BatchWorld process) throws IOException;
        }

        /** The daemon does not start if the first part fails; either way whether the process ended. */
        private boolean run(Part part) throws IOException {
            try {
                BatchWorld started = machine.process(steps);
                process = started;
                return part.run(started);
            } catch (IOException e) {
                assertInjected(e);
                return true;
            } finally {
                if (process != null) {
                    process.close();
                }
            }
        }

        /** Nothing but what was injected is reported, and that not as anything else. */
        private void assertInjected(IOException e) {
            String all = "";
            for (Throwable cause = e; cause != null; cause = cause.getCause()) {
                all += cause + "\n";
            }
            assertThat(all).as(steps.struckAt).containsAnyOf("injected", "the journal needs");
            assertThat(e)
                    .as(steps.struckAt)
                    .isNotInstanceOfAny(BaseChangedException.class, CommitRefusedException.class);
        }

        boolean live() throws IOException {
            return run(
                    started -> {
                        started.recovery.run();
                        Committer.Checked checked = checked(started);
                        started.committer.makeDurable(checked);
                        for (OpenTable table : checked.tables()) {
                            table.cache().close();
                        }
                        answered = true;
                        return applied(started, checked.batch());
                    });
        }

        boolean recover() throws IOException {
            return run(
                    started -> {
                        Recovery.Found found = looked(started);
                        assertThat(found.orphans()).isEmpty();
                        assertThat(found.committed()).hasSize(1);
                        boolean ended = applied(started, found.committed().getFirst());
                        released(started);
                        return ended;
                    });
        }

        /** A daemon starts also if it cannot look for copies just now. */
        private Recovery.Found looked(BatchWorld started) throws IOException {
            Recovery.Found found = started.recovery.run();
            try {
                return started.rescue.resumeOwn(found);
            } catch (StoreUnreachableException e) {
                assertInjected(e);
                return found;
            }
        }

        private void released(BatchWorld started) throws IOException {
            try {
                started.locks.releaseLeft();
            } catch (IOException e) {
                assertInjected(e);
                steps.heal();
                started.locks.releaseLeft();
            }
        }

        /** Begins, stages and asks for the commit: whatever fails may be asked for again. */
        private Committer.Checked checked(BatchWorld started) throws IOException {
            List<OpenTable> tables = begun(started);
            for (int attempt = 1; attempt <= 2; attempt++) {
                boolean staged = false;
                try {
                    trial.batchCase.staging().stage(tables);
                    staged = true;
                    return started.check(tables);
                } catch (IOException e) {
                    assertInjected(e);
                    unseal(tables, staged);
                }
            }
            assertThat(steps.lasts()).as(steps.struckAt).isTrue();
            abort(started, tables);
            List<OpenTable> again = started.begin(trial.batchCase.tables());
            trial.batchCase.staging().stage(again);
            return started.check(again);
        }

        private List<OpenTable> begun(BatchWorld started) throws IOException {
            for (int attempt = 1; attempt <= 2; attempt++) {
                try {
                    return started.begin(trial.batchCase.tables());
                } catch (IOException e) {
                    assertInjected(e);
                }
            }
            assertThat(steps.lasts()).as(steps.struckAt).isTrue();
            steps.heal();
            return started.begin(trial.batchCase.tables());
        }

        /** Those that a refused commit has sealed: all of them, or none yet. */
        private static void unseal(List<OpenTable> tables, boolean sealed) throws IOException {
            if (sealed) {
                for (OpenTable table : tables) {
                    table.cache().unseal();
                }
            }
        }

        /** An abort that fails may be asked for again. Of the batch nothing is left. */
        private void abort(BatchWorld started, List<OpenTable> tables) throws IOException {
            try {
                discard(started, tables);
            } catch (IOException e) {
                assertInjected(e);
            }
            steps.heal();
            discard(started, tables);
            Trial.assertNothingLeft(started, machine, steps.struckAt);
            assertThat(trial.find(machine, steps.struckAt)).isEqualTo(Trial.Found.OUT);
            assertThat(started.space.usedBytes()).as(steps.struckAt).isZero();
        }

        private static void discard(BatchWorld started, List<OpenTable> tables) throws IOException {
            for (OpenTable table : tables) {
                table.cache().discard();
            }
            started.folder().delete();
            started.unlock();
            started.blockCache.dropBatch(BatchWorld.BATCH);
        }

        /** A batch that waits for the store is applied again when that is back. */
        private boolean applied(BatchWorld started, BatchRecord batch) throws IOException {
            ApplyOutcome outcome = started.apply(batch);
            if (outcome instanceof ApplyOutcome.Waiting waiting) {
                assertThat(steps.lasts()).as(steps.struckAt).isTrue();
                assertThat(waiting.reason()).as(steps.struckAt).contains("injected");
                steps.heal();
                outcome = started.apply(waiting.batch());
            }
            assertThat(outcome).as(steps.struckAt).isEqualTo(new ApplyOutcome.Applied());
            Trial.assertNothingLeft(started, machine, steps.struckAt);
            return false;
        }
    }
}
