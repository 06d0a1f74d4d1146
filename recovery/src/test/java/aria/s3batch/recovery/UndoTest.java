package aria.s3batch.recovery;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import aria.s3batch.diskcache.MemoryDisk;
import aria.s3batch.format.BatchId;
import aria.s3batch.format.DamagedTableException;
import aria.s3batch.format.Fixture;
import aria.s3batch.format.SyntheticTable;
import aria.s3batch.format.TableFile;
import aria.s3batch.s3block.Condition;
import aria.s3batch.s3block.FaultyObjectStore;
import aria.s3batch.s3block.MemoryObjectStore;
import aria.s3batch.s3block.StoredObject;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;

/** Batches with keep-undo, and what undoes them. That a crash changes nothing is CrashEverywhereTest's. */
final class UndoTest {
    private static final Duration WEEK = Duration.ofDays(7);

    private final MemoryObjectStore bucket = new MemoryObjectStore();
    private final FaultyObjectStore store = new FaultyObjectStore(bucket);
    private final MemoryDisk disk = new MemoryDisk();
    private final MemoryJournal journal = new MemoryJournal();

    static List<BatchCase> batches() {
        SyntheticTable large = BatchCase.table(false, 8, 11);
        List<BatchCase> batches = new ArrayList<>(Trial.synthetic());
        batches.add(BatchCase.ofEveryKind(false));
        batches.add(BatchCase.ofEveryKind(true));
        batches.add(BatchCase.of("all deleted", large, large.resized(1, 1, 2)));
        for (String name : List.of("trunc", "zlib", "part", "plain")) {
            batches.add(BatchCase.of(Fixture.of(name)));
        }
        return batches;
    }

    private BatchWorld process() throws IOException {
        var world = new BatchWorld(store, disk, journal);
        world.readers = Readers.FENCE;
        world.keepUndo = true;
        return world;
    }

    private BatchRecord commit(BatchWorld world, BatchCase batchCase) throws IOException {
        List<OpenTable> tables = world.begin(batchCase.tables());
        batchCase.staging().stage(tables);
        return world.commit(tables);
    }

    private void apply(BatchWorld world, BatchCase batchCase) throws IOException {
        BatchWorld.load(store, batchCase.before());
        assertThat(world.apply(commit(world, batchCase))).isEqualTo(new ApplyOutcome.Applied());
    }

    private void undo(BatchWorld world, BatchId batch) throws IOException {
        assertThat(world.apply(world.commit(world.undo(batch))))
                .isEqualTo(new ApplyOutcome.Applied());
    }

    private void assertTables(SortedMap<String, byte[]> expected) throws IOException {
        assertThat(NewVersions.masked(BatchWorld.decoded(BatchWorld.objects(bucket, ""))))
                .isEqualTo(NewVersions.masked(BatchWorld.decoded(expected)));
    }

    private void assertSame(SortedMap<String, byte[]> left) throws IOException {
        SortedMap<String, byte[]> found = BatchWorld.objects(bucket, "");
        assertThat(found.keySet()).isEqualTo(left.keySet());
        found.forEach((key, body) -> assertThat(body).as(key).isEqualTo(left.get(key)));
    }

    @ParameterizedTest
    @MethodSource("batches")
    void undoneBatchLeavesTheTablesAsTheyWereAndSoDoesAnUndoOfThat(BatchCase batchCase)
            throws IOException {
        apply(process(), batchCase);
        assertTables(batchCase.after());
        BatchWorld world = process();
        undo(world, BatchWorld.BATCH);
        assertTables(batchCase.before());
        BatchId undoing = world.id;
        undo(process(), undoing);
        assertTables(batchCase.after());
    }

    @ParameterizedTest
    @EnumSource
    void readersChangeNothingOfIt(Readers readers) throws IOException {
        BatchCase batchCase = BatchCase.ofEveryKind(false);
        BatchWorld world = process();
        world.readers = readers;
        apply(world, batchCase);
        BatchWorld next = process();
        next.readers = readers;
        undo(next, BatchWorld.BATCH);
        assertTables(batchCase.before());
    }

    /** A10: all copies, the note of them, all of the batch, the manifest. */
    @Test
    void everythingIsLaidAsideBeforeTheFirstWriteAndTheManifestIsLast() throws IOException {
        BatchCase batchCase = BatchCase.ofEveryKind(false);
        BatchWorld.load(bucket, batchCase.before());
        BatchWorld process = process();
        assertThat(process.apply(commit(process, batchCase))).isEqualTo(new ApplyOutcome.Applied());
        List<String> writes =
                store.requests().stream()
                        .filter(FaultyObjectStore.anyWrite())
                        .map(FaultyObjectStore.Request::toString)
                        .filter(write -> !write.contains("/locks/"))
                        .toList();
        List<Integer> copies = new ArrayList<>();
        List<Integer> others = new ArrayList<>();
        for (int i = 0; i < writes.size(); i++) {
            if (writes.get(i).contains("_aria_s3_batch/undo/")
                    && writes.get(i).contains("/db/t/")) {
                copies.add(i);
            } else if (writes.get(i).contains(" db/t/")) {
                others.add(i);
            }
        }
        assertThat(copies).hasSize(5); // data 1 to 4, index 2
        int note = at(writes, "/copied");
        int manifest = at(writes, "/manifest");
        assertThat(copies.getLast()).isLessThan(note);
        assertThat(note).isLessThan(others.getFirst());
        assertThat(manifest).isGreaterThan(others.getLast());
    }

    private static int at(List<String> writes, String part) {
        List<Integer> found = new ArrayList<>();
        for (int i = 0; i < writes.size(); i++) {
            if (writes.get(i).contains(part)) {
                found.add(i);
            }
        }
        assertThat(found).hasSize(1);
        return found.getFirst();
    }

    @Test
    void batchWithoutItLeavesNothingAndCannotBeUndone() throws IOException {
        BatchWorld world = process();
        world.keepUndo = false;
        apply(world, BatchCase.ofEveryKind(false));
        assertThat(BatchWorld.undoObjects(bucket)).isEmpty();
        assertThatThrownBy(() -> Undo.of(store, BatchWorld.BATCH))
                .isInstanceOf(UndoRefusedException.class)
                .hasMessageContaining("--keep-undo")
                .hasMessageContaining("Nothing was changed");
    }

    @Test
    void batchThatIsNotAppliedCannotBeUndone() throws IOException {
        BatchCase batchCase = BatchCase.ofEveryKind(false);
        BatchWorld.load(store, batchCase.before());
        BatchWorld world = process();
        BatchRecord batch = commit(world, batchCase);
        assertThatThrownBy(() -> Undo.of(store, batch.id()))
                .isInstanceOf(UndoRefusedException.class);
    }

    /** U1. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "data/000001",
                "data/000002",
                "index/000002",
                "index/000003",
                "aria",
                "frm",
                "data/000004"
            })
    void tableThatWasChangedSinceIsNotUndone(String object) throws IOException {
        BatchCase batchCase = BatchCase.ofEveryKind(false);
        apply(process(), batchCase);
        String key = BatchCase.key(object);
        byte[] body = bucket.get(key).map(StoredObject::body).orElse(new byte[8192]);
        bucket.put(key, body, Condition.always(), Map.of());
        SortedMap<String, byte[]> left = BatchWorld.objects(bucket, "");
        BatchWorld world = process();
        assertThatThrownBy(() -> world.undo(BatchWorld.BATCH))
                .isInstanceOf(UndoRefusedException.class)
                .hasMessageContaining(key)
                .hasMessageContaining("Nothing was changed");
        assertSame(left);
    }

    @Test
    void onlyTheLastBatchOnATableIsUndone() throws IOException {
        BatchCase batchCase = BatchCase.ofEveryKind(false);
        apply(process(), batchCase);
        BatchWorld second = process();
        second.id = BatchId.of(1_700_000_000_000L, 99, 9);
        List<OpenTable> tables = second.begin(batchCase.tables());
        tables.getFirst()
                .cache()
                .stagePages(
                        TableFile.DATA,
                        1,
                        ByteBuffer.wrap(SyntheticTable.page(TableFile.DATA, 1, 4711)));
        assertThat(second.apply(second.commit(tables))).isEqualTo(new ApplyOutcome.Applied());
        assertThatThrownBy(() -> process().undo(BatchWorld.BATCH))
                .isInstanceOf(UndoRefusedException.class)
                .hasMessageContaining("only the last batch");
    }

    @Test
    void copyThatIsNotWhatWasLaidAsideIsNotStaged() throws IOException {
        apply(process(), BatchCase.ofEveryKind(false));
        String key =
                BatchWorld.undoObjects(bucket).stream()
                        .filter(copy -> copy.endsWith("data/000002"))
                        .findFirst()
                        .orElseThrow();
        byte[] body = bucket.get(key).orElseThrow().body();
        bucket.put(key, body, Condition.always(), Map.of());
        BatchWorld world = process();
        assertThatThrownBy(() -> world.undo(BatchWorld.BATCH))
                .isInstanceOf(DamagedTableException.class)
                .hasMessageContaining(key);
    }

    /** Not for the daemon's journal, which a DBA would move away: nothing is wrong with that. */
    @ParameterizedTest
    @ValueSource(strings = {"copied", "manifest"})
    void damagedNoteIsTakenForDamageOfWhatIsKept(String note) throws IOException {
        apply(process(), BatchCase.ofEveryKind(false));
        String key = "_aria_s3_batch/undo/" + BatchWorld.BATCH + "/" + note;
        byte[] body = bucket.get(key).orElseThrow().body();
        body[body.length - 1] ^= 1;
        bucket.put(key, body, Condition.always(), Map.of());
        BatchWorld world = process();
        assertThatThrownBy(() -> world.undo(BatchWorld.BATCH))
                .isInstanceOf(DamagedTableException.class)
                .hasMessageContaining(key)
                .hasMessageNotContaining("journal");
    }

    /** A block that others change after the commit is never taken for what was before the batch. */
    @Test
    void foreignChangeBeforeTheCopyIsQuarantinedBeforeAnythingIsWritten() throws IOException {
        BatchCase batchCase = BatchCase.ofEveryKind(false);
        BatchWorld.load(store, batchCase.before());
        BatchWorld world = process();
        BatchRecord batch = commit(world, batchCase);
        String key = BatchCase.key("data/000004");
        bucket.put(key, bucket.get(key).orElseThrow().body(), Condition.always(), Map.of());
        SortedMap<String, byte[]> left = BatchWorld.objects(bucket, "");
        ApplyOutcome outcome = world.apply(batch);
        assertThat(outcome).isInstanceOf(ApplyOutcome.Quarantined.class);
        assertThat(((ApplyOutcome.Quarantined) outcome).reason()).contains("data/000004");
        assertSame(left);

        BatchRecord forced =
                world.recovery.resolve(
                        ((ApplyOutcome.Quarantined) outcome).batch(), Recovery.Resolution.FORCE);
        assertThat(world.apply(forced)).isEqualTo(new ApplyOutcome.Applied());
        assertThatThrownBy(() -> Undo.of(store, batch.id()))
                .as("nobody knows what was before")
                .isInstanceOf(UndoRefusedException.class);
    }

    /** A retry after a force, too: what the force overwrote was not laid aside. */
    @Test
    void batchThatWasForcedOnceIsNeverUndone() throws IOException {
        BatchCase batchCase = BatchCase.ofEveryKind(false);
        BatchWorld.load(store, batchCase.before());
        BatchWorld world = process();
        BatchRecord batch = commit(world, batchCase);
        String key = BatchCase.key("data/000004");
        bucket.put(key, bucket.get(key).orElseThrow().body(), Condition.always(), Map.of());
        BatchRecord quarantined = ((ApplyOutcome.Quarantined) world.apply(batch)).batch();
        BatchRecord forced = world.recovery.resolve(quarantined, Recovery.Resolution.FORCE);
        BatchRecord again = forced.with(BatchRecord.State.QUARANTINED, "the lock was lost", false);
        world.journal.update(again);
        BatchRecord retried = world.recovery.resolve(again, Recovery.Resolution.RETRY);
        bucket.put(
                key,
                bucket.get(key).orElseThrow().body(),
                Condition.always(),
                Map.of("aria-s3-batch", batch.id().toString()));
        world.apply(retried);
        assertThatThrownBy(() -> Undo.of(store, batch.id()))
                .isInstanceOf(UndoRefusedException.class);
        assertThat(retried.keepUndo()).isFalse();
    }

    @Test
    void setsAreListedForgottenAndExpire() throws IOException {
        apply(process(), BatchCase.ofEveryKind(false));
        bucket.put("_aria_s3_batch/undo/notes/x", new byte[1], Condition.always(), Map.of());
        assertThat(UndoSet.list(store))
                .hasSize(1)
                .allMatch(UndoSet.Listed::complete)
                .allMatch(set -> set.batch().equals(BatchWorld.BATCH) && set.objects() == 7);
        Instant begun = BatchWorld.BATCH.begunAt();
        assertThat(UndoSet.expire(store, begun.plus(WEEK).minusMillis(1), WEEK)).isEmpty();
        assertThat(UndoSet.expire(store, begun.plus(WEEK), WEEK)).containsExactly(BatchWorld.BATCH);
        assertThat(UndoSet.list(store)).isEmpty();
        assertThat(UndoSet.forget(store, BatchWorld.BATCH)).isFalse();
        assertThat(BatchWorld.undoObjects(bucket)).containsExactly("_aria_s3_batch/undo/notes/x");
    }

    /** However long it waits for the object store: what it laid aside is there when it is applied. */
    @Test
    void setOfABatchThatStillHasItsLocksNeitherExpiresNorIsForgotten() throws IOException {
        BatchCase batchCase = BatchCase.ofEveryKind(false);
        Machine machine = Machine.inMemory();
        machine.readers = Readers.FENCE;
        machine.keepUndo = true;
        BatchWorld.load(machine.store, batchCase.before());
        Steps all = Steps.never();
        BatchWorld clean = machine.process(all);
        clean.apply(commit(clean, batchCase));
        int half =
                all.points().stream()
                        .map(Steps.Point::name)
                        .toList()
                        .indexOf("PUT " + BatchCase.key("data/000002"));
        Machine killed = Machine.inMemory();
        killed.readers = Readers.FENCE;
        killed.keepUndo = true;
        BatchWorld.load(killed.store, batchCase.before());
        killed.kills(Steps.killAt(half), process -> process.apply(commit(process, batchCase)));
        Instant later = BatchWorld.BATCH.begunAt().plus(WEEK.multipliedBy(5));
        assertThat(UndoSet.expire(killed.store, later, WEEK)).isEmpty();
        assertThatThrownBy(() -> UndoSet.forget(killed.store, BatchWorld.BATCH))
                .isInstanceOf(UndoRefusedException.class);
        killed.process(Steps.never()).recover();
        BatchWorld world = killed.process(Steps.never());
        assertThat(world.apply(world.commit(world.undo(BatchWorld.BATCH))))
                .isEqualTo(new ApplyOutcome.Applied());
        assertThat(UndoSet.expire(killed.store, later, WEEK)).contains(BatchWorld.BATCH);
    }

    /** Somebody deleted it in the middle: the batch is applied all the same. */
    @Test
    void batchThatLostWhatItLaidAsideIsAppliedAndCannotBeUndone() throws IOException {
        BatchCase batchCase = BatchCase.ofEveryKind(false);
        Machine counting = Machine.inMemory();
        Machine machine = Machine.inMemory();
        for (Machine each : List.of(counting, machine)) {
            each.readers = Readers.FENCE;
            each.keepUndo = true;
            BatchWorld.load(each.store, batchCase.before());
        }
        Steps all = Steps.never();
        BatchWorld clean = counting.process(all);
        clean.apply(commit(clean, batchCase));
        int half =
                all.points().stream()
                        .map(Steps.Point::name)
                        .toList()
                        .indexOf("PUT " + BatchCase.key("index/000003"));
        machine.kills(Steps.killAt(half), process -> process.apply(commit(process, batchCase)));
        UndoSet.delete(machine.store, BatchWorld.BATCH);
        machine.process(Steps.never()).recover();
        assertThatThrownBy(() -> Undo.of(machine.store, BatchWorld.BATCH))
                .isInstanceOf(UndoRefusedException.class);
        assertThat(NewVersions.masked(BatchWorld.decoded(BatchWorld.objects(machine.store, ""))))
                .isEqualTo(NewVersions.masked(BatchWorld.decoded(batchCase.after())));
    }
}
