package aria.s3batch.recovery;

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
public record BatchFolder(Disk disk, Path cacheDir, BatchId batch) {
    private static final String MARK = "committed";

    public static Path all(Path cacheDir) {
        return cacheDir.resolve("batches");
    }

    public Path path() {
        return all(cacheDir).resolve(batch.toString());
    }

    public Path pageFile(int table) {
        return path().resolve(table + ".pages");
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
    void delete() throws IOException {
        if (!exists()) {
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
        disk.syncDirectory(all(cacheDir));
    }
}
