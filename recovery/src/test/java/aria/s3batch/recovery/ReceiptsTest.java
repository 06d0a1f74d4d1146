package aria.s3batch.recovery;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import aria.s3batch.diskcache.FaultyDisk;
import aria.s3batch.diskcache.MemoryDisk;
import aria.s3batch.format.BlockName;
import aria.s3batch.format.TableFile;
import aria.s3batch.s3block.Condition;
import aria.s3batch.s3block.MemoryObjectStore;
import aria.s3batch.s3block.PutAnswer;

import com.fasterxml.jackson.databind.JsonNode;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;

/** What is left of a batch when it has ended. That it is left after any crash is CrashEverywhereTest's. */
final class ReceiptsTest {
    private final MemoryObjectStore bucket = new MemoryObjectStore();
    private final MemoryDisk memory = new MemoryDisk();
    private final FaultyDisk disk = new FaultyDisk(memory);
    private final MemoryJournal journal = new MemoryJournal();
    private BatchCase batchCase = BatchCase.ofEveryKind(false);

    @BeforeEach
    void load() throws IOException {
        load(false);
    }

    private void load(boolean compressed) throws IOException {
        batchCase = BatchCase.ofEveryKind(compressed);
        for (String key : BatchWorld.objects(bucket, "").keySet()) {
            bucket.delete(key, Condition.always());
        }
        BatchWorld.load(bucket, batchCase.before());
    }

    private BatchWorld process() throws IOException {
        BatchWorld world = new BatchWorld(bucket, disk, journal);
        world.readers = Readers.FENCE;
        return world;
    }

    private BatchRecord commit(BatchWorld world) throws IOException {
        List<OpenTable> tables = world.begin(batchCase.tables());
        batchCase.staging().stage(tables);
        Committer.Checked checked = world.check(tables).by("alice");
        world.committer.makeDurable(checked);
        for (OpenTable table : tables) {
            table.cache().close();
        }
        return checked.batch();
    }

    private WrittenReceipt applied(BatchWorld world) throws IOException {
        assertThat(world.apply(commit(world))).isEqualTo(new ApplyOutcome.Applied());
        return WrittenReceipt.of(memory);
    }

    @ParameterizedTest
    @EnumSource
    void receiptTellsWhoWhenWhatOfEachTableAndOfEachObject(Readers readers) throws IOException {
        BatchWorld world = process();
        world.readers = readers;
        WrittenReceipt receipt = applied(world);
        receipt.assertTells(batchCase.before(), bucket, "every kind");
        assertThat(receipt.text("batch")).isEqualTo(BatchWorld.BATCH.toString());
        assertThat(receipt.text("user")).isEqualTo("alice");
        assertThat(receipt.text("endedBy")).isEqualTo("daemon");
        assertThat(receipt.text("begunAt")).isEqualTo("2023-11-14T22:13:20Z");
        assertThat(receipt.text("committedAt")).isEqualTo("2023-11-14T22:13:20Z");
        assertThat(receipt.text("endedAt")).isEqualTo("2023-11-14T22:13:20Z");
        assertThat(receipt.text("readers")).isEqualTo(readers.word());
        assertThat(receipt.text("durability")).isEqualTo("local");
        assertThat(receipt.json().path("forced").asBoolean(true)).isFalse();
        assertThat(receipt.json().path("tables")).hasSize(1);
        JsonNode table = receipt.json().path("tables").path(0);
        assertThat(table.path("table").asText()).isEqualTo("db.t");
        assertThat(table.path("rowsBefore").asLong(-1))
                .isEqualTo(BatchCase.headerOf(new TreeMap<>(batchCase.before())).records());
        assertThat(table.path("rowsAfter").asLong(-1))
                .isEqualTo(BatchCase.headerOf(new TreeMap<>(batchCase.after())).records());
        assertThat(table.path("objectsWritten").asInt()).isEqualTo(3);
        assertThat(table.path("objectsCreated").asInt()).isEqualTo(1);
        assertThat(table.path("objectsDeleted").asInt()).isEqualTo(2);
        assertThat(receipt.json().path("objects")).hasSize(readers == Readers.NONE ? 7 : 8);
    }

    /** Data 1 is staged whole: of it nothing is read. Data 2 is not. */
    @Test
    void checksumBeforeIsThereWhereTheBlockWasReadAndNowhereElse() throws IOException {
        WrittenReceipt receipt = applied(process());
        assertThat(receipt.object("data/000001").path("crc32cBefore").isNull()).isTrue();
        assertThat(receipt.object("data/000002").path("crc32cBefore").isTextual()).isTrue();
        assertThat(receipt.object("data/000004").path("crc32cBefore").isNull()).isTrue();
        assertThat(receipt.object("aria").path("crc32cBefore").isTextual()).isTrue();
        assertThat(receipt.object("frm").path("crc32cBefore").isTextual()).isTrue();
    }

    /** What was read before the commit is cached as Aria has it, and as it was stored it is not known. */
    @Test
    void checksumBeforeOfACompressedBlockIsThatOfTheStoredBytesOrNone() throws IOException {
        load(true);
        BatchWorld world = process();
        WrittenReceipt receipt = applied(world);
        receipt.assertTells(batchCase.before(), bucket, "compressed");
        assertThat(receipt.object("data/000002").path("crc32cBefore").isNull()).isTrue();

        load(true);
        world = process();
        BatchRecord batch = commit(world);
        world.blockCache.dropBatch(BatchWorld.BATCH);
        world.apply(batch);
        receipt = WrittenReceipt.of(memory);
        receipt.assertTells(batchCase.before(), bucket, "compressed, not cached");
        assertThat(receipt.object("data/000002").path("crc32cBefore").isTextual()).isTrue();
    }

    @Test
    void batchThatALaterProcessEndsIsSaidToBeRecovered() throws IOException {
        commit(process());
        process().recover();
        WrittenReceipt receipt = WrittenReceipt.of(memory);
        receipt.assertTells(batchCase.before(), bucket, "recovered");
        assertThat(receipt.text("endedBy")).isEqualTo("recovery");
        assertThat(receipt.text("user")).isEqualTo("alice");
    }

    @Test
    void secondTryAfterACrashWritesTheSameBytes() throws IOException {
        Machine machine = Machine.inMemory();
        machine.readers = Readers.FENCE;
        BatchWorld.load(machine.store, batchCase.before());
        Steps all = Steps.never();
        BatchWorld clean = machine.process(all);
        clean.apply(commit(clean));
        byte[] once = WrittenReceipt.of(machine.disk).bytes();
        List<String> names = all.points().stream().map(Steps.Point::name).toList();
        int renamed =
                names.indexOf(
                        "rename " + BatchWorld.RECEIPTS.resolve(BatchWorld.BATCH + ".unfinished"));
        int forget = names.indexOf("journal forget");
        assertThat(renamed).isPositive();
        assertThat(forget).isGreaterThan(renamed);
        for (int step = renamed + 1; step <= forget; step++) {
            Machine again = Machine.inMemory();
            again.readers = Readers.FENCE;
            BatchWorld.load(again.store, batchCase.before());
            again.kills(Steps.killAt(step), process -> process.apply(commit(process)));
            assertThat(WrittenReceipt.of(again.disk).bytes()).isEqualTo(once);
            BatchWorld later = again.process(Steps.never());
            later.time = later.time.plusSeconds(5);
            later.recover();
            assertThat(WrittenReceipt.of(again.disk).bytes()).isEqualTo(once);
            assertThat(again.disk.list(BatchWorld.RECEIPTS)).hasSize(1);
        }
    }

    /** Killed before that call, on a machine that loses all that was not synced; then recovered. */
    private Machine cutBefore(String call) throws IOException {
        Machine counting = Machine.inMemory();
        Steps all = Steps.never();
        Machine machine = Machine.inMemory();
        for (Machine each : List.of(counting, machine)) {
            each.readers = Readers.FENCE;
            BatchWorld.load(each.store, batchCase.before());
        }
        BatchWorld clean = counting.process(all);
        clean.apply(commit(clean));
        int step =
                IntStream.range(0, all.points().size())
                        .filter(i -> all.points().get(i).name().equals(call))
                        .max()
                        .orElseThrow();
        machine.kills(Steps.killAt(step), process -> process.apply(commit(process)));
        machine.cutPower(null);
        return machine;
    }

    @Test
    void powerCutWhenTheDefinitionIsWrittenTakesNothingFromTheReceipt() throws IOException {
        Machine machine = cutBefore("journal done frm");
        machine.process(Steps.never()).recover();
        WrittenReceipt.of(machine.disk).assertTells(batchCase.before(), machine.store, "cut");
    }

    @Test
    void receiptSurvivesAPowerCutFromTheMomentTheJournalForgets() throws IOException {
        Machine machine = cutBefore("journal forget");
        WrittenReceipt.of(machine.disk).assertTells(batchCase.before(), machine.store, "cut");
    }

    @Test
    void diskThatTakesNoReceiptEndsTheBatchAllTheSameAndSaysSo() throws IOException {
        memory.createDirectories(BatchWorld.CACHE_DIR.root());
        memory.create(BatchWorld.RECEIPTS).close();
        BatchWorld world = process();
        assertThat(world.apply(commit(world))).isEqualTo(new ApplyOutcome.Applied());
        assertThat(journal.batches()).isEmpty();
        assertThat(world.receipts.problem().orElseThrow())
                .contains(BatchWorld.BATCH.toString(), BatchWorld.RECEIPTS.toString());

        memory.delete(BatchWorld.RECEIPTS);
        load();
        world.blockCache.dropBatch(BatchWorld.BATCH);
        world.apply(commit(world));
        assertThat(world.receipts.problem()).isEmpty();
        WrittenReceipt.of(memory).assertTells(batchCase.before(), bucket, "the next");
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8})
    void failureOfAnyCallLeavesAWholeReceiptOrNone(int call) throws IOException {
        BatchWorld world = process();
        commit(world);
        BatchRecord batch = journal.batches().getFirst();
        BatchRecord ended = batch.with(BatchRecord.State.ENDED, "", false).endedAt(1, false);
        disk.failOnce(call, IOException::new);
        world.receipts.write(ended, journal);
        boolean failed = disk.calls() >= call;
        assertThat(world.receipts.problem().isPresent()).isEqualTo(failed);
        var found = WrittenReceipt.find(memory, BatchWorld.BATCH);
        assertThat(found.isPresent() || failed).isTrue();
        found.ifPresent(receipt -> assertThat(receipt.json().path("objects")).isNotEmpty());
        disk.heal();
        world.receipts.write(ended, journal);
        assertThat(world.receipts.problem()).isEmpty();
        assertThat(WrittenReceipt.find(memory, BatchWorld.BATCH)).isPresent();
        assertThat(memory.list(BatchWorld.RECEIPTS)).hasSize(1);
    }

    /** It is the batch's truth that cannot be read then, and no receipt's fault. */
    @Test
    void journalThatCannotBeReadIsNoMereWarning() throws IOException {
        BatchWorld world = process();
        commit(world);
        BatchRecord batch = journal.batches().getFirst();
        CommitJournal unreadable = Steps.fail(0, Steps.Fault.ALL_DIE).over(journal);
        assertThatThrownBy(
                        () ->
                                world.receipts.write(
                                        batch.with(BatchRecord.State.ENDED, "", false), unreadable))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("injected: journal");
    }

    @Test
    void discardedBatchSaysWhatItHasWrittenAndWhatItLeft() throws IOException {
        BatchWorld world = process();
        BatchRecord batch = commit(world);
        bucket.put(BatchCase.key("index/000002"), new byte[8192], Condition.always(), Map.of());
        ApplyOutcome outcome = world.apply(batch);
        assertThat(outcome).isInstanceOf(ApplyOutcome.Quarantined.class);
        BatchRecord given =
                world.recovery.resolve(
                        ((ApplyOutcome.Quarantined) outcome).batch(), Recovery.Resolution.DISCARD);
        assertThat(world.apply(given)).isEqualTo(new ApplyOutcome.Discarded());
        WrittenReceipt receipt = WrittenReceipt.of(memory);
        assertThat(receipt.text("state")).isEqualTo("DISCARDED");
        assertThat(receipt.object("index/000002").path("action").asText()).isEqualTo("left");
        assertThat(receipt.object("index/000002").path("etagAfter").isNull()).isTrue();
        assertThat(receipt.object("data/000004").path("action").asText()).isEqualTo("left");
    }

    @Test
    void forcedBatchSaysSoAndWhatItHasOverwritten() throws IOException {
        BatchWorld world = process();
        BatchRecord batch = commit(world);
        byte[] foreign = bucket.get(BatchCase.key("data/000002")).orElseThrow().body();
        String etag =
                ((PutAnswer.Stored)
                                bucket.put(
                                        BatchCase.key("data/000002"),
                                        foreign,
                                        Condition.always(),
                                        Map.of()))
                        .etag();
        ApplyOutcome outcome = world.apply(batch);
        BatchRecord forced =
                world.recovery.resolve(
                        ((ApplyOutcome.Quarantined) outcome).batch(), Recovery.Resolution.FORCE);
        assertThat(world.apply(forced)).isEqualTo(new ApplyOutcome.Applied());
        WrittenReceipt receipt = WrittenReceipt.of(memory);
        assertThat(receipt.json().path("forced").asBoolean()).isTrue();
        assertThat(receipt.object("data/000002").path("etagBefore").asText()).isEqualTo(etag);
        receipt.assertTells(batchCase.before(), bucket, "forced");
    }

    /** However many blocks: what is in memory is a buffer, and the blocks of one table. */
    @Test
    void receiptIsWrittenPieceByPiece() throws IOException {
        BatchWorld world = process();
        commit(world);
        BatchRecord batch = journal.batches().getFirst();
        var written = new ArrayList<Integer>();
        int blocks = 5000;
        var many = new ArrayList<BlockRecord>();
        for (int number = 1; number <= blocks; number++) {
            many.add(
                    new BlockRecord(
                            new BlockName(TableFile.DATA, number), "etag", PageTable.EMPTY));
        }
        journal.commit(batch, List.of(many));
        disk.failByChance(
                new FaultyDisk.Chance() {
                    @Override
                    public @Nullable IOException failureOf(String call) {
                        if (call.startsWith("write ")) {
                            written.add(1);
                        }
                        return null;
                    }

                    @Override
                    public int written(int bytes) {
                        return bytes;
                    }
                });
        world.receipts.write(batch.with(BatchRecord.State.ENDED, "", false), journal);
        WrittenReceipt receipt = WrittenReceipt.of(memory);
        assertThat(receipt.json().path("objects").size()).isGreaterThan(blocks);
        assertThat(written).hasSize(Math.ceilDiv(receipt.bytes().length, 64 << 10));
        assertThat(ByteBuffer.wrap(receipt.bytes()).get(receipt.bytes().length - 1))
                .isEqualTo((byte) '\n');
    }
}
