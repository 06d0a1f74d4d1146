package aria.s3batch.recovery;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import aria.s3batch.diskcache.BlockCache;
import aria.s3batch.diskcache.MemoryDisk;
import aria.s3batch.format.BatchId;
import aria.s3batch.format.BlockName;
import aria.s3batch.format.SyntheticTable;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableGeometry;
import aria.s3batch.format.TableName;
import aria.s3batch.s3block.BaseTable;
import aria.s3batch.s3block.Condition;
import aria.s3batch.s3block.FaultyObjectStore;
import aria.s3batch.s3block.FaultyObjectStore.Failure;
import aria.s3batch.s3block.FaultyObjectStore.Fault;
import aria.s3batch.s3block.FaultyObjectStore.Operation;
import aria.s3batch.s3block.MemoryObjectStore;
import aria.s3batch.s3block.StoreUnreachableException;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** Which blocks are fetched for what is read, and how often. */
class BaseReaderTest {
    private static final TableName ORDERS = new TableName("shop", "orders");
    private static final int PAGE = SyntheticTable.PAGE_BYTES;
    private static final int BLOCK_PAGES = 16;
    private static final int DATA_PAGES = 160;

    private static final TableGeometry GEOMETRY =
            new TableGeometry(PAGE, BLOCK_PAGES * PAGE, PAGE, false);

    private final SyntheticTable table =
            SyntheticTable.of(ORDERS, BLOCK_PAGES * PAGE, false, 5, DATA_PAGES, 1);
    private final FaultyObjectStore store = new FaultyObjectStore(new MemoryObjectStore());
    private final Deque<Runnable> ahead = new ArrayDeque<>();
    private BaseReader reader;

    @BeforeEach
    void load() throws IOException {
        BatchWorld.load(store, table.objects());
        reader = reader(1 << 24);
    }

    private BaseReader reader(int cacheBytes) throws IOException {
        var cache = new BlockCache(new MemoryDisk(), Path.of("/blocks"), cacheBytes);
        var fetches = new BlockFetches(ahead::add, 1 << 24);
        return new BaseReader(
                store, cache, fetches, new BatchId(1, 2), 0, BaseTable.read(store, ORDERS));
    }

    private void read(long page, int pages) throws IOException {
        ByteBuffer into = ByteBuffer.allocate(pages * PAGE);
        reader.read(TableFile.DATA, page, into);
        assertThat(into.hasRemaining()).isFalse();
        for (int i = 0; i < pages; i++) {
            assertThat(into.slice(i * PAGE, PAGE))
                    .isEqualTo(ByteBuffer.wrap(SyntheticTable.page(TableFile.DATA, page + i, 1)));
        }
    }

    /** Numbers of the data blocks that were fetched, in order. */
    private List<Long> fetched() {
        List<Long> numbers = new ArrayList<>();
        for (FaultyObjectStore.Request request : store.requests()) {
            String prefix = ORDERS.path() + "/data/";
            if (request.operation() == Operation.GET && request.key().startsWith(prefix)) {
                numbers.add(Long.parseLong(request.key().substring(prefix.length())));
            }
        }
        return numbers;
    }

    private void runAhead() {
        while (!ahead.isEmpty()) {
            ahead.remove().run();
        }
    }

    @Test
    void pagesOfSeveralBlocksAreReadAtOnceAndEachBlockIsFetchedOnce() throws IOException {
        read(BLOCK_PAGES - 2, 2 * BLOCK_PAGES);
        read(3, 1);

        assertThat(fetched()).containsExactly(1L, 2L, 3L);
        assertThat(reader.blocksFetched()).isEqualTo(3);
    }

    /** B1: two versions of a block would be a table that never was. */
    @Test
    void blockThatChangedSinceItWasFirstReadIsAnError() throws IOException {
        reader = reader(0); // keeps nothing: it is fetched again
        read(3, 1);
        String key = ORDERS.path() + "/data/000001";
        byte[] foreign = store.get(key).orElseThrow().body();
        store.put(key, foreign, Condition.always(), Map.of());
        assertThatThrownBy(() -> read(4, 1))
                .isInstanceOf(BaseChangedException.class)
                .hasMessageContaining(key);
    }

    @Test
    void lookUpsByKeyFetchOnlyWhatTheyNeed() throws IOException {
        for (int i = 0; i < 200; i++) {
            read((i * 37L) % BLOCK_PAGES, 1);
            read(5 * BLOCK_PAGES + (i * 7L) % BLOCK_PAGES, 1);
        }

        assertThat(ahead).isEmpty();
        assertThat(fetched()).containsExactly(1L, 6L);
    }

    @Test
    void scanFindsTheNextBlocksFetched() throws IOException {
        for (int page = 0; page < DATA_PAGES; page += 4) {
            read(page, 4);
            runAhead();
        }

        assertThat(fetched()).as("each once").doesNotHaveDuplicates().hasSize(10);
        assertThat(reader.blocksFetched()).isEqualTo(10);
    }

    @Test
    void nextBlockIsFetchedBeforeItIsRead() throws IOException {
        read(0, 2 * BLOCK_PAGES);
        assertThat(fetched()).containsExactly(1L, 2L);

        runAhead();

        assertThat(fetched()).contains(3L);
    }

    @Test
    void blockThatFailsAheadFailsOnlyWhoNeedsIt() throws IOException {
        store.fail(
                Fault.once(
                        FaultyObjectStore.on(Operation.GET, "shop/orders/data/000003"),
                        Failure.UNREACHABLE_BEFORE));
        read(0, 2 * BLOCK_PAGES);
        runAhead();

        read(2 * BLOCK_PAGES, 1);

        assertThat(fetched()).containsSubsequence(3L, 3L);
    }

    @Test
    void failedFetchIsTheReadersErrorAndIsTriedAgain() throws IOException {
        store.fail(Fault.once(FaultyObjectStore.any(Operation.GET), Failure.UNREACHABLE_BEFORE));

        assertThatThrownBy(() -> read(0, 1)).isInstanceOf(StoreUnreachableException.class);

        read(0, 1);
    }

    @ParameterizedTest
    @ValueSource(ints = {1 << 24, 0})
    void readersOfOneMissingBlockShareOneFetch(int cacheBytes) throws Exception {
        reader = reader(cacheBytes);
        int threads = 8;
        var reading = new CountDownLatch(threads - 1);
        store.before(
                1,
                FaultyObjectStore.on(Operation.GET, "shop/orders/data/000001"),
                () -> {
                    try {
                        reading.await();
                    } catch (InterruptedException e) {
                        throw new AssertionError(e);
                    }
                });
        try (ExecutorService pool = Executors.newFixedThreadPool(threads)) {
            List<Future<?>> reads = new ArrayList<>();
            for (int i = 0; i < threads; i++) {
                int page = i;
                Callable<Void> one =
                        () -> {
                            reading.countDown();
                            read(page, 1);
                            return null;
                        };
                reads.add(pool.submit(one));
            }
            for (Future<?> each : reads) {
                each.get();
            }
        }

        if (cacheBytes > 0) {
            assertThat(fetched()).containsExactly(1L);
        } else {
            assertThat(fetched().size()).as("shared as far as they met").isBetween(1, threads);
        }
    }

    @Test
    void scanIsKnownByHalfABlockInOrderThoughReadsOvertakeOneAnother() {
        var scan = new ReadAhead(GEOMETRY);
        long bytes = (long) DATA_PAGES * PAGE;

        assertThat(scan.read(TableFile.DATA, 8, 8, bytes)).isEmpty();
        assertThat(scan.read(TableFile.DATA, 0, 8, bytes)).isEmpty();
        assertThat(scan.read(TableFile.DATA, 16, 16, bytes))
                .first()
                .isEqualTo(new BlockName(TableFile.DATA, 3));
        assertThat(scan.read(TableFile.DATA, 32, 1, bytes)).hasSizeLessThanOrEqualTo(1);
    }

    @Test
    void jumpEndsAScan() {
        var scan = new ReadAhead(GEOMETRY);
        long bytes = (long) DATA_PAGES * PAGE;
        scan.read(TableFile.DATA, 0, 40, bytes);

        assertThat(scan.read(TableFile.DATA, 150, 1, bytes)).isEmpty();
        assertThat(scan.read(TableFile.DATA, 0, 1, bytes)).isEmpty();
    }

    @Test
    void nothingIsFetchedPastTheEnd() {
        var scan = new ReadAhead(GEOMETRY);

        assertThat(scan.read(TableFile.DATA, 0, DATA_PAGES, (long) DATA_PAGES * PAGE)).isEmpty();
    }
}
