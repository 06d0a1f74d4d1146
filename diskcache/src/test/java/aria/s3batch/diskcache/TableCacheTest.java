package aria.s3batch.diskcache;

import static aria.s3batch.diskcache.TableWorld.BATCH;
import static aria.s3batch.diskcache.TableWorld.CACHE;
import static aria.s3batch.diskcache.TableWorld.FILE_MAX;
import static aria.s3batch.diskcache.TableWorld.PAGE;
import static aria.s3batch.diskcache.TableWorld.filled;
import static aria.s3batch.diskcache.TableWorld.pageFile;
import static aria.s3batch.format.TableFile.DATA;
import static aria.s3batch.format.TableFile.INDEX;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import aria.s3batch.format.TableName;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;

class TableCacheTest {
    @Test
    void nothingIsOnDiskBeforeTheFirstStagedPage() throws IOException {
        TableWorld world = TableWorld.withPages(2, 4);
        world.assertAsModelled();
        world.truncate(DATA, 2 * PAGE);
        assertThat(world.memory.exists(CACHE.batch(BATCH))).isFalse();
        assertThat(world.space.usedBytes()).isZero();
        assertThat(world.cache.seal().count()).isZero();
        world.cache.sync();
        world.cache.unseal();
        world.stage(DATA, 0, filled(PAGE, 1));
        assertThat(world.memory.exists(pageFile())).isTrue();
    }

    @Test
    void stagedPagesHideTheBase() throws IOException {
        TableWorld world = TableWorld.withPages(2, 4);
        world.stage(DATA, 1, filled(2 * PAGE, 7));
        world.stage(INDEX, 0, filled(PAGE, 8));
        world.assertAsModelled();
        assertThat(world.cache.pages()).isEqualTo(3);
    }

    @Test
    void partialWriteKeepsTheRestOfThePageAndReadsTheBaseOnce() throws IOException {
        TableWorld world = TableWorld.withPages(2, 4);
        world.write(INDEX, 24, filled(3, 1));
        world.write(INDEX, 100, filled(8, 2));
        assertThat(world.baseReads).isEqualTo(1);
        world.assertAsModelled();
    }

    @Test
    void writeAcrossPagesReadsTheBaseOfItsEndsOnly() throws IOException {
        TableWorld world = TableWorld.withPages(0, 6);
        world.write(DATA, PAGE / 2, filled(3 * PAGE, 9));
        assertThat(world.baseReads).isEqualTo(2);
        assertThat(world.cache.pages()).isEqualTo(4);
        world.assertAsModelled();
    }

    @Test
    void writeThatCoversAllOfTheLastPartialPageNeedsNoBase() throws IOException {
        TableWorld world = new TableWorld(0, PAGE + 100, 1 << 20);
        world.write(DATA, PAGE, filled(100, 5));
        assertThat(world.baseReads).isZero();
        world.assertAsModelled();
    }

    @Test
    void growthLeavesAHoleOfZeros() throws IOException {
        TableWorld world = new TableWorld(0, PAGE + 100, 1 << 20);
        world.write(DATA, 5 * PAGE + 7, filled(3, 5));
        assertThat(world.cache.length(DATA)).isEqualTo(5 * PAGE + 10);
        assertThat(world.cache.pages()).isEqualTo(1);
        world.assertAsModelled();
        world.truncate(DATA, 9 * PAGE);
        world.assertAsModelled();
    }

    @Test
    void emptyWriteChangesNothing() throws IOException {
        TableWorld world = TableWorld.withPages(0, 1);
        world.write(DATA, 3 * PAGE, ByteBuffer.allocate(0));
        world.stage(DATA, 3, ByteBuffer.allocate(0));
        assertThat(world.cache.length(DATA)).isEqualTo(PAGE);
        assertThat(world.cache.pages()).isZero();
    }

    @Test
    void oldBaseNeverComesBackAfterShrinkAndGrowth() throws IOException {
        TableWorld world = TableWorld.withPages(0, 8);
        world.truncate(DATA, PAGE);
        world.stage(DATA, 5, filled(PAGE, 1));
        world.assertAsModelled();
        assertThat(world.cache.baseVisibleBytes(DATA)).isEqualTo(PAGE);
        world.write(DATA, 3 * PAGE + 5, filled(5, 2)); // merges with zeros, not with the base
        assertThat(world.baseReads).isEqualTo(1); // page 0, read by the assertion
        world.assertAsModelled();
    }

    @Test
    void cutInsideABasePageZeroesItsRest() throws IOException {
        TableWorld world = TableWorld.withPages(0, 4);
        world.truncate(DATA, PAGE + 10);
        world.truncate(DATA, 4 * PAGE);
        world.assertAsModelled();
        world.write(DATA, PAGE + 20, filled(5, 3));
        world.assertAsModelled();
        assertThat(world.cache.baseVisibleBytes(DATA)).isEqualTo(PAGE + 10);
    }

    @Test
    void cutInsideAStagedPageZeroesItsRest() throws IOException {
        TableWorld world = TableWorld.withPages(0, 4);
        world.stage(DATA, 1, filled(2 * PAGE, 6));
        world.truncate(DATA, PAGE + 10);
        assertThat(world.cache.pages()).isEqualTo(1);
        world.truncate(DATA, 4 * PAGE);
        world.assertAsModelled();
    }

    @Test
    void truncateOfOneFileLeavesTheOtherAlone() throws IOException {
        TableWorld world = TableWorld.withPages(4, 4);
        world.stage(INDEX, 2, filled(PAGE, 1));
        world.stage(DATA, 2, filled(PAGE, 2));
        world.truncate(INDEX, 0);
        world.assertAsModelled();
        world.truncate(DATA, 0);
        assertThat(world.cache.pages()).isZero();
        world.assertAsModelled();
    }

    /** T2. The half that was written lies in another slot. */
    @Test
    void writeThatFailsLeavesThePageThatWasStagedBefore() throws IOException {
        TableWorld world = TableWorld.withPages(0, 4);
        world.stage(DATA, 1, filled(PAGE, 7));
        world.disk.failOnce(1, IOException::new);
        assertThatThrownBy(() -> world.cache.stagePages(DATA, 1, filled(PAGE, 8)))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("injected: write");
        world.assertAsModelled();
        world.stage(DATA, 1, filled(PAGE, 9));
        world.assertAsModelled();
    }

    @Test
    void stagedPagesBehindACutAreGoneAlsoWhenTheFileGrowsAgain() throws IOException {
        TableWorld world = TableWorld.withPages(0, 4);
        world.stage(DATA, 2, filled(2 * PAGE, 7));
        world.stage(INDEX, 3, filled(PAGE, 8));
        world.truncate(DATA, 3 * PAGE);
        world.truncate(DATA, 4 * PAGE);
        world.assertAsModelled();
        assertThat(world.cache.pages()).isEqualTo(2);
    }

    @Test
    void pagesStagedAgainAndSlotsFreedByTruncateAreReused() throws IOException {
        TableWorld world = TableWorld.withPages(0, 8);
        for (int round = 0; round < 20; round++) {
            world.stage(DATA, 0, filled(8 * PAGE, round));
            world.write(DATA, 100, filled(PAGE, round));
            world.truncate(DATA, 2 * PAGE);
        }
        world.assertAsModelled();
        long headerPagesAndSpare = 10L * PAGE;
        assertThat(world.memory.size(pageFile())).isLessThanOrEqualTo(headerPagesAndSpare);
        assertThat(world.cache.reservedBytes()).isEqualTo(headerPagesAndSpare);
        assertThat(world.space.usedBytes()).isEqualTo(headerPagesAndSpare);
    }

    @Test
    void journalSeesPagesInOrderWithSlotChecksumAndFlag() throws IOException {
        TableWorld world = TableWorld.withPages(4, 8);
        world.stage(DATA, 5, filled(PAGE, 1));
        world.stage(DATA, 2, filled(PAGE, 2));
        world.write(INDEX, 3 * PAGE, filled(10, 3));
        world.stage(INDEX, 1, filled(PAGE, 4));
        world.stage(DATA, 2, filled(PAGE, 5)); // again
        StagedPages staged = world.cache.seal();
        assertThat(staged.count()).isEqualTo(4);
        List<String> seen = new ArrayList<>();
        staged.forEach(
                (file, page, slot, crc32c, unverified) ->
                        seen.add(file.key() + " " + page + (unverified ? " unverified" : "")));
        assertThat(seen).containsExactly("index 1", "index 3 unverified", "data 2", "data 5");
        assertThat(staged.length(DATA)).isEqualTo(8 * PAGE);
        assertThat(world.applied(staged, DATA)).isEqualTo(world.model(DATA));
        assertThat(world.applied(staged, INDEX)).isEqualTo(world.model(INDEX));
    }

    @Test
    void wholePageStagedOverAMergedOneIsVerifiedAgain() throws IOException {
        TableWorld world = TableWorld.withPages(0, 2);
        world.write(DATA, 10, filled(10, 1));
        world.stage(DATA, 0, filled(PAGE, 2));
        world.cache
                .seal()
                .forEach(
                        (file, page, slot, crc32c, unverified) -> assertThat(unverified).isFalse());
    }

    @Test
    void sealedTableRefusesEveryChangeUntilUnsealed() throws IOException {
        TableWorld world = TableWorld.withPages(1, 2);
        world.stage(DATA, 0, filled(PAGE, 1));
        StagedPages staged = world.cache.seal();
        assertThatThrownBy(() -> world.stage(DATA, 1, filled(PAGE, 2)))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("shop/orders")
                .hasMessageContaining(BATCH.toString());
        assertThatThrownBy(() -> world.write(DATA, 1, filled(1, 2)))
                .isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> world.truncate(DATA, 0)).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(world.cache::seal).isInstanceOf(IllegalStateException.class);
        world.assertAsModelled();
        world.cache.unseal();
        assertThatThrownBy(staged::count).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(world.cache::sync).isInstanceOf(IllegalStateException.class);
        world.stage(DATA, 1, filled(PAGE, 2));
        world.assertAsModelled();
    }

    @Test
    void syncedTableSurvivesPowerLoss() throws IOException {
        TableWorld world = TableWorld.withPages(1, 4);
        world.stage(DATA, 0, filled(3 * PAGE, 1));
        StagedPages staged = world.cache.seal();
        List<long[]> pages = new ArrayList<>();
        staged.forEach(
                (file, page, slot, crc32c, unverified) -> pages.add(new long[] {slot, crc32c}));
        world.cache.sync();
        world.memory.crash();
        assertThat(CACHE.listBatches(world.memory)).containsExactly(BATCH);
        try (PageFile file = PageFile.open(world.memory, pageFile())) {
            assertThat(file.batch()).isEqualTo(BATCH);
            for (long[] page : pages) {
                file.readVerified((int) page[0], (int) page[1], ByteBuffer.allocate(PAGE));
            }
        }
    }

    @Test
    void unsyncedTableLeavesNothingAfterPowerLoss() throws IOException {
        TableWorld world = TableWorld.withPages(1, 4);
        world.stage(DATA, 0, filled(3 * PAGE, 1));
        world.memory.crash();
        assertThat(CACHE.listBatches(world.memory)).isEmpty();
        assertThat(world.memory.exists(CACHE.batches())).isTrue();
    }

    @Test
    void failedSyncIsFinal() throws IOException {
        for (int call = 1; call <= 3; call++) { // page file, its folder, the folder of that
            TableWorld world = TableWorld.withPages(1, 4);
            world.stage(DATA, 0, filled(PAGE, 1));
            StagedPages staged = world.cache.seal();
            world.disk.failOnce(call, IOException::new);
            assertThatThrownBy(world.cache::sync).hasMessageContaining("injected: sync");
            assertThatThrownBy(world.cache::sync).hasMessageContaining("a sync failed");
            assertThatThrownBy(world.cache::unseal).hasMessageContaining("a sync failed");
            assertThatThrownBy(world.cache::seal).hasMessageContaining("a sync failed");
            assertThatThrownBy(() -> world.stage(DATA, 0, filled(PAGE, 1)))
                    .hasMessageContaining("a sync failed");
            assertThatThrownBy(() -> world.read(DATA, 0, 1)).isInstanceOf(IOException.class);
            assertThatThrownBy(staged::count).isInstanceOf(IllegalStateException.class);
            world.cache.discard();
            assertThat(world.memory.exists(pageFile())).isFalse();
        }
    }

    @Test
    void discardDeletesTheFileAndReleasesItsSpace() throws IOException {
        TableWorld world = TableWorld.withPages(1, 4);
        world.stage(DATA, 0, filled(3 * PAGE, 1));
        assertThat(world.space.usedBytes()).isEqualTo(5 * PAGE);
        world.cache.discard();
        assertThat(world.memory.exists(pageFile())).isFalse();
        assertThat(world.space.usedBytes()).isZero();
        world.cache.discard();
        world.cache.close();
        assertThatThrownBy(() -> world.read(DATA, 0, 1)).hasMessageContaining("ended");
        CACHE.deleteBatch(world.memory, BATCH);
        assertThat(world.memory.list(CACHE.batches())).isEmpty();
    }

    @Test
    void discardThatCannotDeleteMayBeRepeated() throws IOException {
        TableWorld world = TableWorld.withPages(1, 4);
        world.stage(DATA, 0, filled(PAGE, 1));
        world.disk.failOnce(1, IOException::new);
        assertThatThrownBy(world.cache::discard).hasMessageContaining("injected: delete");
        assertThat(world.space.usedBytes()).isPositive();
        world.cache.discard();
        assertThat(world.space.usedBytes()).isZero();
        assertThat(world.memory.exists(pageFile())).isFalse();
    }

    @Test
    void closeKeepsTheFileForTheJournal() throws IOException {
        TableWorld world = TableWorld.withPages(1, 4);
        world.stage(DATA, 0, filled(PAGE, 1));
        world.cache.seal();
        world.cache.sync();
        long reserved = world.cache.reservedBytes();
        world.cache.close();
        assertThat(world.memory.exists(pageFile())).isTrue();
        assertThat(world.space.usedBytes()).isEqualTo(reserved);
        assertThatThrownBy(() -> world.read(DATA, 0, 1)).hasMessageContaining("ended");
        assertThatThrownBy(world.cache::discard).isInstanceOf(IllegalStateException.class);
        assertThat(world.memory.exists(pageFile())).isTrue();
    }

    @Test
    void fullCacheRefusesNewPagesAndKeepsTheBatch() throws IOException {
        TableWorld world = new TableWorld(0, 8 * PAGE, 5 * PAGE); // header, three pages, spare slot
        world.stage(DATA, 0, filled(3 * PAGE, 1));
        ByteBuffer more = filled(2 * PAGE, 2);
        assertThatThrownBy(() -> world.cache.stagePages(DATA, 3, more))
                .isInstanceOf(CacheFullException.class)
                .hasMessageContaining("cache-size")
                .hasMessageContaining("abort");
        assertThat(more.position()).isZero();
        world.assertAsModelled();
        world.write(DATA, 5, filled(100, 3)); // a staged page is staged again all the same
        world.stage(DATA, 2, filled(PAGE, 4));
        world.truncate(DATA, 2 * PAGE);
        world.stage(DATA, 2, filled(PAGE, 5)); // and truncate made room
        world.assertAsModelled();
        world.cache.discard();
        assertThat(world.space.usedBytes()).isZero();
    }

    @Test
    void positionSaysHowFarAFailedStageCame() throws IOException {
        TableWorld world = new TableWorld(0, 8 * PAGE, 4 * PAGE);
        ByteBuffer images = filled(5 * PAGE, 1);
        assertThatThrownBy(() -> world.cache.stagePages(DATA, 0, images))
                .isInstanceOf(CacheFullException.class);
        assertThat(images.position()).isEqualTo(2 * PAGE);
        world.modelWrite(DATA, 0, filled(2 * PAGE, 1).array());
        world.assertAsModelled();
    }

    @Test
    void damagedSlotIsRefusedToReaderAndMerge() throws IOException {
        TableWorld world = TableWorld.withPages(0, 4);
        world.stage(DATA, 0, filled(2 * PAGE, 1));
        world.memory.flipByte(pageFile(), 2 * PAGE + 5);
        assertThatThrownBy(() -> world.read(DATA, PAGE, 10))
                .isInstanceOf(CorruptPageException.class)
                .hasMessageContaining(pageFile().toString());
        assertThatThrownBy(() -> world.read(DATA, PAGE, PAGE))
                .isInstanceOf(CorruptPageException.class);
        assertThatThrownBy(() -> world.write(DATA, PAGE + 3, filled(1, 1)))
                .isInstanceOf(CorruptPageException.class);
        assertThat(world.read(DATA, 0, PAGE)).isEqualTo(filled(PAGE, 1).array());
    }

    @Test
    void pagesNoPointerCanReachAreRefused() throws IOException {
        TableWorld world = TableWorld.withPages(0, 1);
        List<org.assertj.core.api.ThrowableAssert.ThrowingCallable> calls =
                List.of(
                        () -> world.cache.stagePages(DATA, FILE_MAX / PAGE, filled(PAGE, 1)),
                        () -> world.cache.stagePages(DATA, -1, filled(PAGE, 1)),
                        () -> world.cache.stagePages(DATA, Long.MAX_VALUE / PAGE, filled(PAGE, 1)),
                        () -> world.cache.stagePages(DATA, Long.MAX_VALUE, filled(PAGE, 1)),
                        () -> world.cache.stagePages(DATA, 0, filled(PAGE + 1, 1)),
                        () -> world.cache.stageBytes(DATA, FILE_MAX - 1, filled(2, 1)),
                        () -> world.cache.stageBytes(DATA, Long.MAX_VALUE, filled(2, 1)),
                        () -> world.cache.stageBytes(DATA, -1, filled(2, 1)),
                        () -> world.cache.truncate(DATA, FILE_MAX + 1L),
                        () -> world.cache.truncate(DATA, -1),
                        () -> world.cache.read(DATA, -1, filled(2, 1)));
        for (var call : calls) {
            assertThatThrownBy(call).isInstanceOf(IllegalArgumentException.class);
        }
        world.stage(DATA, FILE_MAX / PAGE - 1, filled(PAGE, 1));
        world.assertAsModelled();
        assertThat(world.read(DATA, Long.MAX_VALUE, 1)).isEmpty();
    }

    @Test
    void baseThatCannotBeReadFailsTheMergeAndChangesNothing() throws IOException {
        MemoryDisk disk = new MemoryDisk();
        CACHE.create(disk);
        CacheSpace space = new CacheSpace(1 << 20);
        TableCache cache =
                new TableCache(
                        new TableBase(
                                BATCH, new TableName("a", "b"), PAGE, 0, PAGE, FILE_MAX, FILE_MAX),
                        (file, page, dst) -> {
                            throw new IOException("S3 is away");
                        },
                        disk,
                        space,
                        pageFile());
        assertThatThrownBy(() -> cache.stageBytes(DATA, 5, filled(2, 1))).hasMessage("S3 is away");
        assertThat(cache.pages()).isZero();
        cache.stagePages(DATA, 0, filled(PAGE, 1));
        cache.stageBytes(DATA, 5, filled(2, 1));
        assertThat(cache.pages()).isEqualTo(1);
    }

    @Test
    void secondWriterIsOurOwnMistake() throws Exception {
        CountDownLatch inBase = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        MemoryDisk disk = new MemoryDisk();
        CACHE.create(disk);
        TableCache cache =
                new TableCache(
                        new TableBase(
                                BATCH, new TableName("a", "b"), PAGE, 0, PAGE, FILE_MAX, FILE_MAX),
                        (file, page, dst) -> {
                            inBase.countDown();
                            try {
                                goOn.await();
                            } catch (InterruptedException e) {
                                throw new IOException(e);
                            }
                            dst.put(new byte[PAGE]);
                        },
                        disk,
                        new CacheSpace(1 << 20),
                        pageFile());
        AtomicReference<Throwable> failure = new AtomicReference<>();
        Thread first =
                Thread.ofPlatform()
                        .start(
                                () -> {
                                    try {
                                        cache.stageBytes(DATA, 5, filled(2, 1));
                                    } catch (Throwable e) {
                                        failure.set(e);
                                    }
                                });
        inBase.await();
        assertThatThrownBy(() -> cache.truncate(DATA, 0)).isInstanceOf(AssertionError.class);
        goOn.countDown();
        first.join();
        assertThat(failure.get()).isNull();
    }

    /** Every image is filled with one value; a reader that sees two values saw half a page. */
    @Test
    void readersNeverSeeHalfAPage(@TempDir Path directory) throws Exception {
        CacheDirectory layout = new CacheDirectory(directory);
        LocalDisk disk = new LocalDisk();
        layout.create(disk);
        int pageBytes = 8192;
        int pages = 3;
        TableCache cache =
                new TableCache(
                        new TableBase(
                                BATCH,
                                new TableName("a", "b"),
                                pageBytes,
                                0,
                                (long) pages * pageBytes,
                                1 << 30,
                                1 << 30),
                        (file, page, dst) -> dst.put(new byte[pageBytes]),
                        disk,
                        new CacheSpace(1 << 30),
                        layout.pageFile(BATCH, 0));
        AtomicReference<Throwable> failure = new AtomicReference<>();
        CountDownLatch done = new CountDownLatch(1);
        List<Thread> readers = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            int reader = i;
            readers.add(
                    Thread.ofPlatform()
                            .start(
                                    () -> {
                                        try {
                                            readUntil(done, cache, pageBytes, pages, reader);
                                        } catch (Throwable e) {
                                            failure.set(e);
                                        }
                                    }));
        }
        for (int round = 0; round < 4000 && failure.get() == null; round++) {
            cache.stagePages(DATA, round % pages, filled(pageBytes, round));
            if (round % 100 == 99) {
                cache.truncate(DATA, pageBytes);
                cache.stagePages(DATA, 1, filled(2 * pageBytes, round));
            }
        }
        done.countDown();
        for (Thread reader : readers) {
            reader.join();
        }
        assertThat(failure.get()).isNull();
        cache.discard();
    }

    private static void readUntil(
            CountDownLatch done, TableCache cache, int pageBytes, int pages, int reader)
            throws IOException {
        ByteBuffer dst = ByteBuffer.allocate(pageBytes);
        for (int n = reader; done.getCount() > 0; n++) {
            // whole pages, and parts of pages
            dst.clear().limit(n % 2 == 0 ? pageBytes : pageBytes / 2);
            int count = cache.read(DATA, (long) (n % pages) * pageBytes, dst);
            for (int i = 1; i < count; i++) {
                if (dst.get(i) != dst.get(0)) {
                    throw new AssertionError(dst.get(0) + " and then " + dst.get(i));
                }
            }
        }
    }

    @Test
    void stagesAGibibyteInLittleMemory(@TempDir Path directory) throws IOException {
        CacheDirectory layout = new CacheDirectory(directory);
        LocalDisk disk = new LocalDisk();
        layout.create(disk);
        int pageBytes = 8192;
        int pages = 131_072;
        TableCache cache =
                new TableCache(
                        new TableBase(
                                BATCH,
                                new TableName("a", "b"),
                                pageBytes,
                                0,
                                0,
                                1L << 40,
                                1L << 40),
                        (file, page, dst) -> dst.put(new byte[pageBytes]),
                        disk,
                        new CacheSpace(2L << 30),
                        layout.pageFile(BATCH, 0));
        ByteBuffer images = ByteBuffer.allocateDirect(128 * pageBytes);
        long start = System.nanoTime();
        for (int page = 0; page < pages; page += 128) {
            images.clear().putInt(page).clear();
            cache.stagePages(DATA, page, images);
        }
        long staged = System.nanoTime();
        long[] seen = {0};
        cache.seal().forEach((file, page, slot, crc32c, unverified) -> seen[0]++);
        long listed = System.nanoTime();
        System.out.printf(
                "staged %d pages of %d: %.0f MB/s, %.1f us a page; listed in %d ms; index %.1f"
                        + " bytes a page%n",
                pages,
                pageBytes,
                (double) pages * pageBytes / (staged - start) * 1000,
                (staged - start) / 1000.0 / pages,
                (listed - staged) / 1_000_000,
                cache.indexBytes() / (double) pages);
        assertThat(seen[0]).isEqualTo(pages);
        assertThat(cache.indexBytes()).isLessThanOrEqualTo(32L * pages);
        cache.discard();
    }
}
