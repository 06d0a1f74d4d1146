package aria.s3batch.daemon;

import aria.s3batch.daemon.metrics.Metrics;
import aria.s3batch.s3block.StoreCalls;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;

/** What metrics tell of a running daemon. */
record DaemonNumbers(String version, ChangingRooms rooms, StoreCalls storeCalls, Path cacheDir)
        implements Metrics.Sources {
    @Override
    public CompletableFuture<Census> census() {
        return rooms.conductor().census();
    }

    @Override
    public long writerCycles() {
        return rooms.conductor().cycles();
    }

    @Override
    public long cacheUsedBytes() {
        return rooms.space().usedBytes();
    }

    @Override
    public long cacheLimitBytes() {
        return rooms.space().limitBytes();
    }

    @Override
    public long diskFreeBytes() throws IOException {
        return Files.getFileStore(cacheDir).getUsableSpace();
    }

    @Override
    public long blockCacheUsedBytes() {
        return rooms.blockCache().usedBytes();
    }

    @Override
    public long blockCacheLimitBytes() {
        return rooms.blockCache().capacityBytes();
    }

    @Override
    public long blockCacheFailures() {
        return rooms.blockCache().failures();
    }
}
