package aria.s3batch.recovery;

import aria.s3batch.diskcache.CacheDirectory;
import aria.s3batch.diskcache.Disk;
import aria.s3batch.diskcache.DiskFile;
import aria.s3batch.format.BatchId;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * Where a batch lives on local disk: {@code cache-dir/batches/BATCH/}. It holds a page file for each
 * table with staged pages ({@code 0.pages}, by the table's number in the batch), and, once the batch is
 * committed, the commit mark.
 *
 * <p>The mark ({@code committed}: the batch id in text and a line feed) is the second witness of a
 * commit. It is written and synced after the journal's commit record and before the answer. At start, a
 * marked folder that the journal does not know means that the journal lost a commit, and the pages are
 * kept; an unmarked one was never answered, and is discarded.
 */
public record BatchFolder(Disk disk, CacheDirectory cacheDir, BatchId batch) {
    private static final String MARK = "committed";

    public Path path() {
        return cacheDir.batch(batch);
    }

    public Path pageFile(int table) {
        return cacheDir.pageFile(batch, table);
    }

    /** Bytes of its page files, which count as used cache. */
    public long pageBytes() throws IOException {
        long bytes = 0;
        for (Path file : disk.list(path())) {
            bytes += isPageFile(file) ? disk.size(file) : 0;
        }
        return bytes;
    }

    static boolean isPageFile(Path file) {
        return String.valueOf(file.getFileName()).endsWith(".pages");
    }

    boolean exists() throws IOException {
        return disk.exists(path());
    }

    boolean isMarked() throws IOException {
        return disk.exists(path().resolve(MARK));
    }

    /** Writes the commit mark, durable on return. */
    void mark() throws IOException {
        try (DiskFile file = disk.create(path().resolve(MARK))) {
            file.write(ByteBuffer.wrap((batch + "\n").getBytes(StandardCharsets.US_ASCII)), 0);
            file.sync();
        }
        disk.syncDirectory(path());
    }

    /**
     * Deletes everything. The mark goes first, and durably: a crash in the middle must not leave a
     * marked folder without its pages.
     */
    public void delete() throws IOException {
        if (!exists()) {
            // A process killed just here may have deleted it without making that durable.
            if (disk.exists(cacheDir.batches())) {
                disk.syncDirectory(cacheDir.batches());
            }
            return;
        }
        if (isMarked()) {
            disk.delete(path().resolve(MARK));
            disk.syncDirectory(path());
        }
        for (Path file : disk.list(path())) {
            disk.delete(file);
        }
        disk.delete(path());
        disk.syncDirectory(cacheDir.batches());
    }
}
