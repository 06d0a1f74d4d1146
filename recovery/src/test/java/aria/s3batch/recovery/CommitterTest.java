package aria.s3batch.recovery;

import static aria.s3batch.recovery.BatchCase.PAGE;
import static aria.s3batch.recovery.BatchCase.key;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import aria.s3batch.diskcache.CacheFullException;
import aria.s3batch.diskcache.FaultyDisk;
import aria.s3batch.diskcache.MemoryDisk;
import aria.s3batch.diskcache.TableCache;
import aria.s3batch.format.AriaHeader;
import aria.s3batch.format.DamagedTableException;
import aria.s3batch.format.HeaderField;
import aria.s3batch.format.SyntheticTable;
import aria.s3batch.format.TableFile;
import aria.s3batch.s3block.Condition;
import aria.s3batch.s3block.FaultyObjectStore;
import aria.s3batch.s3block.MemoryObjectStore;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** What may not be committed, and what is left when a commit fails. */
final class CommitterTest {
    private static final SyntheticTable BEFORE = BatchCase.table(false, 4, 10);
    private static final SyntheticTable AFTER =
            BEFORE.withPage(TableFile.DATA, 4, 2).resized(6, 11, 2);

    private final FaultyObjectStore store = new FaultyObjectStore(new MemoryObjectStore());
    private final MemoryDisk disk = new MemoryDisk();
    private final FaultyDisk faulty = new FaultyDisk(disk);
    private final MemoryJournal journal = new MemoryJournal();

    @BeforeEach
    void load() throws IOException {
        BatchWorld.load(store, BEFORE.objects());
    }

    private BatchWorld world() throws IOException {
        return new BatchWorld(store, faulty, journal);
    }

    private static void stageAll(List<OpenTable> tables) throws IOException {
        BatchWorld.stage(
                tables.getFirst(), AFTER.local(TableFile.INDEX), AFTER.local(TableFile.DATA));
    }

    private static void stageHeader(TableCache cache, AriaHeader header) throws IOException {
        cache.stagePages(TableFile.INDEX, 0, ByteBuffer.wrap(header.asLocal().bytes()));
    }

    /** Something that makes a batch unfit, over a batch that is fit without it. */
    record Fault(String name, Staging staging, Class<?> type, List<String> message) {
        interface Staging {
            void stage(TableCache cache) throws IOException;
        }

        static Fault header(String name, HeaderField field, long value, String... message) {
            return new Fault(
                    name,
                    cache -> stageHeader(cache, AFTER.header().with(field, value)),
                    CommitRefusedException.class,
                    List.of(message));
        }

        static Fault refused(String name, Staging staging, String... message) {
            return new Fault(name, staging, CommitRefusedException.class, List.of(message));
        }

        @Override
        public String toString() {
            return name;
        }
    }

    static List<Fault> faults() {
        return List.of(
                Fault.header("open in a server", HeaderField.OPEN_COUNT, 1, "open_count 1"),
                Fault.header("crashed", HeaderField.CHANGED, 2, "CRASHED"),
                Fault.header("redefined", HeaderField.RECLENGTH, 77, "definition was changed"),
                Fault.header(
                        "data file longer than staged",
                        HeaderField.DATA_FILE_LENGTH,
                        12L * PAGE,
                        "data file",
                        "stage the missing pages"),
                Fault.header(
                        "index file longer than staged",
                        HeaderField.KEY_FILE_LENGTH,
                        9L * PAGE,
                        "index file",
                        "stage the missing pages"),
                Fault.header(
                        "page behind the end",
                        HeaderField.DATA_FILE_LENGTH,
                        9L * PAGE,
                        "page 10 of the data file"),
                Fault.header(
                        "file of half a page",
                        HeaderField.DATA_FILE_LENGTH,
                        10L * PAGE + 512,
                        "whole pages"),
                Fault.header("negative length", HeaderField.DATA_FILE_LENGTH, -PAGE, "whole pages"),
                Fault.refused(
                        "page written in part",
                        cache -> cache.stageBytes(TableFile.DATA, 5 * PAGE + 9, bytes("x")),
                        "data page 5",
                        "checksum"),
                Fault.refused(
                        "header damaged",
                        cache -> cache.stageBytes(TableFile.INDEX, 0, bytes("nonsense")),
                        "the staged header is damaged"),
                Fault.refused(
                        "header cut off",
                        cache -> cache.truncate(TableFile.INDEX, 100),
                        "the staged header is damaged"));
    }

    private static ByteBuffer bytes(String text) {
        return ByteBuffer.wrap(text.getBytes(StandardCharsets.US_ASCII));
    }

    @ParameterizedTest
    @MethodSource("faults")
    void unfitBatchIsRefusedStaysOpenAndCanBeCorrected(Fault fault) throws Exception {
        BatchWorld world = world();
        List<OpenTable> tables = world.begin(List.of(BatchCase.TABLE));
        stageAll(tables);
        TableCache cache = tables.getFirst().cache();
        fault.staging().stage(cache);
        assertRefused(world, tables, fault);

        cache.unseal();
        BatchWorld.stage(
                tables.getFirst(), AFTER.local(TableFile.INDEX), AFTER.local(TableFile.DATA));
        assertThat(world.apply(world.commit(tables))).isEqualTo(new ApplyOutcome.Applied());
        assertThat(BatchWorld.decoded(BatchWorld.objects(store, "")))
                .isEqualTo(BatchWorld.decoded(AFTER.objects()));
    }

    private void assertRefused(BatchWorld world, List<OpenTable> tables, Fault fault)
            throws IOException {
        assertThatThrownBy(() -> world.check(tables))
                .isInstanceOf(fault.type())
                .satisfies(
                        e ->
                                assertThat(e.getMessage())
                                        .contains(fault.message().toArray(String[]::new))
                                        .contains("db.t")
                                        .contains("still open"));
        assertThat(journal.batches()).isEmpty();
        assertUntouched();
    }

    private void assertUntouched() throws IOException {
        assertThat(BatchWorld.decoded(BatchWorld.objects(store, "")))
                .isEqualTo(BatchWorld.decoded(BEFORE.objects()));
    }

    @ParameterizedTest
    @MethodSource("faults")
    void unfitBatchCanBeAbortedAndLeavesNothing(Fault fault) throws Exception {
        BatchWorld world = world();
        List<OpenTable> tables = world.begin(List.of(BatchCase.TABLE));
        stageAll(tables);
        fault.staging().stage(tables.getFirst().cache());
        assertRefused(world, tables, fault);

        tables.getFirst().cache().unseal();
        tables.getFirst().cache().discard();
        world.folder().delete();
        assertThat(disk.list(BatchWorld.CACHE_DIR.batches())).isEmpty();
        assertThat(world.space.usedBytes()).isZero();
        assertUntouched();
    }

    @Test
    void existingBlockOfWrongLengthIsRefusedByName() throws Exception {
        BatchWorld world = world();
        List<OpenTable> tables = world.begin(List.of(BatchCase.TABLE));
        String block = key("data/000002");
        store.put(block, new byte[PAGE], Condition.always(), Map.of());
        ByteBuffer page = ByteBuffer.wrap(SyntheticTable.page(TableFile.DATA, 4, 2));
        tables.getFirst().cache().stagePages(TableFile.DATA, 4, page);
        assertThatThrownBy(() -> world.check(tables))
                .isInstanceOf(DamagedTableException.class)
                .hasMessageContaining(block)
                .hasMessageContaining("%d bytes".formatted(3 * PAGE));
        assertThat(journal.batches()).isEmpty();
    }

    @Test
    void missingBlockIsRefusedByName() throws Exception {
        BatchWorld world = world();
        List<OpenTable> tables = world.begin(List.of(BatchCase.TABLE));
        String block = key("data/000002");
        store.delete(block, Condition.always());
        ByteBuffer page = ByteBuffer.wrap(SyntheticTable.page(TableFile.DATA, 4, 2));
        tables.getFirst().cache().stagePages(TableFile.DATA, 4, page);
        assertThatThrownBy(() -> world.check(tables))
                .isInstanceOf(DamagedTableException.class)
                .hasMessageContaining(block)
                .hasMessageContaining("no object");
    }

    @Test
    void batchOfNothingAndBatchOfTheSameHeaderAreEmpty() throws Exception {
        BatchWorld world = world();
        List<OpenTable> tables = world.begin(List.of(BatchCase.TABLE));
        assertThat(world.check(tables).isEmpty()).isTrue();
        tables.getFirst().cache().unseal();
        stageHeader(tables.getFirst().cache(), BEFORE.header());
        int requests = store.requests().size();
        assertThat(world.check(tables).isEmpty()).isTrue();
        assertThat(store.requests()).as("asks the store nothing").hasSize(requests);
    }

    @Test
    void commitAsksForEachTouchedObjectOnce() throws Exception {
        BatchWorld world = world();
        List<OpenTable> tables = world.begin(List.of(BatchCase.TABLE));
        stageAll(tables);
        int begun = store.requests().size();
        world.check(tables);
        assertThat(store.requests().stream().skip(begun).map(Object::toString))
                .containsExactlyInAnyOrder(
                        "HEAD " + key("aria"),
                        "HEAD " + key("frm"),
                        "HEAD " + key("data/000002"),
                        "HEAD " + key("data/000004"),
                        "HEAD " + key("index/000002"),
                        "PUT _aria_s3_batch/locks/db/t");
    }

    /** C5. Half a journal record on a full disk would end the daemon, and every other batch with it. */
    @Test
    void commitThatTheJournalHasNoRoomForIsRefusedAndStaysOpen() throws Exception {
        var small = new MemoryDisk(8 << 20);
        BatchWorld world = new BatchWorld(store, small, journal);
        List<OpenTable> tables = world.begin(List.of(BatchCase.TABLE));
        stageAll(tables);
        assertThatThrownBy(() -> world.check(tables))
                .isInstanceOf(CacheFullException.class)
                .hasMessageContaining("still open")
                .hasMessageContaining("the journal needs");
        assertThat(journal.batches()).isEmpty();
        assertUntouched();
    }

    /** C4: a commit that fails anywhere is nothing before the journal has it, and whole from there on. */
    @Test
    void errorOfTheDiskAnywhereInACommitLeavesItWhollyInOrWhollyOut() throws Exception {
        boolean committed = false;
        boolean sawNothing = false;
        boolean sawWhole = false;
        for (int n = 1; !committed; n++) {
            var machineDisk = new MemoryDisk();
            machineDisk.createDirectories(BatchWorld.CACHE_DIR.root());
            machineDisk.syncDirectory(Path.of("/"));
            var failing = new FaultyDisk(machineDisk);
            var memory = new MemoryJournal();
            var bucket = new MemoryObjectStore();
            BatchWorld.load(bucket, BEFORE.objects());
            BatchWorld world = new BatchWorld(bucket, failing, memory);
            List<OpenTable> tables = world.begin(List.of(BatchCase.TABLE));
            stageAll(tables);
            Committer.Checked checked = world.check(tables);
            failing.failOnce(n, IOException::new);
            try {
                world.committer.makeDurable(checked);
                committed = true;
            } catch (IOException e) {
                assertThat(e).hasMessageContaining("injected");
            }
            boolean journaled = !memory.batches().isEmpty();
            machineDisk.crash();
            memory.crash(null);
            new BatchWorld(bucket, machineDisk, memory).recover();
            SyntheticTable expected = journaled ? AFTER : BEFORE;
            assertThat(BatchWorld.decoded(BatchWorld.objects(bucket, "")))
                    .as("disk call %d failed", n)
                    .isEqualTo(BatchWorld.decoded(expected.objects()));
            assertThat(machineDisk.list(BatchWorld.CACHE_DIR.batches())).isEmpty();
            sawNothing |= !journaled;
            sawWhole |= journaled && !committed;
        }
        assertThat(sawNothing).isTrue();
        assertThat(sawWhole).isTrue();
    }

    @Test
    void syncThatFailsReachesTheCallerAndTheJournalHasNothing() throws Exception {
        BatchWorld world = world();
        List<OpenTable> tables = world.begin(List.of(BatchCase.TABLE));
        stageAll(tables);
        Committer.Checked checked = world.check(tables);
        faulty.failOnce(1, IOException::new);
        assertThatThrownBy(() -> world.committer.makeDurable(checked))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("injected: sync");
        assertThat(journal.batches()).isEmpty();
        assertThat(world.folder().isMarked()).isFalse();
        // and is not tried again
        assertThatThrownBy(() -> world.committer.makeDurable(checked))
                .isInstanceOf(IOException.class);
        assertThat(journal.batches()).isEmpty();
    }

    @Test
    void journalThatFailsReachesTheCallerAndTheFolderIsNotMarked() throws Exception {
        BatchWorld world = world();
        List<OpenTable> tables = world.begin(List.of(BatchCase.TABLE));
        stageAll(tables);
        Committer.Checked checked = world.check(tables);
        journal.failWrites();
        assertThatThrownBy(() -> world.committer.makeDurable(checked))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("injected: the journal");
        assertThat(world.folder().isMarked()).isFalse();
        assertUntouched();
    }
}
