package aria.s3batch.bench;

import aria.s3batch.diskcache.BlockCache;
import aria.s3batch.diskcache.CacheDirectory;
import aria.s3batch.diskcache.CacheSpace;
import aria.s3batch.diskcache.LocalDisk;
import aria.s3batch.diskcache.StagedPages;
import aria.s3batch.format.AriaHeader;
import aria.s3batch.format.BatchId;
import aria.s3batch.format.HeaderField;
import aria.s3batch.format.PageVerifier;
import aria.s3batch.format.SyntheticTable;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;
import aria.s3batch.recovery.BaseReader;
import aria.s3batch.recovery.BatchFolder;
import aria.s3batch.recovery.BlockFetches;
import aria.s3batch.recovery.Committer;
import aria.s3batch.recovery.OpenTable;
import aria.s3batch.recovery.Readers;
import aria.s3batch.recovery.RocksJournal;
import aria.s3batch.s3block.BaseTable;
import aria.s3batch.s3block.Condition;
import aria.s3batch.s3block.MemoryObjectStore;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

/**
 * One table, grown by a batch: the rooms of the daemon without its threads and its socket, on a real disk
 * and a bucket in memory.
 */
final class InProcess implements AutoCloseable {
    private final LocalDisk disk = new LocalDisk();
    private final RocksJournal journal;
    private final Committer committer;
    private final BatchFolder folder;
    private final OpenTable table;
    private final PageVerifier verifier;

    InProcess(Path cacheDir, long batchBytes, int round) throws IOException {
        var name = new TableName("large", "grown");
        SyntheticTable base = SyntheticTable.of(name, ApplyRow.BLOCK_BYTES, false, 0, 1, 1);
        var store = new MemoryObjectStore();
        base.objects().forEach((key, body) -> store.put(key, body, Condition.always(), Map.of()));
        var directory = new CacheDirectory(cacheDir);
        directory.create(disk);
        journal = RocksJournal.open(cacheDir.resolve("journal"));
        committer =
                new Committer(
                        store,
                        journal,
                        disk,
                        InstantSource.system(),
                        Runnable::run,
                        4,
                        new SplittableRandom(round));
        BatchId batch = BatchId.of(1, round, 0);
        folder = new BatchFolder(disk, directory, batch);
        BaseTable read = BaseTable.read(store, name);
        var reader =
                new BaseReader(
                        store,
                        new BlockCache(disk, directory.blockCache(), 64 << 20),
                        new BlockFetches(Runnable::run, 64 << 20),
                        batch,
                        0,
                        read);
        table = OpenTable.of(read, reader, folder, 0, new CacheSpace(2 * batchBytes + (1 << 20)));
        verifier = PageVerifier.of(read.geometry());
        AriaHeader grown = base.header().asLocal().with(HeaderField.DATA_FILE_LENGTH, batchBytes);
        table.cache().stagePages(TableFile.INDEX, 0, ByteBuffer.wrap(grown.bytes()));
    }

    void stage(long page, byte[] image) throws IOException {
        if (verifier.firstProblem(TableFile.DATA, page, image).isPresent()) {
            throw new AssertionError("page " + page);
        }
        table.cache().stagePages(TableFile.DATA, page, ByteBuffer.wrap(image));
    }

    /** Durable on return. */
    void commit() throws IOException {
        StagedPages staged = table.cache().seal();
        committer.makeDurable(
                committer.check(folder, List.of(table), List.of(staged), Readers.NONE));
    }

    @Override
    public void close() throws IOException {
        table.cache().close();
        journal.close();
    }
}
