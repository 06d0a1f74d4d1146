package aria.s3batch.recovery;

import static aria.s3batch.recovery.BatchCase.PAGE;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import aria.s3batch.diskcache.MemoryDisk;
import aria.s3batch.diskcache.TableCache;
import aria.s3batch.format.AriaHeader;
import aria.s3batch.format.HeaderField;
import aria.s3batch.format.ObjectNames;
import aria.s3batch.format.SyntheticTable;
import aria.s3batch.format.TableFile;
import aria.s3batch.s3block.Condition;
import aria.s3batch.s3block.FaultyObjectStore;
import aria.s3batch.s3block.FaultyObjectStore.Operation;
import aria.s3batch.s3block.MemoryObjectStore;
import aria.s3batch.s3block.ObjectVersion;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeSet;

/** Files that grow, shrink, or do both in one batch; blocks of three pages. */
final class ResizeTest {
    static List<BatchCase> cases() {
        List<BatchCase> cases = new ArrayList<>();
        for (boolean compressed : new boolean[] {false, true}) {
            addCases(compressed, cases);
        }
        return cases;
    }

    private static void addCases(boolean compressed, List<BatchCase> cases) {
        String suffix = compressed ? ", compressed" : "";
        SyntheticTable small = BatchCase.table(compressed, 2, 4);
        SyntheticTable large = BatchCase.table(compressed, 8, 11);
        SyntheticTable onePage = BatchCase.table(compressed, 0, 1);
        add(cases, "grows by several blocks" + suffix, small, small.resized(12, 16, 2));
        add(cases, "grows by part of a block" + suffix, small, small.resized(3, 5, 2));
        add(cases, "grows to a whole block" + suffix, small, small.resized(3, 6, 2));
        add(cases, "grows from whole blocks" + suffix, small.resized(3, 6, 1), small);
        add(cases, "shrinks by blocks" + suffix, large, large.resized(3, 3, 2));
        add(cases, "shrinks by part of a block" + suffix, large, large.resized(7, 10, 2));
        add(cases, "shrinks by blocks and part" + suffix, large, large.resized(4, 5, 2));
        add(cases, "shrinks to one page" + suffix, large, large.resized(1, 1, 2));
        add(cases, "is emptied" + suffix, large, large.resized(0, 1, 2));
        add(cases, "grows from empty" + suffix, onePage, onePage.resized(8, 11, 2));
        add(cases, "one grows, one shrinks" + suffix, large, large.resized(14, 2, 2));

        // what lay behind the lowest length is gone, whatever grows over it
        SyntheticTable regrown = large.resized(1, 2, 5).resized(7, 9, 6);
        Map<TableFile, List<Integer>> lengths =
                Map.of(
                        TableFile.INDEX, List.of(2 * PAGE, 8 * PAGE),
                        TableFile.DATA, List.of(2 * PAGE, 9 * PAGE));
        byte[] index = regrown.local(TableFile.INDEX);
        byte[] data = regrown.local(TableFile.DATA);
        cases.add(BatchCase.of("shrinks and grows" + suffix, large, index, data, lengths));
        cases.add(
                BatchCase.of(
                        "shrinks and grows with holes" + suffix,
                        large,
                        BatchCase.withHole(index, 3, 7),
                        BatchCase.withHole(data, 2, 8),
                        lengths));
        cases.add(
                BatchCase.of(
                        "shrinks and grows, all of it a hole" + suffix,
                        large,
                        BatchCase.withHole(index, 2, 8),
                        BatchCase.withHole(data, 2, 9),
                        lengths));
        SyntheticTable grown = small.resized(14, 16, 2);
        cases.add(
                BatchCase.of(
                        "grows with holes of whole blocks" + suffix,
                        small,
                        BatchCase.withHole(grown.local(TableFile.INDEX), 3, 13),
                        BatchCase.withHole(grown.local(TableFile.DATA), 4, 15),
                        Map.of()));
    }

    private static void add(
            List<BatchCase> cases, String name, SyntheticTable before, SyntheticTable after) {
        cases.add(BatchCase.of(name, before, after));
    }

    @ParameterizedTest
    @MethodSource("cases")
    void objectsAreThoseOfTheResizedFilesAndTheOthersKeepTheirVersion(BatchCase batchCase)
            throws Exception {
        var store = new MemoryObjectStore();
        BatchWorld.load(store, batchCase.before());
        Map<String, ObjectVersion> versions = versions(store);
        try (var world = new BatchWorld(store, new MemoryDisk(), new MemoryJournal())) {
            BatchRecord batch = commit(world, batchCase);
            assertThat(versions(store)).isEqualTo(versions);
            assertThat(world.apply(batch)).isEqualTo(new ApplyOutcome.Applied());
            assertThat(world.progress.done()).isEqualTo(world.progress.total()).isPositive();
        }
        SortedMap<String, ByteBuffer> before = BatchWorld.decoded(batchCase.before());
        SortedMap<String, ByteBuffer> after = BatchWorld.decoded(batchCase.after());
        assertThat(BatchWorld.decoded(BatchWorld.objects(store, ""))).isEqualTo(after);
        var same = new TreeSet<String>();
        after.forEach(
                (key, bytes) -> {
                    if (bytes.equals(before.get(key))) {
                        same.add(key);
                    }
                });
        var untouched = new TreeSet<String>();
        versions(store)
                .forEach(
                        (key, version) -> {
                            if (version.equals(versions.get(key))) {
                                untouched.add(key);
                            }
                        });
        assertThat(untouched).isEqualTo(same);
    }

    private static BatchRecord commit(BatchWorld world, BatchCase batchCase) throws IOException {
        List<OpenTable> tables = world.begin(batchCase.tables());
        batchCase.staging().stage(tables);
        return world.commit(tables);
    }

    private static Map<String, ObjectVersion> versions(MemoryObjectStore store) throws IOException {
        Map<String, ObjectVersion> versions = new HashMap<>();
        for (String key : BatchWorld.objects(store, "").keySet()) {
            versions.put(key, store.head(key).orElseThrow());
        }
        return versions;
    }

    @ParameterizedTest
    @MethodSource("cases")
    void headerIsWrittenAfterAllBlocksAndBeforeAnyDeletion(BatchCase batchCase) throws Exception {
        var store = new FaultyObjectStore(new MemoryObjectStore());
        BatchWorld.load(store, batchCase.before());
        try (var world = new BatchWorld(store, new MemoryDisk(), new MemoryJournal())) {
            BatchRecord batch = commit(world, batchCase);
            int committed = store.requests().size();
            world.apply(batch);
            List<String> writes =
                    store.requests().stream()
                            .skip(committed)
                            .filter(FaultyObjectStore.anyWrite())
                            .map(FaultyObjectStore.Request::toString)
                            .toList();
            int header = writes.indexOf("PUT " + BatchCase.key(ObjectNames.HEADER));
            assertThat(header).isNotNegative();
            assertThat(writes.subList(0, header)).allMatch(write -> write.startsWith("PUT "));
            assertThat(writes.subList(header + 1, writes.size()))
                    .allMatch(write -> write.startsWith("DELETE "));
            assertThat(writes).doesNotHaveDuplicates();
        }
    }

    @Test
    void strayBehindTheEndIsReplacedWhenTheTableGrowsOverIt() throws Exception {
        SyntheticTable small = BatchCase.table(false, 2, 4);
        BatchCase batchCase = BatchCase.of("grows", small, small.resized(8, 11, 2));
        var store = new MemoryObjectStore();
        BatchWorld.load(store, batchCase.before());
        byte[] stray = {1, 2, 3};
        for (String object : List.of("data/000003", "data/000009", "index/000002")) {
            store.put(BatchCase.key(object), stray, Condition.always(), Map.of());
        }
        try (var world = new BatchWorld(store, new MemoryDisk(), new MemoryJournal())) {
            assertThat(world.apply(commit(world, batchCase))).isEqualTo(new ApplyOutcome.Applied());
        }
        var found = BatchWorld.objects(store, "");
        assertThat(found.remove(BatchCase.key("data/000009"))).isEqualTo(stray);
        assertThat(BatchWorld.decoded(found)).isEqualTo(BatchWorld.decoded(batchCase.after()));
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 5})
    void blocksOfZerosWrittenOverHolesAreWholeAndOfTheRightLength(int lastPages) throws Exception {
        SyntheticTable small = BatchCase.table(true, 0, 1);
        SyntheticTable grown = small.resized(0, 9 + lastPages, 2);
        byte[] data = BatchCase.withHole(grown.local(TableFile.DATA), 1, 9 + lastPages);
        byte[] index = grown.local(TableFile.INDEX);
        // nothing but the header is staged: the file's length alone makes the blocks
        var lengths = Map.of(TableFile.DATA, List.of(data.length));
        BatchCase batchCase = BatchCase.of("a hole", small, index, data, lengths);
        var store = new MemoryObjectStore();
        BatchWorld.load(store, batchCase.before());
        try (var world = new BatchWorld(store, new MemoryDisk(), new MemoryJournal())) {
            world.apply(commit(world, batchCase));
        }
        assertThat(BatchWorld.decoded(BatchWorld.objects(store, "")))
                .isEqualTo(BatchWorld.decoded(batchCase.after()));
    }

    /** Cuts data inside of page 4, which is in the middle of block 2, and lets it grow to 7 pages. */
    private static List<OpenTable> cutInPageFour(BatchWorld world, SyntheticTable after)
            throws IOException {
        List<OpenTable> tables = world.begin(List.of(BatchCase.TABLE));
        TableCache cache = tables.getFirst().cache();
        cache.truncate(TableFile.DATA, 4 * PAGE + 100);
        cache.truncate(TableFile.DATA, 7 * PAGE);
        AriaHeader header = after.header().asLocal();
        cache.stagePages(TableFile.INDEX, 0, ByteBuffer.wrap(header.bytes()));
        return tables;
    }

    @Test
    void pageLeftHalfByATruncationIsRefusedUntilItIsStaged() throws Exception {
        SyntheticTable before = BatchCase.table(false, 2, 8);
        SyntheticTable after = before.resized(2, 4, 2).resized(2, 7, 9);
        var store = new MemoryObjectStore();
        BatchWorld.load(store, before.objects());
        try (var world = new BatchWorld(store, new MemoryDisk(), new MemoryJournal())) {
            List<OpenTable> tables = cutInPageFour(world, after);
            assertThatThrownBy(() -> world.check(tables))
                    .isInstanceOf(CommitRefusedException.class)
                    .hasMessageContaining("data page 4");
            TableCache cache = tables.getFirst().cache();
            cache.unseal();
            byte[] data = after.local(TableFile.DATA);
            cache.stagePages(TableFile.DATA, 4, ByteBuffer.wrap(data, 4 * PAGE, 3 * PAGE).slice());
            assertThat(world.apply(world.commit(tables))).isEqualTo(new ApplyOutcome.Applied());
        }
        assertThat(BatchWorld.decoded(BatchWorld.objects(store, "")))
                .isEqualTo(BatchWorld.decoded(after.objects()));
    }

    /** A page that was never written is zero, and half of it is as good as the whole. */
    @Test
    void holeCutInTheMiddleOfAPageIsCommitted() throws Exception {
        SyntheticTable full = BatchCase.table(true, 2, 8);
        byte[] holed = BatchCase.withHole(full.local(TableFile.DATA), 4, 7);
        BatchCase base = BatchCase.of("base", full, full.local(TableFile.INDEX), holed, Map.of());
        SyntheticTable shorter = full.resized(2, 7, 2);
        byte[] expected = Arrays.copyOf(holed, 7 * PAGE);
        BatchCase cut =
                BatchCase.of("cut", shorter, shorter.local(TableFile.INDEX), expected, Map.of());
        var store = new MemoryObjectStore();
        BatchWorld.load(store, base.after());
        try (var world = new BatchWorld(store, new MemoryDisk(), new MemoryJournal())) {
            List<OpenTable> tables = cutInPageFour(world, shorter);
            assertThat(world.apply(world.commit(tables))).isEqualTo(new ApplyOutcome.Applied());
        }
        assertThat(BatchWorld.decoded(BatchWorld.objects(store, "")))
                .isEqualTo(BatchWorld.decoded(cut.after()));
    }

    @Test
    void headerThatEndsTheFileBeforeItsLengthCutsIt() throws Exception {
        SyntheticTable before = BatchCase.table(false, 2, 8);
        SyntheticTable after = before.resized(2, 5, 2);
        var store = new FaultyObjectStore(new MemoryObjectStore());
        BatchWorld.load(store, before.objects());
        try (var world = new BatchWorld(store, new MemoryDisk(), new MemoryJournal())) {
            List<OpenTable> tables = world.begin(List.of(BatchCase.TABLE));
            AriaHeader header = before.header().asLocal();
            ByteBuffer staged =
                    ByteBuffer.wrap(
                            header.with(HeaderField.DATA_FILE_LENGTH, 5L * PAGE)
                                    .with(HeaderField.RECORDS, 5)
                                    .bytes());
            tables.getFirst().cache().stagePages(TableFile.INDEX, 0, staged);
            assertThat(world.apply(world.commit(tables))).isEqualTo(new ApplyOutcome.Applied());
        }
        assertThat(store.requests())
                .contains(
                        new FaultyObjectStore.Request(
                                Operation.DELETE, BatchCase.key("data/000003")));
        assertThat(BatchWorld.decoded(BatchWorld.objects(store, "")))
                .isEqualTo(BatchWorld.decoded(after.objects()));
    }
}
