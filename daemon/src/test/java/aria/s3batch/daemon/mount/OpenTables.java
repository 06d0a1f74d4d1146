package aria.s3batch.daemon.mount;

import aria.s3batch.daemon.BatchConductor;
import aria.s3batch.diskcache.BlockCache;
import aria.s3batch.diskcache.CacheDirectory;
import aria.s3batch.diskcache.CacheSpace;
import aria.s3batch.diskcache.MemoryDisk;
import aria.s3batch.diskcache.TableCache;
import aria.s3batch.format.BatchId;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;
import aria.s3batch.recovery.BaseReader;
import aria.s3batch.recovery.BatchFolder;
import aria.s3batch.recovery.BlockFetches;
import aria.s3batch.recovery.OpenTable;
import aria.s3batch.s3block.BaseTable;
import aria.s3batch.s3block.ObjectStore;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** Tables of an open batch without a conductor: what is staged goes to their caches at once. */
final class OpenTables implements BatchConductor.Stager {
    static final BatchId BATCH = new BatchId(1, 2);

    final List<OpenTable> tables = new ArrayList<>();

    /** Which method staged what, oldest first. */
    final List<String> staged = new ArrayList<>();

    OpenTables(ObjectStore store, CacheSpace space, List<TableName> names) throws IOException {
        var disk = new MemoryDisk();
        var cacheDir = new CacheDirectory(Path.of("/cache"));
        cacheDir.create(disk);
        var blocks = new BlockCache(disk, cacheDir.blockCache(), 1 << 24);
        var fetches = new BlockFetches(Runnable::run, 1 << 24);
        var folder = new BatchFolder(disk, cacheDir, BATCH);
        for (TableName name : names) {
            int number = tables.size();
            BaseTable base = BaseTable.read(store, name);
            var reader = new BaseReader(store, blocks, fetches, BATCH, number, base);
            tables.add(OpenTable.of(base, reader, folder, number, space));
        }
    }

    private interface Change {
        void make(TableCache cache) throws IOException;
    }

    private CompletableFuture<Void> change(TableName table, String how, Change change) {
        staged.add(how);
        for (OpenTable open : tables) {
            if (open.base().table().equals(table)) {
                try {
                    change.make(open.cache());
                    return CompletableFuture.completedFuture(null);
                } catch (IOException | RuntimeException e) {
                    return CompletableFuture.failedFuture(e);
                }
            }
        }
        throw new AssertionError(table);
    }

    @Override
    public CompletableFuture<Void> stagePages(
            TableName table, TableFile file, long page, ByteBuffer images) {
        return change(table, "pages", cache -> cache.stagePages(file, page, images));
    }

    @Override
    public CompletableFuture<Void> stageBytes(
            TableName table, TableFile file, long offset, ByteBuffer bytes) {
        return change(table, "bytes", cache -> cache.stageBytes(file, offset, bytes));
    }

    @Override
    public CompletableFuture<Void> truncate(TableName table, TableFile file, long bytes) {
        return change(table, "truncate", cache -> cache.truncate(file, bytes));
    }
}
