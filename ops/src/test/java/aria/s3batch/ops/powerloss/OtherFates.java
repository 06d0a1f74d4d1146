package aria.s3batch.ops.powerloss;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.diskcache.CacheDirectory;
import aria.s3batch.diskcache.LocalDisk;
import aria.s3batch.diskcache.PageFile;
import aria.s3batch.format.BatchId;
import aria.s3batch.recovery.BatchRecord;
import aria.s3batch.recovery.BlockRecord;
import aria.s3batch.recovery.PageTable;
import aria.s3batch.recovery.Recovery;
import aria.s3batch.recovery.RocksJournal;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;

/**
 * What the same power cut might have left as well. A daemon goes on with one of a cut's survivors only;
 * others are opened here, by the daemon's own journal and recovery code, on a directory of the real disk.
 */
final class OtherFates {
    private OtherFates() {}

    /**
     * Opens a cache directory as a daemon does at start.
     *
     * @return the batches that will be applied, with their pages found as they were staged
     */
    static Map<BatchId, BatchRecord> open(Path cacheDir) throws IOException {
        var disk = new LocalDisk();
        try (RocksJournal journal = RocksJournal.open(cacheDir.resolve("journal"))) {
            var recovery = new Recovery(journal, disk, new CacheDirectory(cacheDir));
            Recovery.Found found = recovery.run();
            assertThat(found.orphans()).isEmpty();
            assertThat(found.quarantined()).isEmpty();
            Map<BatchId, BatchRecord> committed = new TreeMap<>();
            for (BatchRecord batch : found.committed()) {
                committed.put(batch.id(), batch);
                for (int table = 0; table < batch.tables().size(); table++) {
                    Path pages = recovery.folder(batch.id()).pageFile(table);
                    for (BlockRecord block : journal.blocks(batch.id(), table)) {
                        verify(disk, pages, block.pages());
                    }
                }
            }
            return committed;
        }
    }

    private static void verify(LocalDisk disk, Path file, PageTable table) throws IOException {
        if (table.size() == 0) {
            return;
        }
        try (PageFile pages = PageFile.open(disk, file)) {
            for (int i = 0; i < table.size(); i++) {
                ByteBuffer page = ByteBuffer.allocate(pages.pageBytes());
                pages.readVerified(table.slot(i), table.crc32c(i), page);
            }
        }
    }
}
