package aria.s3batch.diskcache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import aria.s3batch.diskcache.BlockCache.CachedBlock;
import aria.s3batch.format.BatchId;
import aria.s3batch.format.BlockName;
import aria.s3batch.format.TableFile;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicReference;

class BlockCacheTest {
    private static final Path DIRECTORY = Path.of("/cache/block-cache");
    private static final int BLOCK = 100_000;

    private final MemoryDisk memory = new MemoryDisk();
    private final FaultyDisk disk = new FaultyDisk(memory);
    private BlockCache cache;

    BlockCacheTest() throws IOException {
        cache = new BlockCache(disk, DIRECTORY, 3 * BLOCK);
    }

    @BeforeEach
    void nothingFailed() {
        assertThat(cache.failures()).isZero();
    }

    @Test
    void smallerCapacityDropsTheLeastRecentlyUsedAtOnce() throws IOException {
        for (int i = 1; i <= 3; i++) {
            cache.put(key(1, i), ByteBuffer.wrap(block(i)), "etag-" + i);
        }
        cache.find(key(1, 1));
        cache.capacity(BLOCK);
        assertThat(cache.usedBytes()).isEqualTo(BLOCK);
        assertThat(memory.list(DIRECTORY)).hasSize(1);
        assertThat(cache.find(key(1, 1))).isPresent();
        cache.capacity(2 * BLOCK);
        cache.put(key(1, 2), ByteBuffer.wrap(block(2)), "etag-2");
        assertThat(cache.find(key(1, 1))).isPresent();
        assertThat(cache.capacityBytes()).isEqualTo(2 * BLOCK);
    }

    @Test
    void cachedBlockIsReadInParts() {
        byte[] bytes = block(1);
        cache.put(key(1, 1), ByteBuffer.wrap(bytes), "etag-1");
        CachedBlock expected =
                new CachedBlock("etag-1", PageFile.crc32c(ByteBuffer.wrap(bytes)), BLOCK);
        assertThat(cache.find(key(1, 1))).contains(expected);
        int piece = BlockCache.PIECE_BYTES;
        int[][] parts = {
            {0, BLOCK},
            {0, 0},
            {BLOCK, 0},
            {0, 1},
            {BLOCK - 1, 1},
            {piece - 1, 2},
            {piece, piece},
            {8192, 8192},
            {5, 2 * piece},
            {3 * piece, BLOCK - 3 * piece}
        };
        for (int[] part : parts) {
            ByteBuffer dst = ByteBuffer.allocate(part[1]);
            assertThat(cache.read(key(1, 1), part[0], dst)).contains(expected);
            assertThat(dst.flip()).isEqualTo(ByteBuffer.wrap(bytes, part[0], part[1]));
        }
        assertThatThrownBy(() -> cache.read(key(1, 1), BLOCK, ByteBuffer.allocate(1)))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void blocksOfOtherBatchesTablesAndFilesAreMisses() {
        cache.put(key(1, 1), ByteBuffer.wrap(block(1)), "e");
        assertMiss(key(2, 1));
        assertMiss(key(1, 2));
        assertMiss(new BlockCache.Key(id(1), 1, new BlockName(TableFile.DATA, 1)));
        assertMiss(new BlockCache.Key(id(1), 0, new BlockName(TableFile.INDEX, 1)));
    }

    @Test
    void leastRecentlyUsedBlockGoesFirst() throws IOException {
        for (int n = 1; n <= 3; n++) {
            cache.put(key(1, n), ByteBuffer.wrap(block(n)), "e" + n);
        }
        assertHit(key(1, 1));
        cache.put(key(1, 4), ByteBuffer.wrap(block(4)), "e4");
        assertMiss(key(1, 2));
        assertHit(key(1, 1));
        assertHit(key(1, 3));
        assertHit(key(1, 4));
        assertThat(cache.usedBytes()).isEqualTo(3 * BLOCK);
        assertThat(memory.list(DIRECTORY)).hasSize(3);
    }

    @Test
    void newVersionReplacesTheOld() throws IOException {
        cache.put(key(1, 1), ByteBuffer.wrap(block(1)), "old");
        cache.put(key(1, 1), ByteBuffer.wrap(block(2)), "new");
        ByteBuffer dst = ByteBuffer.allocate(BLOCK);
        assertThat(cache.read(key(1, 1), 0, dst)).map(CachedBlock::etag).contains("new");
        assertThat(dst.array()).isEqualTo(block(2));
        assertThat(cache.usedBytes()).isEqualTo(BLOCK);
        assertThat(memory.list(DIRECTORY)).hasSize(1);
    }

    @Test
    void blockLargerThanTheCacheIsNotKept() throws IOException {
        cache.put(key(1, 1), ByteBuffer.wrap(block(1)), "e");
        cache.put(key(1, 2), ByteBuffer.allocate(3 * BLOCK + 1), "e");
        assertMiss(key(1, 2));
        assertHit(key(1, 1));
        BlockCache none = new BlockCache(memory, Path.of("/cache/none"), 0);
        none.put(key(1, 1), ByteBuffer.wrap(block(1)), "e");
        assertThat(none.find(key(1, 1))).isEmpty();
    }

    @Test
    void damagedBlockIsAMissAndDropped() throws IOException {
        cache.put(key(1, 1), ByteBuffer.wrap(block(1)), "e");
        Path file = memory.list(DIRECTORY).getFirst();
        memory.flipByte(file, 50_000);
        ByteBuffer dst = ByteBuffer.allocate(100);
        assertThat(cache.read(key(1, 1), 0, dst)).as("the damage is elsewhere").isPresent();
        assertThat(cache.read(key(1, 1), 49_990, dst.clear())).isEmpty();
        assertThat(dst.position()).isZero();
        assertMiss(key(1, 1));
        assertThat(cache.failures()).isEqualTo(1);
        assertThat(cache.usedBytes()).isZero();
        assertThat(memory.exists(file)).isFalse();
    }

    @Test
    void shorterFileIsAMiss() throws IOException {
        cache.put(key(1, 1), ByteBuffer.wrap(block(1)), "e");
        try (DiskFile file = memory.open(memory.list(DIRECTORY).getFirst())) {
            file.truncate(BLOCK - 1);
        }
        assertThat(cache.read(key(1, 1), BLOCK - 10, ByteBuffer.allocate(10))).isEmpty();
    }

    @Test
    void whateverTheDiskDoesTheCallerGoesOn() throws IOException {
        for (int failAt = 1; failAt <= 12; failAt++) {
            disk.failOnce(failAt, failAt % 2 == 0 ? CacheFullException::new : IOException::new);
            for (int n = 1; n <= 4; n++) {
                cache.put(key(failAt, n), ByteBuffer.wrap(block(n)), "e");
                ByteBuffer dst = ByteBuffer.allocate(BLOCK);
                if (cache.read(key(failAt, n), 0, dst).isPresent()) {
                    assertThat(dst.array()).isEqualTo(block(n));
                } else {
                    assertThat(dst.position()).isZero();
                }
            }
            assertThat(disk.calls()).isGreaterThanOrEqualTo(failAt);
            assertThat(cache.usedBytes()).isLessThanOrEqualTo(3 * BLOCK);
            disk.heal();
            cache.dropBatch(id(failAt));
            assertThat(cache.usedBytes()).isZero();
        }
        assertThat(cache.failures()).isPositive();
    }

    @Test
    void dropBatchDropsThatBatchOnly() throws IOException {
        cache.put(key(1, 1), ByteBuffer.wrap(block(1)), "e");
        cache.put(key(2, 1), ByteBuffer.wrap(block(2)), "e");
        cache.dropBatch(id(1));
        assertMiss(key(1, 1));
        assertHit(key(2, 1));
        assertThat(memory.list(DIRECTORY)).hasSize(1);
    }

    @Test
    void startWipesWhatAnEarlierRunLeft() throws IOException {
        cache.put(key(1, 1), ByteBuffer.wrap(block(1)), "e");
        BlockCache next = new BlockCache(memory, DIRECTORY, 3 * BLOCK);
        assertThat(memory.list(DIRECTORY)).isEmpty();
        assertThat(next.find(key(1, 1))).isEmpty();
    }

    @Test
    void threadsSeeOnlyWholeRightBlocks(@TempDir Path directory) throws Exception {
        BlockCache shared = new BlockCache(new LocalDisk(), directory, 3 * BLOCK);
        AtomicReference<Throwable> failure = new AtomicReference<>();
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            int seed = i;
            threads.add(
                    Thread.ofPlatform()
                            .start(
                                    () -> {
                                        try {
                                            putAndRead(shared, new Random(seed));
                                        } catch (Throwable e) {
                                            failure.set(e);
                                        }
                                    }));
        }
        for (Thread thread : threads) {
            thread.join();
        }
        assertThat(failure.get()).isNull();
        assertThat(shared.failures()).isZero();
        assertThat(shared.usedBytes()).isLessThanOrEqualTo(3 * BLOCK);
        shared.dropBatch(id(1));
        assertThat(shared.usedBytes()).isZero();
        assertThat(new LocalDisk().list(directory)).isEmpty();
    }

    private static void putAndRead(BlockCache cache, Random random) {
        for (int i = 0; i < 500; i++) {
            int n = 1 + random.nextInt(5);
            if (random.nextInt(3) == 0) {
                cache.put(key(1, n), ByteBuffer.wrap(block(n)), "e" + n);
            } else {
                ByteBuffer dst = ByteBuffer.allocate(8192);
                int offset = random.nextInt(BLOCK - 8192);
                if (cache.read(key(1, n), offset, dst).isPresent()) {
                    assertThat(dst.flip()).isEqualTo(ByteBuffer.wrap(block(n), offset, 8192));
                }
            }
        }
    }

    private void assertHit(BlockCache.Key key) {
        assertThat(cache.read(key, 0, ByteBuffer.allocate(BLOCK))).isPresent();
    }

    private void assertMiss(BlockCache.Key key) {
        assertThat(cache.find(key)).isEmpty();
        assertThat(cache.read(key, 0, ByteBuffer.allocate(1))).isEmpty();
    }

    private static BlockCache.Key key(int batch, int block) {
        return new BlockCache.Key(id(batch), 0, new BlockName(TableFile.DATA, block));
    }

    private static BatchId id(int batch) {
        return new BatchId(0, batch);
    }

    private static byte[] block(int seed) {
        byte[] bytes = new byte[BLOCK];
        new Random(seed).nextBytes(bytes);
        return bytes;
    }
}
