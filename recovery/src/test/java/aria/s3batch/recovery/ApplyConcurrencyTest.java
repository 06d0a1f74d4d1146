package aria.s3batch.recovery;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.diskcache.BlockCache;
import aria.s3batch.diskcache.MemoryDisk;
import aria.s3batch.format.SyntheticTable;
import aria.s3batch.format.TableFile;
import aria.s3batch.s3block.MemoryObjectStore;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * How long an apply takes at the end of a long line, or of one that lets few requests through, with {@link
 * Applier#CONCURRENCY} blocks in flight, beside what any other number would take. In {@link VirtualTime}: the
 * figures are the same in every run.
 */
final class ApplyConcurrencyTest {
    private static final int BLOCKS = 64;

    /** Each with a page that is not staged: a GET and a PUT. */
    private static final int REQUESTS = 2 * BLOCKS;

    private static final List<Integer> OTHERS = List.of(1, 2, 3, 4, 8, 16, 64);
    private static final double RATIO_MAX = 1.15;

    /** A block takes 14 ms, as one of 4 MiB does at 300 MB/s. */
    private static final long BYTES_PER_SECOND = (long) (BatchCase.BLOCK / 0.014);

    private record Run(double seconds, int mostInFlight, int refused) {}

    /** The heap of the launcher has room for eight blocks of 4 MiB. */
    @ParameterizedTest
    @CsvSource({
        "  0,  0,  8", " 20,  0,  8", "100,  0,  8", //
        "  0,  0, 64", " 20,  0, 64", "100,  0, 64", //
        "  0, 50,  8", " 20, 50,  8", "100, 50,  8", //
        "  0, 50, 64", " 20, 50, 64", "100, 50, 64", //
        "  0, 10,  8", " 20, 10,  8", "100, 10,  8", //
        "  0, 10, 64", " 20, 10, 64", "100, 10, 64"
    })
    void defaultIsAlmostAsFastAsTheBestNumberForTheLine(
            int roundTripMs, int requestsPerSecond, int blocksInMemory) throws Exception {
        var line =
                new DistantStore.Line(
                        Duration.ofMillis(roundTripMs),
                        BYTES_PER_SECOND,
                        requestsPerSecond,
                        Duration.ofDays(1));
        Run ours = assertAlmostTheFastest(line, blocksInMemory, BLOCKS);
        assertThat(ours.mostInFlight()).isLessThanOrEqualTo(blocksInMemory);
        assertThat(ours.refused()).as("asked in vain").isLessThan(3 * REQUESTS / 2);
    }

    /** It lets three requests a second through at first, and all of them from then on. */
    @Test
    void storeThatWasBusyForAMomentIsAskedMoreAgain() throws Exception {
        var line =
                new DistantStore.Line(
                        Duration.ofMillis(100), BYTES_PER_SECOND, 3, Duration.ofMillis(1500));
        Run ours = assertAlmostTheFastest(line, 64, 4 * BLOCKS);
        assertThat(ours.refused()).isPositive();
    }

    private static Run assertAlmostTheFastest(
            DistantStore.Line line, int blocksInMemory, int blocks) throws IOException {
        Run ours = apply(line, Applier.CONCURRENCY, blocksInMemory, blocks);
        Map<Integer, Double> others = new LinkedHashMap<>();
        for (int concurrency : OTHERS) {
            others.put(concurrency, apply(line, concurrency, blocksInMemory, blocks).seconds());
        }
        System.out.printf(
                "%s, memory for %d: %s; seconds by concurrency %s%n",
                line, blocksInMemory, ours, others);
        assertThat(ours.seconds())
                .as("seconds by concurrency: %s", others)
                .isLessThan(RATIO_MAX * Collections.min(others.values()));
        return ours;
    }

    private static Run apply(
            DistantStore.Line line, int concurrency, int blocksInMemory, int blocks)
            throws IOException {
        var bucket = new MemoryObjectStore();
        SyntheticTable before = BatchCase.table(false, 2, 3 * blocks);
        SyntheticTable after = before;
        for (int block = 0; block < blocks; block++) {
            after = after.withPage(TableFile.DATA, 3 * block + 1, 9);
        }
        BatchCase batchCase = BatchCase.of("a page of every block", before, after);
        BatchWorld.load(bucket, batchCase.before());
        var disk = new MemoryDisk();
        var journal = new MemoryJournal();
        try (var world = new BatchWorld(bucket, disk, journal)) {
            List<OpenTable> tables = world.begin(batchCase.tables());
            batchCase.staging().stage(tables);
            BatchRecord batch = world.commit(tables);
            var time = new VirtualTime();
            var store = new DistantStore(bucket, time, line);
            ExecutorService transfers = Executors.newFixedThreadPool(concurrency, time);
            var applier =
                    new Applier(
                            store,
                            journal,
                            disk,
                            Optional.of(new BlockCache(disk, Path.of("/empty"), 64 << 20)),
                            transfers,
                            concurrency,
                            blocksInMemory * 3L * BatchCase.BLOCK,
                            FenceWait.of(Duration.ZERO),
                            time::sleep,
                            new Receipts(disk, BatchWorld.RECEIPTS));
            time.run(
                    () -> {
                        try {
                            assertThat(
                                            applier.apply(
                                                    batch,
                                                    world.folder(),
                                                    world.held(batch),
                                                    world.progress,
                                                    () -> false))
                                    .isEqualTo(new ApplyOutcome.Applied());
                        } catch (IOException e) {
                            throw new UncheckedIOException(e);
                        }
                    });
            transfers.shutdownNow();
            assertThat(BatchWorld.decoded(BatchWorld.objects(bucket, "")))
                    .as("done, with %d in flight", concurrency)
                    .isEqualTo(BatchWorld.decoded(batchCase.after()));
            return new Run(time.nanos() / 1e9, store.mostInFlight(), store.refused());
        }
    }
}
