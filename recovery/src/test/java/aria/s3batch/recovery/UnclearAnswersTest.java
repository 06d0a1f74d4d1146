package aria.s3batch.recovery;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.diskcache.MemoryDisk;
import aria.s3batch.format.ObjectNames;
import aria.s3batch.s3block.FaultyObjectStore;
import aria.s3batch.s3block.FaultyObjectStore.Failure;
import aria.s3batch.s3block.FaultyObjectStore.Fault;
import aria.s3batch.s3block.FaultyObjectStore.Operation;
import aria.s3batch.s3block.MemoryObjectStore;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;

/** An object store that does not answer clearly, while a batch with one object of each kind is applied. */
final class UnclearAnswersTest {
    private static final Set<Failure> OF_READS =
            EnumSet.of(Failure.UNREACHABLE_BEFORE, Failure.ANSWER_LOST, Failure.SERVER_ERROR);

    private static final Set<Failure> OF_WRITES =
            EnumSet.of(
                    Failure.UNREACHABLE_BEFORE,
                    Failure.ANSWER_LOST,
                    Failure.SERVER_ERROR,
                    Failure.CONFLICT_409,
                    Failure.CONDITION_FAILED_412,
                    Failure.DONE_BUT_412);

    private static final Set<Operation> WRITES = EnumSet.of(Operation.PUT, Operation.DELETE);

    private static Set<Failure> failuresOf(Operation operation) {
        return WRITES.contains(operation) ? OF_WRITES : OF_READS;
    }

    static List<Arguments> requestsInEveryMode() {
        List<Arguments> arguments = new ArrayList<>();
        for (Readers readers : Readers.values()) {
            for (Operation operation : EnumSet.complementOf(EnumSet.of(Operation.LIST))) {
                arguments.add(Arguments.of(operation, readers));
            }
        }
        return arguments;
    }

    static List<Arguments> writesInEveryMode() {
        return requestsInEveryMode().stream()
                .filter(arguments -> WRITES.contains(arguments.get()[0]))
                .toList();
    }

    /** A committed batch, in a process that has read nothing of the table yet. */
    private static final class Scene {
        final BatchCase batchCase = BatchCase.ofEveryKind(true);
        final MemoryObjectStore bucket = new MemoryObjectStore();
        final FaultyObjectStore store;
        final MemoryDisk disk = new MemoryDisk();
        final MemoryJournal journal = new MemoryJournal();
        BatchRecord batch;
        private final FrmNeverAlone watched;
        private final SortedMap<String, ByteBuffer> after = new TreeMap<>();
        private int committed;

        Scene(Readers readers) throws IOException {
            BatchWorld.load(bucket, batchCase.before());
            watched = new FrmNeverAlone(bucket, readers == Readers.FENCE);
            store = new FaultyObjectStore(watched);
            BatchWorld world = new BatchWorld(store, disk, journal);
            world.readers = readers;
            List<OpenTable> tables = world.begin(batchCase.tables());
            batchCase.staging().stage(tables);
            batch = world.commit(tables);
            committed = store.requests().size();
            after.putAll(BatchWorld.decoded(batchCase.after()));
            for (DefinitionRecord definition : batch.definitions()) {
                if (definition.isRenewed()) {
                    String frm = new ObjectNames(definition.table()).frm();
                    after.put(frm, ByteBuffer.wrap(definition.renewed()));
                }
            }
        }

        ApplyOutcome apply() throws IOException {
            ApplyOutcome outcome = new BatchWorld(store, disk, journal).apply(batch);
            if (outcome instanceof ApplyOutcome.Waiting waiting) {
                batch = waiting.batch();
            }
            return outcome;
        }

        List<FaultyObjectStore.Request> requests(Operation operation) {
            return store.requests().stream()
                    .skip(committed)
                    .filter(FaultyObjectStore.any(operation))
                    .toList();
        }

        void assertApplied(String what) throws IOException {
            store.heal();
            assertThat(BatchWorld.decoded(BatchWorld.objects(store, ""))).as(what).isEqualTo(after);
            assertThat(journal.batches()).as(what).isEmpty();
            assertThat(disk.list(BatchWorld.CACHE_DIR.batches())).as(what).isEmpty();
        }
    }

    @ParameterizedTest
    @MethodSource("requestsInEveryMode")
    void anyRequestThatFailsOnceIsSettledAndTheBatchAppliedExactly(
            Operation operation, Readers readers) throws Exception {
        var clean = new Scene(readers);
        clean.apply();
        int count = clean.requests(operation).size();
        assertThat(count).isPositive();
        for (Failure failure : failuresOf(operation)) {
            for (int n = 1; n <= count; n++) {
                var scene = new Scene(readers);
                scene.store.fail(Fault.onNth(n, FaultyObjectStore.any(operation), failure));
                String what = "%s number %d: %s".formatted(operation, n, failure);
                assertThat(scene.apply()).as(what).isEqualTo(new ApplyOutcome.Applied());
                scene.assertApplied(what);
            }
        }
    }

    /** A write that fails, and then the read that would settle it. */
    @ParameterizedTest
    @MethodSource("writesInEveryMode")
    void lostAnswerWhoseSettlingFailsTooIsSettledLater(Operation operation, Readers readers)
            throws Exception {
        for (Failure failure : OF_WRITES) {
            for (Operation settling : List.of(Operation.HEAD, Operation.GET)) {
                var scene = new Scene(readers);
                scene.store.fail(Fault.once(FaultyObjectStore.any(operation), failure));
                int before = settling == Operation.HEAD ? 2 : 0; // of frm and header
                scene.store.fail(
                        Fault.onNth(
                                1 + before,
                                FaultyObjectStore.any(settling),
                                Failure.UNREACHABLE_BEFORE));
                String what = "%s: %s, then %s".formatted(operation, failure, settling);
                assertThat(scene.apply()).as(what).isEqualTo(new ApplyOutcome.Applied());
                scene.assertApplied(what);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("requestsInEveryMode")
    void requestThatFailsForEverMakesTheBatchWaitAndALaterApplyFinishesIt(
            Operation operation, Readers readers) throws Exception {
        for (Failure failure : failuresOf(operation)) {
            var scene = new Scene(readers);
            // its locks it gets: else it would not begin
            scene.store.fail(
                    Fault.once(
                                    FaultyObjectStore.any(operation)
                                            .and(request -> !request.key().contains("/locks/")),
                                    failure)
                            .forEver());
            String what = "every %s: %s".formatted(operation, failure);
            ApplyOutcome outcome = scene.apply();
            boolean takesEffect = failure == Failure.ANSWER_LOST || failure == Failure.DONE_BUT_412;
            if (WRITES.contains(operation) && takesEffect) {
                assertThat(outcome).as(what).isEqualTo(new ApplyOutcome.Applied());
            } else {
                assertThat(outcome).as(what).isInstanceOf(ApplyOutcome.Waiting.class);
                assertThat(((ApplyOutcome.Waiting) outcome).reason()).as(what).isNotBlank();
                assertThat(scene.journal.batches().getFirst().state())
                        .isEqualTo(BatchRecord.State.COMMITTED);
                scene.store.heal();
                assertThat(scene.apply()).as(what).isEqualTo(new ApplyOutcome.Applied());
            }
            scene.assertApplied(what);
        }
    }

    @ParameterizedTest
    @MethodSource("requestsInEveryMode")
    void refusedRequestIsNotRepeatedAndTheBatchWaitsWithTheReason(
            Operation operation, Readers readers) throws Exception {
        var clean = new Scene(readers);
        clean.apply();
        for (int n = 1; n <= clean.requests(operation).size(); n++) {
            var scene = new Scene(readers);
            scene.store.fail(
                    Fault.onNth(n, FaultyObjectStore.any(operation), Failure.REFUSED).forEver());
            ApplyOutcome outcome = scene.apply();
            assertThat(outcome).isInstanceOf(ApplyOutcome.Waiting.class);
            assertThat(((ApplyOutcome.Waiting) outcome).reason()).contains("403 to " + operation);
            // nothing is started after the refusal
            assertThat(scene.requests(operation)).hasSize(n);
            scene.store.heal();
            assertThat(scene.apply()).isEqualTo(new ApplyOutcome.Applied());
            scene.assertApplied("refused " + operation);
        }
    }

    @ParameterizedTest
    @EnumSource
    void stopBetweenAnyTwoObjectsIsFinishedByALaterApply(Readers readers) throws Exception {
        boolean stopped = true;
        for (int n = 0; stopped; n++) {
            var scene = new Scene(readers);
            int[] asked = {n};
            var world = new BatchWorld(scene.store, scene.disk, scene.journal);
            ApplyOutcome outcome =
                    world.applier.apply(
                            scene.batch,
                            world.folder(),
                            world.held(scene.batch),
                            new ApplyProgress(),
                            () -> asked[0]-- <= 0);
            stopped = outcome instanceof ApplyOutcome.Stopped;
            if (stopped) {
                assertThat(scene.apply()).isEqualTo(new ApplyOutcome.Applied());
            } else {
                assertThat(n).isGreaterThan(6);
            }
            scene.assertApplied("stopped at question " + n);
        }
    }
}
