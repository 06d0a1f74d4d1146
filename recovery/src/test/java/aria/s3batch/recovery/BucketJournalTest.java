package aria.s3batch.recovery;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import aria.s3batch.diskcache.MemoryDisk;
import aria.s3batch.diskcache.PageFile;
import aria.s3batch.format.BatchId;
import aria.s3batch.s3block.Condition;
import aria.s3batch.s3block.LockOwner;
import aria.s3batch.s3block.MemoryObjectStore;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;

/** Copies of batches in the bucket: what is written is what is read, and nothing else is. */
final class BucketJournalTest {
    private static final BatchId BATCH = BatchWorld.BATCH;
    private static final String FOLDER = "_aria_s3_batch/journal/" + BATCH + "/";

    private final MemoryObjectStore store = new MemoryObjectStore();
    private final BucketJournal copies = new BucketJournal(store, Runnable::run);
    private BatchWorld owner;
    private BatchRecord batch;
    private List<List<BlockRecord>> blocks;

    /** A committed batch of several tables, with a copy. */
    @BeforeEach
    void commit() throws IOException {
        BatchCase batchCase = BatchCase.ofPartitions();
        BatchWorld.load(store, batchCase.before());
        owner = new BatchWorld(store, disk(), new MemoryJournal());
        owner.durability = Durability.BUCKET;
        List<OpenTable> tables = owner.begin(batchCase.tables());
        batchCase.staging().stage(tables);
        batch = owner.commit(tables);
        blocks = blocks(owner, batch);
        assertThat(batch.tables()).hasSizeGreaterThan(1);
        assertThat(blocks.stream().mapToInt(List::size).sum()).isGreaterThan(3);
    }

    private static MemoryDisk disk() throws IOException {
        var disk = new MemoryDisk();
        disk.createDirectories(BatchWorld.CACHE_DIR.root());
        disk.syncDirectory(Path.of("/"));
        return disk;
    }

    private static List<List<BlockRecord>> blocks(BatchWorld world, BatchRecord of)
            throws IOException {
        List<List<BlockRecord>> blocks = new ArrayList<>();
        for (int i = 0; i < of.tables().size(); i++) {
            blocks.add(world.journal.blocks(of.id(), i));
        }
        return blocks;
    }

    private BatchWorld stranger() throws IOException {
        return new BatchWorld(
                store,
                disk(),
                new MemoryJournal(),
                7,
                new LockOwner("fedcba9876543210", "other", 7, "its boot"));
    }

    private SortedMap<String, byte[]> inBucket() throws IOException {
        return BatchWorld.objects(store, FOLDER);
    }

    private String recordKey() {
        return FOLDER + batch.copy() + "/record";
    }

    @Test
    void whatIsReadIsWhatWasCommitted() throws IOException {
        assertThat(batch.copy()).matches("[0-9a-f]{16}");
        BucketJournal.Copy copy = copies.read(BATCH, batch.copy()).orElseThrow();

        assertThat(copy.owner()).isEqualTo("0123456789abcdef");
        assertThat(copy.host()).isEqualTo("host");
        assertThat(copy.batch()).usingRecursiveComparison().isEqualTo(batch);
        assertThat(copy.blocks()).usingRecursiveComparison().isEqualTo(blocks);
        assertThat(copies.batches()).containsExactly(BATCH);
        assertThat(copies.names(BATCH)).containsExactly(batch.copy());
        assertThat(copies.read(BATCH, "0000000000000000")).isEmpty();
    }

    @Test
    void pagesComeBackIntoTheSlotsThatTheJournalNames() throws IOException {
        BatchWorld other = stranger();
        BucketJournal.Copy copy = copies.read(BATCH, batch.copy()).orElseThrow();
        copies.restorePages(copy, other.folder(), owner.held(batch));

        assertThat(pagesIn(other)).isPositive();
    }

    /** How many there are, all of them as they were staged. */
    private int pagesIn(BatchWorld other) throws IOException {
        int pages = 0;
        for (int table = 0; table < blocks.size(); table++) {
            for (BlockRecord block : blocks.get(table)) {
                PageTable staged = block.pages();
                for (int i = 0; i < staged.size(); i++) {
                    Path path = other.folder().pageFile(table);
                    try (PageFile file = PageFile.open(other.disk, path)) {
                        assertThat(file.batch()).isEqualTo(BATCH);
                        assertThat(file.table())
                                .isEqualTo(batch.tables().get(table).base().table());
                        file.readVerified(
                                staged.slot(i),
                                staged.crc32c(i),
                                ByteBuffer.allocate(file.pageBytes()));
                        pages++;
                    }
                }
            }
        }
        return pages;
    }

    /** Whole pages in each, also where one more does not fit. */
    @Test
    void manyPagesAreCutIntoObjects() throws IOException {
        var cutting = new BucketJournal(store, Runnable::run, 3 * BatchCase.PAGE / 2);
        BatchRecord again = batch.withCopy("0000000000000000", false);
        cutting.write(again, blocks, owner.folder(), owner.held(batch));
        long pages = blocks.stream().flatMap(List::stream).mapToInt(b -> b.pages().size()).sum();

        BucketJournal.Copy copy = copies.read(BATCH, again.copy()).orElseThrow();
        assertThat(copy.objects()).hasSize((int) pages).hasSizeGreaterThan(2);
        assertThat(copy.objects().getFirst().bytes()).isEqualTo(BatchCase.PAGE);
        BatchWorld other = stranger();
        copies.restorePages(copy, other.folder(), owner.held(batch));
        assertThat(pagesIn(other)).isEqualTo((int) pages);
    }

    /** Bytes changed one by one, or cut off: all of them are found, whichever object they are in. */
    @Test
    void aCopyWithAnyByteChangedIsRefusedAndNamed() throws IOException {
        for (Map.Entry<String, byte[]> object : inBucket().entrySet()) {
            byte[] whole = object.getValue();
            int stride = whole.length > 20_000 ? 997 : 1;
            for (int at = 0; at < whole.length; at += stride) {
                byte[] damaged = whole.clone();
                damaged[at] = (byte) (damaged[at] ^ 1 << at % 8);
                assertRefused(object.getKey(), damaged);
            }
            assertRefused(object.getKey(), Arrays.copyOf(whole, whole.length - 1));
            assertRefused(object.getKey(), Arrays.copyOf(whole, whole.length + 1));
            assertRefused(object.getKey(), new byte[0]);
            store.put(object.getKey(), whole, Condition.always(), Map.of());
        }
    }

    private void assertRefused(String key, byte[] damaged) throws IOException {
        store.put(key, damaged, Condition.always(), Map.of());
        BatchWorld other = stranger();
        assertThatThrownBy(
                        () -> {
                            BucketJournal.Copy copy =
                                    copies.read(BATCH, batch.copy()).orElseThrow();
                            copies.restorePages(copy, other.folder(), owner.held(batch));
                        })
                .isInstanceOf(DamagedCopyException.class)
                .hasMessageContaining(key)
                .hasMessageContaining("Nothing was applied");
    }

    @Test
    void aPageObjectThatIsGoneIsNamed() throws IOException {
        String pages = FOLDER + batch.copy() + "/pages-000000";
        store.delete(pages, Condition.always());
        BucketJournal.Copy copy = copies.read(BATCH, batch.copy()).orElseThrow();
        BatchWorld other = stranger();
        assertThatThrownBy(() -> copies.restorePages(copy, other.folder(), owner.held(batch)))
                .isInstanceOf(DamagedCopyException.class)
                .hasMessageContaining(pages)
                .hasMessageContaining("no object");
    }

    /** A record counts under its own key alone. */
    @Test
    void aRecordUnderAnotherNameIsNone() throws IOException {
        byte[] record = store.get(recordKey()).orElseThrow().body();
        String other = FOLDER + "0000000000000000/record";
        store.put(other, record, Condition.always(), Map.of());
        assertThatThrownBy(() -> copies.read(BATCH, "0000000000000000"))
                .isInstanceOf(DamagedCopyException.class)
                .hasMessageContaining(other);
    }

    @Test
    void aDamagedPageFileIsFoundBeforeItGetsIntoACopy() throws IOException {
        Path pages = owner.folder().pageFile(0);
        try (var file = owner.disk.open(pages)) {
            ByteBuffer one = ByteBuffer.allocate(1);
            long at = file.size() - 100;
            file.read(one, at);
            file.write(ByteBuffer.wrap(new byte[] {(byte) ~one.get(0)}), at);
        }
        BatchRecord again = batch.withCopy("0000000000000000", false);
        assertThatThrownBy(() -> copies.write(again, blocks, owner.folder(), owner.held(batch)))
                .hasMessageContaining(pages.toString());
        assertThat(copies.names(BATCH)).containsExactly(batch.copy());
    }

    @Test
    void theRecordIsDeletedFirst() throws IOException {
        List<String> order = new ArrayList<>();
        Steps steps = Steps.never();
        new BucketJournal(steps.over(store), Runnable::run).delete(BATCH);
        steps.points().stream()
                .map(Steps.Point::name)
                .filter(name -> name.startsWith("DELETE"))
                .forEach(order::add);
        assertThat(order.getFirst()).isEqualTo("DELETE " + recordKey());
        assertThat(order).hasSize(2);
        assertThat(inBucket()).isEmpty();
    }

    @Test
    void theNoteForTheFormerOwnerIsNoCopy() throws IOException {
        assertThat(copies.finished(BATCH)).isEmpty();
        copies.delete(BATCH);
        copies.noteFinished(BATCH, "discarded", owner.held(batch));
        assertThat(copies.finished(BATCH)).contains("discarded");
        assertThat(copies.hasCopies(BATCH)).isFalse();
        copies.noteFinished(BATCH, "applied", owner.held(batch));
        assertThat(copies.finished(BATCH)).contains("applied");
        copies.forgetFinished(BATCH);
        assertThat(inBucket()).isEmpty();
    }
}
