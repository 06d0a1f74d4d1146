package aria.s3batch.recovery;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import aria.s3batch.diskcache.MemoryDisk;
import aria.s3batch.s3block.BucketLocks;
import aria.s3batch.s3block.Condition;
import aria.s3batch.s3block.FaultyObjectStore;
import aria.s3batch.s3block.FaultyObjectStore.Failure;
import aria.s3batch.s3block.FaultyObjectStore.Fault;
import aria.s3batch.s3block.FaultyObjectStore.Operation;
import aria.s3batch.s3block.LockOwner;
import aria.s3batch.s3block.MemoryObjectStore;
import aria.s3batch.s3block.ObjectStore;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.function.Predicate;

/**
 * Two hosts and one bucket: a batch that the first committed with durability=bucket is finished by the
 * second, from what is in the bucket alone, wherever either of them was killed. The first may come back at any
 * time.
 */
final class RescueTest {
    private static final String OURS = "_aria_s3_batch/";
    private static final String JOURNAL = OURS + "journal/" + BatchWorld.BATCH + "/";

    private final Trial trial;

    RescueTest() throws IOException {
        trial = new Trial(BatchCase.ofPartitions(), Readers.FENCE, Durability.BUCKET);
    }

    /** A host: a disk and a journal that survive its processes, and an identity. */
    private static final class Host {
        final ObjectStore store;
        final MemoryDisk disk = new MemoryDisk();
        final MemoryJournal journal = new MemoryJournal();
        final String id;
        private int processes;

        Host(ObjectStore store, String id) throws IOException {
            this.store = store;
            this.id = id;
            disk.createDirectories(BatchWorld.CACHE_DIR.root());
            disk.syncDirectory(Path.of("/"));
        }

        BatchWorld process(Steps steps) throws IOException {
            processes++;
            var owner = new LockOwner(id.repeat(16), "host " + id, processes, "boot " + id);
            var process =
                    new BatchWorld(
                            steps.over(store),
                            steps.over(disk),
                            steps.over(journal),
                            processes,
                            owner);
            process.readers = Readers.FENCE;
            process.durability = Durability.BUCKET;
            return process;
        }

        BatchWorld process() throws IOException {
            return process(Steps.never());
        }
    }

    private final MemoryObjectStore store = new MemoryObjectStore();

    private Host host(String id) throws IOException {
        return new Host(store, id);
    }

    private void load() throws IOException {
        BatchWorld.objects(store, "").keySet().forEach(this::delete);
        BatchWorld.lockObjects(store).forEach(this::delete);
        BatchWorld.load(store, trial.batchCase.before());
    }

    private void delete(String key) {
        store.delete(key, Condition.always());
    }

    private List<String> left() throws IOException {
        List<String> keys = new ArrayList<>();
        store.list(OURS, object -> keys.add(object.key()));
        return keys;
    }

    private boolean isIn() throws IOException {
        return tables().equals(NewVersions.masked(BatchWorld.decoded(trial.batchCase.after())));
    }

    private boolean isOut() throws IOException {
        SortedMap<String, byte[]> found = BatchWorld.objects(store, "");
        found.keySet().removeIf(key -> key.startsWith(OURS));
        return BatchWorld.decoded(found).equals(BatchWorld.decoded(trial.batchCase.before()));
    }

    private SortedMap<String, ByteBuffer> tables() throws IOException {
        SortedMap<String, byte[]> found = BatchWorld.objects(store, "");
        found.keySet().removeIf(key -> key.startsWith(OURS));
        return NewVersions.masked(BatchWorld.decoded(found));
    }

    /** The operator's command on another host, to its end. */
    private static Rescue.Rescued rescueAll(Host host) throws IOException {
        BatchWorld process = host.process();
        Recovery.Found found = process.recover();
        assertThat(found.quarantined()).isEmpty();
        Rescue.Rescued rescued = process.rescue();
        for (BatchRecord batch : rescued.taken()) {
            assertThat(process.apply(batch)).isEqualTo(new ApplyOutcome.Applied());
        }
        return rescued;
    }

    private static Optional<String> receipt(Host host) throws IOException {
        return WrittenReceipt.find(host.disk, BatchWorld.BATCH)
                .map(receipt -> receipt.text("endedBy"));
    }

    private static boolean dies(Host host, Steps steps, Machine.Life life) throws IOException {
        try {
            life.run(host.process(steps));
            return false;
        } catch (Steps.Killed e) {
            return true;
        }
    }

    @Test
    void anotherHostFinishesTheBatchAndLeavesANoteAlone() throws IOException {
        load();
        Host a = host("a");
        trial.committed(a.process());
        assertThat(isOut()).isTrue();

        Host b = host("b");
        Rescue.Rescued rescued = rescueAll(b);

        assertThat(rescued.left()).isEmpty();
        assertThat(rescued.taken()).hasSize(1);
        assertThat(rescued.taken().getFirst().rescued()).isTrue();
        assertThat(isIn()).isTrue();
        assertThat(left()).containsExactly(JOURNAL + "finished");
        assertThat(receipt(b)).contains("recovery from bucket");
        a.process().recover();
        assertThat(receipt(a)).isEmpty();
    }

    /** Its own wait may have been the longest part of it, and nobody knows how long it was. */
    @Test
    void statementsThatTheLostHostWaitedForAreWaitedForAnew() throws IOException {
        load();
        var lost =
                new FaultyObjectStore(store)
                        .fail(
                                Fault.once(
                                        request ->
                                                request.operation() == Operation.PUT
                                                        && request.key().contains("/data/"),
                                        Failure.CRASH_BEFORE));
        Host a = new Host(lost, "a");
        BatchWorld process = a.process();
        BatchRecord batch = trial.committed(process);
        assertThatThrownBy(() -> process.apply(batch)).isInstanceOf(FaultyObjectStore.Crash.class);

        BatchWorld b = host("b").process();
        b.recover();
        BatchRecord taken = b.rescue().taken().getFirst();
        assertThat(b.apply(taken)).isEqualTo(new ApplyOutcome.Applied());
        assertThat(b.paused).isGreaterThanOrEqualTo(BatchWorld.FENCE_WAIT);
        assertThat(isIn()).isTrue();
    }

    /** Waiting is no step: status would say that it goes on, at each try. */
    @Test
    void batchBroughtBackThatMayNotWriteGetsNoStepFurther() throws IOException {
        load();
        Predicate<FaultyObjectStore.Request> block =
                request -> request.operation() == Operation.PUT && request.key().contains("/data/");
        Host a =
                new Host(
                        new FaultyObjectStore(store).fail(Fault.once(block, Failure.CRASH_BEFORE)),
                        "a");
        BatchWorld process = a.process();
        BatchRecord batch = trial.committed(process);
        assertThatThrownBy(() -> process.apply(batch)).isInstanceOf(FaultyObjectStore.Crash.class);

        var refusing = new FaultyObjectStore(store);
        BatchWorld b = new Host(refusing, "b").process();
        b.recover();
        BatchRecord taken = b.rescue().taken().getFirst();
        refusing.fail(Fault.once(block, Failure.REFUSED).forEver());
        for (int attempt = 1; attempt <= 2; attempt++) {
            assertThat(b.apply(taken)).isInstanceOf(ApplyOutcome.Waiting.class);
            assertThat(b.paused).isGreaterThanOrEqualTo(BatchWorld.FENCE_WAIT);
            assertThat(b.progress.steps()).as("attempt %s", attempt).isZero();
        }
        refusing.heal();
        assertThat(b.apply(taken)).isEqualTo(new ApplyOutcome.Applied());
        assertThat(b.progress.steps()).isPositive();
    }

    /** Wherever the first host stops for ever, from its commit to the end of apply. */
    @Test
    void aHostLostAtAnyStepOfItsCommitAndApplyLosesNothingThatItAnswered() throws IOException {
        int rescues = 0;
        for (int step : Steps.kills(trial.points)) {
            load();
            Host a = host("a");
            boolean[] answered = new boolean[1];
            Steps kill = Steps.killAt(step);
            dies(
                    a,
                    kill,
                    process -> {
                        process.recovery.run();
                        BatchRecord batch = trial.committed(process);
                        answered[0] = true;
                        process.apply(batch);
                    });
            Rescue.Rescued rescued = rescueAll(host("b"));
            rescues += rescued.taken().size();
            String what = kill.struckAt;
            if (answered[0]) {
                assertThat(isIn()).as(what).isTrue();
            } else {
                assertThat(isIn() || isOut()).as(what).isTrue();
                assertThat(rescued.taken().isEmpty()).as(what).isEqualTo(isOut());
            }

            // and comes back: it changes nothing, and nothing is left of the batch
            SortedMap<String, ByteBuffer> tables = tables();
            BatchWorld back = a.process();
            Recovery.Found found = back.recover();
            assertThat(found.quarantined()).as(what).isEmpty();
            assertThat(found.orphans()).as(what).isEmpty();
            assertThat(tables()).as(what).isEqualTo(tables);
            assertThat(back.journal.batches()).as(what).isEmpty();
            assertThat(left()).as(what).isSubsetOf(JOURNAL + "finished");
            assertThat(BatchWorld.lockObjects(store)).as(what).isEmpty();
        }
        assertThat(rescues).isGreaterThan(10);
    }

    /** The rescue itself, killed anywhere, by its own next try, by a daemon's start, by a third host. */
    @ParameterizedTest
    @EnumSource(Next.class)
    void aRescueKilledAnywhereIsFinished(Next next) throws IOException {
        for (int lost : new int[] {afterTheAnswer(), afterTheFirstBlock()}) {
            boolean died = true;
            for (int step = 0; died; step++) {
                load();
                dies(
                        host("a"),
                        Steps.killAt(lost),
                        process -> {
                            process.recovery.run();
                            process.apply(trial.committed(process));
                        });
                Host b = host("b");
                Steps kill = Steps.killAt(step);
                died =
                        dies(
                                b,
                                kill,
                                process -> {
                                    process.recover();
                                    for (BatchRecord batch : process.rescue().taken()) {
                                        process.apply(batch);
                                    }
                                });
                String what = "%s, lost at %d, %s".formatted(next, lost, kill.struckAt);
                switch (next) {
                    case AGAIN -> rescueAll(b);
                    case DAEMON -> {
                        b.process().recover();
                        rescueAll(b);
                    }
                    case THIRD_HOST -> {
                        Rescue.Rescued rescued = rescueAll(host("c"));
                        // nobody knows then whether the copy that its locks name was lost
                        boolean ended = rescued.left().stream().anyMatch(l -> isGone(l.reason()));
                        assertThat(ended || rescued.left().isEmpty()).as(what).isTrue();
                        b.process().recover(); // it comes back, too
                    }
                }
                assertThat(isIn()).as(what).isTrue();
                assertThat(left()).as(what).isSubsetOf(JOURNAL + "finished");
            }
        }
    }

    private static boolean isGone(String reason) {
        return reason.contains("its copy is gone");
    }

    enum Next {
        AGAIN,
        DAEMON,
        THIRD_HOST
    }

    private int afterTheAnswer() {
        return after("sync directory .*") + 3; // that of the mark
    }

    private int afterTheFirstBlock() {
        return after("PUT db/.*/(data|index)/.*") + 2;
    }

    /** The first of these steps behind the journal's commit. */
    private int after(String name) {
        boolean committed = false;
        for (int step = 0; step < trial.points.size(); step++) {
            String point = trial.points.get(step).name();
            committed |= point.equals("journal commit");
            if (committed && point.matches(name)) {
                return step;
            }
        }
        throw new AssertionError("there is no " + name);
    }

    @Test
    void anOwnerThatGivesASignOfLifeKeepsHisBatch() throws IOException {
        load();
        Host a = host("a");
        BatchWorld owner = a.process();
        BatchRecord batch = trial.committed(owner);
        BatchWorld other = host("b").process();

        Rescue.Rescued rescued =
                other.rescue.takeOver(
                        Set.of(),
                        lease -> {
                            other.pass(lease);
                            renew(owner, batch);
                        });

        assertThat(rescued.taken()).isEmpty();
        assertThat(rescued.left()).hasSize(1);
        assertThat(rescued.left().getFirst().reason()).contains("host a", "lives", "Nothing was");
        assertThat(other.journal.batches()).isEmpty();
        assertThat(owner.apply(batch)).isEqualTo(new ApplyOutcome.Applied());
        assertThat(left()).isEmpty();
    }

    private static void renew(BatchWorld owner, BatchRecord batch) {
        try {
            owner.held(batch).renew();
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    /** Paused before it applies, and awake while the other is at it: it waits, then ends, and writes nothing. */
    @Test
    void anOwnerThatWakesWaitsUntilTheOtherHasFinished() throws IOException {
        load();
        BatchWorld owner = host("a").process();
        BatchRecord batch = trial.committed(owner);
        BatchWorld other = host("b").process();
        BatchRecord taken = other.rescue().taken().getFirst();
        owner.pass(BatchWorld.LEASE);

        ApplyOutcome outcome = owner.apply(batch);
        assertThat(outcome).isInstanceOf(ApplyOutcome.Waiting.class);
        assertThat(((ApplyOutcome.Waiting) outcome).reason())
                .contains("is being finished", "host b");
        assertThat(isOut()).isTrue();

        assertThat(other.apply(taken)).isEqualTo(new ApplyOutcome.Applied());
        SortedMap<String, ByteBuffer> tables = tables();
        assertThat(owner.apply(batch)).isEqualTo(new ApplyOutcome.Applied());
        assertThat(tables()).isEqualTo(tables);
        assertThat(owner.journal.batches()).isEmpty();
        assertThat(left()).isEmpty();
    }

    @Test
    void twoRescuersDoNotBothTakeABatch() throws IOException {
        load();
        trial.committed(host("a").process());
        BatchWorld first = host("b").process();
        BatchWorld second = host("c").process();
        List<Rescue.Rescued> others = new ArrayList<>();

        Rescue.Rescued rescued =
                first.rescue.takeOver(
                        Set.of(),
                        lease -> {
                            first.pass(lease);
                            try {
                                others.add(second.rescue());
                            } catch (IOException e) {
                                throw new AssertionError(e);
                            }
                        });

        assertThat(others.getFirst().taken()).hasSize(1);
        assertThat(rescued.taken()).isEmpty();
        assertThat(rescued.left().getFirst().reason()).contains("host c");
    }

    @Test
    void aDamagedCopyIsNamedAndNothingOfItIsApplied() throws IOException {
        load();
        BatchRecord batch = trial.committed(host("a").process());
        String key = JOURNAL + batch.copy() + "/pages-000000";
        byte[] pages = store.get(key).orElseThrow().body();
        pages[pages.length / 2] = (byte) ~pages[pages.length / 2];
        store.put(key, pages, Condition.always(), Map.of());
        Host b = host("b");

        Rescue.Rescued rescued = rescueAll(b);

        assertThat(rescued.taken()).isEmpty();
        assertThat(rescued.left().getFirst().reason()).contains(key, "Nothing was applied");
        assertThat(isOut()).isTrue();
        assertThat(b.process().recovery.run().committed()).isEmpty();
        assertThat(BatchWorld.lockObjects(store)).isNotEmpty();
    }

    /** Only some of the locks say so: no client was ever told. */
    @Test
    void aBatchOfWhichNotAllLocksAreCommittedIsGivenUp() throws IOException {
        int step = afterTheLastLockButOne();
        load();
        boolean died = dies(host("a"), Steps.killAt(step), process -> trial.committed(process));
        assertThat(died).isTrue();
        assertThat(BucketLocks.tables(store)).hasSizeGreaterThan(1);

        Rescue.Rescued rescued = rescueAll(host("b"));

        assertThat(rescued.taken()).isEmpty();
        assertThat(rescued.left().getFirst().reason()).contains("before all of it was committed");
        assertThat(isOut()).isTrue();
        assertThat(left()).isEmpty();
    }

    /** In a process that does not recover first. */
    private int afterTheLastLockButOne() throws IOException {
        load();
        Steps steps = Steps.never();
        trial.committed(host("a").process(steps));
        List<String> points = steps.points().stream().map(Steps.Point::name).toList();
        int lastBut = 0;
        int last = 0;
        for (int step = 0; step < points.indexOf("journal commit"); step++) {
            if (points.get(step).startsWith("PUT _aria_s3_batch/locks/")) {
                lastBut = last;
                last = step;
            }
        }
        return lastBut + 1;
    }
}
