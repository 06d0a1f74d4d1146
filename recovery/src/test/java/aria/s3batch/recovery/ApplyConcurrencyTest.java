package aria.s3batch.recovery;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.diskcache.MemoryDisk;
import aria.s3batch.diskcache.BlockCache;
import aria.s3batch.format.SyntheticTable;
import aria.s3batch.format.TableFile;
import aria.s3batch.s3block.MemoryObjectStore;

import org.junit.jupiter.api.Test;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

final class ApplyConcurrencyTest {
    private static final int BLOCKS = 64;
    /** As if a block of 4 MiB took 14 ms, at 300 MB/s. */
    private static final long BYTES_PER_SECOND = (long) (BatchCase.BLOCK / 0.014);

    @Test
    void explore() throws Exception {
        for (int memory : List.of(64)) {
            for (int limit : List.of(50, 20, 10)) {
                for (int rtt : List.of(0, 20, 100)) {
                    StringBuilder out = new StringBuilder("mem %d limit %d rtt %d:".formatted(memory, limit, rtt));
                    for (int c : List.of(1, 2, 3, 4, 8, 16, 32, 64)) {
                        out.append(" " + c + "=" + apply(new DistantStore.Line(Duration.ofMillis(rtt), BYTES_PER_SECOND, limit), c, memory));
                    }
                    System.out.println(out);
                }
            }
        }
    }

    private static String apply(DistantStore.Line line, int concurrency, int blocksInMemory) throws Exception {
        var bucket = new MemoryObjectStore();
        SyntheticTable table = BatchCase.table(false, 2, 3 * BLOCKS);
        BatchWorld.load(bucket, table.objects());
        SyntheticTable after = table;
        for (int block = 0; block < BLOCKS; block++) {
            after = after.withPage(TableFile.DATA, 3 * block + 1, 9);
        }
        var disk = new MemoryDisk();
        var journal = new MemoryJournal();
        try (var world = new BatchWorld(bucket, disk, journal)) {
            List<OpenTable> open = world.begin(List.of(BatchCase.TABLE));
            BatchCase.of("all", table, after).staging().stage(open);
            BatchRecord batch = world.commit(open);
            var time = new VirtualTime();
            var store = new DistantStore(bucket, time, line);
            ExecutorService transfers = Executors.newFixedThreadPool(concurrency, time);
            var applier =
                    new Applier(
                            store,
                            journal,
                            disk,
                            Optional.of(new BlockCache(new MemoryDisk(), Path.of("/blocks"), 1 << 24)),
                            transfers,
                            concurrency,
                            blocksInMemory * 4L * BatchCase.BLOCK,
                            Duration.ZERO,
                            time::sleep);
            int[] waits = new int[1];
            time.run(
                    () -> {
                        try {
                            while (true) {
                                ApplyOutcome o = applier.apply(
                                                batch,
                                                world.folder(),
                                                world.held(batch),
                                                world.progress,
                                                () -> false);
                                if (o instanceof ApplyOutcome.Applied) break;
                                if (!(o instanceof ApplyOutcome.Waiting)) throw new AssertionError(o.toString());
                                time.sleep(Duration.ofSeconds(1L << Math.min(6, waits[0]++)));
                            }
                        } catch (Exception e) {
                            throw new AssertionError(e);
                        }
                    });
            transfers.shutdownNow();
            assertThat(world.progress.done()).isEqualTo(world.progress.total());
            assertThat(BatchWorld.lockObjects(bucket)).isEmpty();
            return "%.2fs(%d,%dok,%d503,%dw)".formatted(time.nanos() / 1e9, store.mostInFlight(), store.requests()-store.refused(), store.refused(), waits[0]);
        }
    }
}
