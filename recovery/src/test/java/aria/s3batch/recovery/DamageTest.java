package aria.s3batch.recovery;

import static aria.s3batch.recovery.BatchCase.PAGE;
import static aria.s3batch.recovery.BatchCase.key;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import aria.s3batch.diskcache.MemoryDisk;
import aria.s3batch.diskcache.StagedPages;
import aria.s3batch.format.AriaHeader;
import aria.s3batch.format.BlockFrame;
import aria.s3batch.format.DamagedTableException;
import aria.s3batch.format.FrmImage;
import aria.s3batch.format.HeaderField;
import aria.s3batch.format.Numbers;
import aria.s3batch.format.ObjectNames;
import aria.s3batch.format.SyntheticTable;
import aria.s3batch.format.TableFile;
import aria.s3batch.s3block.Condition;
import aria.s3batch.s3block.FaultyObjectStore;
import aria.s3batch.s3block.MemoryObjectStore;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;

/**
 * One flipped byte, anywhere: in a page file, a file of the block cache, an object of the table; and page
 * files that end anywhere. It is found and named before anything is overwritten, or it lies where MariaDB
 * has no checksum: then it stays in S3 as it is. The journal has {@link JournalDamageTest}.
 *
 * <p>In the full run every byte of page file and block cache, of frm and of the header's fields, and one in
 * 7, or 67 where the batch does not look, of blocks; otherwise one in {@value #SHORT_STRIDE} and all that
 * begin or end a page.
 */
final class DamageTest {
    private static final boolean LONG = Numbers.areLong();
    private static final int SHORT_STRIDE = 509;

    /** A small table: header, two index pages, four data pages in two blocks. */
    private static SyntheticTable table(boolean compressed) {
        return BatchCase.table(compressed, 2, 4);
    }

    private static final String HEADER = key(ObjectNames.HEADER);
    private static final String FRM = key("frm");

    /** What is behind it is zero. */
    private static final int HEADER_FIELDS_END = 512;

    /** Where the version of the definition is in the frm of these tables. */
    private static final int VERSION_AT = 66;

    private static final int STAGED_PAGE = 1;
    private static final byte[] IMAGE = SyntheticTable.page(TableFile.DATA, STAGED_PAGE, 9);

    /** Stages the header and one of the three pages of {@code data/000001}, without a look at the table. */
    private static void stage(OpenTable open, SyntheticTable table) throws IOException {
        AriaHeader header = table.header().with(HeaderField.RECORDS, 77);
        open.cache().stagePages(TableFile.INDEX, 0, ByteBuffer.wrap(header.asLocal().bytes()));
        open.cache().stagePages(TableFile.DATA, STAGED_PAGE, ByteBuffer.wrap(IMAGE));
    }

    /** Of bytes that are all of one class, one in so many; the first and the last of each page always. */
    private static boolean isTried(int at, int longStride) {
        int inPage = at % PAGE;
        return at % (LONG ? longStride : SHORT_STRIDE) == 0 || inPage < 12 || inPage >= PAGE - 5;
    }

    private interface Attempt {
        void at(int offset) throws IOException;
    }

    private static void everyByte(int bytes, IntPredicate tried, Attempt attempt) {
        IntStream.range(0, bytes)
                .filter(tried)
                .parallel()
                .forEach(
                        offset -> {
                            try {
                                attempt.at(offset);
                            } catch (IOException e) {
                                throw new AssertionError("byte " + offset, e);
                            }
                        });
    }

    // ---- the page file -------------------------------------------------------------------------

    private final MemoryDisk disk = new MemoryDisk();
    private final MemoryJournal journal = new MemoryJournal();
    private final FaultyObjectStore store = new FaultyObjectStore(new MemoryObjectStore());

    private BatchWorld process() throws IOException {
        var process = new BatchWorld(store, disk, journal);
        process.readers = Readers.FENCE;
        return process;
    }

    /** Commits a batch whose page file has a slot that is not used any more, and one that was never. */
    private BatchRecord commit() throws IOException {
        SyntheticTable table = table(false);
        BatchWorld.load(store, table.objects());
        BatchWorld process = process();
        List<OpenTable> tables = process.begin(List.of(BatchCase.TABLE));
        tables.getFirst()
                .cache()
                .stagePages(
                        TableFile.DATA,
                        STAGED_PAGE,
                        ByteBuffer.wrap(SyntheticTable.page(TableFile.DATA, STAGED_PAGE, 3)));
        stage(tables.getFirst(), table);
        return process.commit(tables);
    }

    private SortedSet<Integer> slots(BatchRecord batch) {
        var slots = new TreeSet<Integer>();
        for (BlockRecord block : journal.blocks(batch.id(), 0)) {
            IntStream.range(0, block.pages().size()).forEach(i -> slots.add(block.pages().slot(i)));
        }
        return slots;
    }

    private void assertQuarantined(BatchRecord batch, String place, String what)
            throws IOException {
        int requests = store.requests().size();
        ApplyOutcome outcome = process().apply(batch);
        assertThat(outcome).as(what).isInstanceOf(ApplyOutcome.Quarantined.class);
        assertThat(((ApplyOutcome.Quarantined) outcome).reason())
                .as(what)
                .contains(process().folder().pageFile(0).toString(), place);
        assertThat(store.requests().subList(requests, store.requests().size()))
                .as(what)
                .noneMatch(FaultyObjectStore.anyWrite());
    }

    private void assertApplied(BatchRecord batch) throws IOException {
        assertThat(process().apply(batch)).isEqualTo(new ApplyOutcome.Applied());
        byte[] block = BatchWorld.objects(store, "").get(key("data/000001"));
        assertThat(Arrays.copyOfRange(block, STAGED_PAGE * PAGE, (STAGED_PAGE + 1) * PAGE))
                .isEqualTo(IMAGE);
    }

    @Test
    void flippedByteOfThePageFileIsFoundBeforeTheFirstWrite() throws Exception {
        BatchRecord batch = commit();
        Path pages = process().folder().pageFile(0);
        SortedSet<Integer> slots = slots(batch);
        int bytes = (int) disk.size(pages);
        int unused = 0;
        for (int at = 0; at < bytes; at++) {
            int slot = at / PAGE - 1;
            if (slot >= 0 && !slots.contains(slot)) {
                disk.flipByte(pages, at); // nobody reads it: it stays so
                unused++;
            } else if (isTried(at, 1)) {
                disk.flipByte(pages, at);
                assertQuarantined(batch, slot < 0 ? "offset" : "slot " + slot, "byte " + at);
                disk.flipByte(pages, at);
            }
        }
        assertThat(unused).isPositive();
        assertApplied(batch);
    }

    @Test
    void pageFileThatEndsAnywhereIsFoundBeforeTheFirstWrite() throws Exception {
        BatchRecord batch = commit();
        Path pages = process().folder().pageFile(0);
        int used = (slots(batch).getLast() + 2) * PAGE;
        byte[] whole = new byte[used];
        try (var file = disk.open(pages)) {
            file.read(ByteBuffer.wrap(whole), 0);
            for (int length = used - 1; length >= 0; length--) {
                if (isTried(length, 3)) {
                    file.truncate(length);
                    assertQuarantined(batch, "", "cut to " + length);
                }
            }
            file.write(ByteBuffer.wrap(whole), 0); // what is behind the last slot is not missed
        }
        assertApplied(batch);
    }

    // ---- the block cache -----------------------------------------------------------------------

    @Test
    void flippedByteOfTheBlockCacheIsReadFromS3Instead() throws Exception {
        SyntheticTable table = table(false);
        BatchWorld.load(store, table.objects());
        BatchWorld process = process();
        OpenTable open = process.begin(List.of(BatchCase.TABLE)).getFirst();
        byte[] data = table.local(TableFile.DATA);
        int block = Math.min(data.length, BatchCase.BLOCK);
        for (int at = 0; at < block; at++) {
            if (isTried(at, 1)) {
                read(open, block);
                disk.flipByte(cached(), at);
                long failures = process.blockCache.failures();
                long fetched = open.reader().blocksFetched();
                assertThat(read(open, block))
                        .as("byte " + at)
                        .isEqualTo(Arrays.copyOf(data, block));
                assertThat(process.blockCache.failures()).as("byte " + at).isEqualTo(failures + 1);
                assertThat(open.reader().blocksFetched()).as("byte " + at).isEqualTo(fetched + 1);
            }
        }
    }

    @Test
    void flippedByteOfTheBlockCacheDoesNotGetIntoS3() {
        SyntheticTable table = table(false);
        everyByte(
                BatchCase.BLOCK,
                at -> isTried(at, 13),
                at -> {
                    var bucket = new MemoryObjectStore();
                    BatchWorld.load(bucket, table.objects());
                    var cacheDisk = new MemoryDisk();
                    var process = new BatchWorld(bucket, cacheDisk, new MemoryJournal());
                    List<OpenTable> tables = process.begin(List.of(BatchCase.TABLE));
                    read(tables.getFirst(), BatchCase.BLOCK);
                    stage(tables.getFirst(), table);
                    BatchRecord batch = process.commit(tables);
                    cacheDisk.flipByte(
                            cacheDisk.list(BatchWorld.CACHE_DIR.blockCache()).getFirst(), at);
                    assertThat(process.apply(batch)).isEqualTo(new ApplyOutcome.Applied());
                    assertThat(BatchWorld.objects(bucket, "").get(key("data/000001")))
                            .as("byte " + at)
                            .isEqualTo(expectedBlock(table, new byte[BatchCase.BLOCK]));
                });
    }

    private static byte[] expectedBlock(SyntheticTable table, byte[] flips) {
        byte[] block = Arrays.copyOf(table.local(TableFile.DATA), BatchCase.BLOCK);
        for (int i = 0; i < block.length; i++) {
            block[i] ^= flips[i];
        }
        System.arraycopy(IMAGE, 0, block, STAGED_PAGE * PAGE, PAGE);
        return block;
    }

    private static byte[] read(OpenTable open, int bytes) throws IOException {
        byte[] read = new byte[bytes];
        open.cache().read(TableFile.DATA, 0, ByteBuffer.wrap(read));
        return read;
    }

    private Path cached() throws IOException {
        return disk.list(BatchWorld.CACHE_DIR.blockCache()).getFirst();
    }

    // ---- objects of the table ------------------------------------------------------------------

    /** What became of a batch on a table of which one byte is wrong. */
    private enum Outcome {
        REFUSED,
        QUARANTINED,
        APPLIED
    }

    /** A table with one wrong byte, and what a batch makes of it. */
    private static final class Rotten {
        final SyntheticTable table;
        final String key;
        final SortedMap<String, byte[]> damaged;
        final MemoryObjectStore bucket = new MemoryObjectStore();
        final FaultyObjectStore requests = new FaultyObjectStore(bucket);
        final String what;
        String message = "";

        Rotten(SyntheticTable table, String key, int at) throws IOException {
            this.table = table;
            this.key = key;
            this.what = "byte %d of %s".formatted(at, key);
            this.damaged = new TreeMap<>(table.objects());
            byte[] body = damaged.get(key);
            assert body != null : key;
            damaged.put(key, flipped(body, at));
            BatchWorld.load(bucket, damaged);
        }

        /** Begins, stages, commits and applies. */
        Outcome run() throws IOException {
            var process = new BatchWorld(requests, new MemoryDisk(), new MemoryJournal());
            process.readers = Readers.FENCE;
            BatchRecord batch;
            try {
                List<OpenTable> tables = process.begin(List.of(BatchCase.TABLE));
                stage(tables.getFirst(), table);
                batch = process.commit(tables);
            } catch (IOException e) {
                message = String.valueOf(e.getMessage());
                return Outcome.REFUSED;
            } finally {
                process.close();
            }
            ApplyOutcome outcome = process.apply(batch);
            if (outcome instanceof ApplyOutcome.Quarantined quarantined) {
                message = quarantined.reason();
                return Outcome.QUARANTINED;
            }
            assertThat(outcome).as(what).isEqualTo(new ApplyOutcome.Applied());
            return Outcome.APPLIED;
        }

        /** Found and named, and not one request has written anything. */
        void assertFound() {
            // which of them is wrong, a header or a block that it does not fit, nobody can tell
            String place = key.equals(HEADER) ? "db/t/" : key;
            assertThat(message).as(what).containsAnyOf(place, "db.t");
            assertThat(requests.requests()).as(what).noneMatch(FaultyObjectStore.anyWrite());
        }

        /** All that the batch did not stage is what it was, the wrong byte too. */
        void assertApplied() throws IOException {
            SortedMap<String, byte[]> found = BatchWorld.objects(bucket, "");
            SortedMap<String, byte[]> expected = new TreeMap<>(damaged);
            assertThat(found.keySet()).as(what).isEqualTo(expected.keySet());
            AriaHeader staged = table.header().with(HeaderField.RECORDS, 77);
            expected.computeIfPresent(HEADER, (object, base) -> published(staged, base));
            expected.computeIfPresent(
                    FRM, (object, frm) -> withVersionOf(object(found, object), frm));
            for (String object : expected.keySet()) {
                byte[] is = object(found, object);
                byte[] was = object(expected, object);
                if (object.equals(key("data/000001"))) {
                    is = plain(is);
                    was = plain(was).clone();
                    System.arraycopy(IMAGE, 0, was, STAGED_PAGE * PAGE, PAGE);
                }
                assertThat(Arrays.equals(is, was)).as(what + ": " + object).isTrue();
            }
        }

        private static byte[] object(SortedMap<String, byte[]> objects, String key) {
            byte[] body = objects.get(key);
            assert body != null : key;
            return body;
        }

        private static byte[] published(AriaHeader staged, byte[] base) {
            try {
                return staged.withS3FieldsOf(AriaHeader.parse(base, HEADER)).bytes();
            } catch (DamagedTableException e) {
                throw new AssertionError(e);
            }
        }

        private byte[] plain(byte[] block) throws IOException {
            return BlockFrame.decode(
                    block, BatchCase.BLOCK, table.header().get(HeaderField.COMPRESSION) != 0, what);
        }

        private static byte[] withVersionOf(byte[] found, byte[] frm) {
            byte[] version =
                    Arrays.copyOfRange(found, VERSION_AT, VERSION_AT + FrmImage.VERSION_BYTES);
            byte[] expected = frm.clone();
            System.arraycopy(version, 0, expected, VERSION_AT, version.length);
            return expected;
        }
    }

    private static byte[] flipped(byte[] body, int at) {
        byte[] flipped = body.clone();
        flipped[at] ^= 0x55;
        return flipped;
    }

    /** The header's fields are no two alike; the rest of a block is, and what the batch does not touch. */
    private static boolean isTriedIn(String key, int at) {
        if (key.equals(HEADER)) {
            return at < HEADER_FIELDS_END || isTried(at, 7);
        }
        return isTried(at, key.equals(FRM) ? 1 : key.equals(key("data/000001")) ? 7 : 67);
    }

    /** There before the batch began. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void flippedByteOfATableIsFoundBeforeTheFirstWriteOrStays(boolean compressed) {
        SyntheticTable table = table(compressed);
        Map<String, Integer> seen = new ConcurrentHashMap<>();
        table.objects()
                .forEach(
                        (key, body) ->
                                everyByte(
                                        body.length,
                                        at -> isTriedIn(key, at),
                                        at -> {
                                            var rotten = new Rotten(table, key, at);
                                            Outcome outcome = rotten.run();
                                            seen.merge(key + " " + outcome, 1, Integer::sum);
                                            if (outcome == Outcome.APPLIED) {
                                                rotten.assertApplied();
                                            } else {
                                                rotten.assertFound();
                                            }
                                        }));
        assertThat(seen)
                .containsKeys(
                        HEADER + " REFUSED", // what defines the table
                        HEADER + " APPLIED", // what every batch writes
                        FRM + " REFUSED", // lengths and positions
                        FRM + " APPLIED", // the rest has no checksum, and stays
                        key("data/000001 REFUSED"),
                        key("data/000002 APPLIED"), // not read, and stays
                        key("index/000001 APPLIED"));
        assertThat(seen.keySet()).noneMatch(outcome -> outcome.endsWith("QUARANTINED"));
    }

    /** A block that is written in part, and was never read: damaged long ago, it is found at commit. */
    @Test
    void damagedBlockIsFoundAtCommitAndTheBatchStaysOpen() throws Exception {
        SyntheticTable table = table(false);
        var rotten = new Rotten(table, key("data/000001"), 2 * PAGE + 99);
        var process = new BatchWorld(rotten.requests, disk, journal);
        List<OpenTable> tables = process.begin(List.of(BatchCase.TABLE));
        stage(tables.getFirst(), table);
        assertThatThrownBy(() -> process.check(tables))
                .isInstanceOf(DamagedTableException.class)
                .hasMessageContainingAll(key("data/000001"), "data page 2");
        assertThat(rotten.requests.requests()).noneMatch(FaultyObjectStore.anyWrite());
        BatchWorld.load(rotten.bucket, table.objects());
        tables.getFirst().cache().discard();
        List<OpenTable> again = process.begin(List.of(BatchCase.TABLE));
        stage(again.getFirst(), table);
        assertThat(process.apply(process.commit(again))).isEqualTo(new ApplyOutcome.Applied());
    }

    /** One bit of a length in the header, and the list of its blocks would not fit into memory. */
    @ParameterizedTest
    @EnumSource
    void lengthThatNoMemoryHoldsIsRefusedAtPlanAndCommit(TableFile file) throws Exception {
        SyntheticTable table = table(false);
        HeaderField field =
                file == TableFile.INDEX
                        ? HeaderField.KEY_FILE_LENGTH
                        : HeaderField.DATA_FILE_LENGTH;
        long length = table.header().fileLength(file) | 1L << 43;
        BatchWorld.load(store, table.objects());
        byte[] header = table.header().with(field, length).bytes();
        store.put(HEADER, header, Condition.always(), Map.of());
        BatchWorld process = process();
        List<OpenTable> tables = process.begin(List.of(BatchCase.TABLE));
        OpenTable open = tables.getFirst();
        open.cache().truncate(file, table.header().fileLength(file));
        stage(open, table);
        assertThatThrownBy(() -> process.check(tables))
                .isInstanceOf(CommitRefusedException.class)
                .hasMessageContainingAll(file.key() + " file", "is damaged");
        open.cache().unseal();
        StagedPages staged = open.cache().seal();
        assertThatThrownBy(() -> ApplyForecast.of(open, staged, Readers.FENCE, true))
                .isInstanceOf(CommitRefusedException.class);
    }

    /** A page of another block would be written over, unread: the block is wholly staged by that size. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void blockSizeThatTheFirstBlockContradictsIsFoundAtCommit(boolean compressed) throws Exception {
        SyntheticTable table = table(compressed);
        BatchWorld.load(store, table.objects());
        byte[] header = table.header().with(HeaderField.S3_BLOCK_SIZE, PAGE).bytes();
        store.put(HEADER, header, Condition.always(), Map.of());
        BatchWorld process = process();
        List<OpenTable> tables = process.begin(List.of(BatchCase.TABLE));
        stage(tables.getFirst(), table);
        assertThatThrownBy(() -> process.check(tables))
                .isInstanceOf(DamagedTableException.class)
                .hasMessageContaining(key("data/000001"));
    }
}
