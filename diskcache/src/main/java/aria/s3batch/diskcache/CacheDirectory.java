package aria.s3batch.diskcache;

import aria.s3batch.format.BatchId;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * What lies where under {@code cache-dir}:
 *
 * <pre>
 * batches/ULID/N.pages   page file of table N (from 0) of the batch; see {@link PageFile}
 * block-cache/N.block    base blocks of this run of the daemon; see {@link BlockCache} </pre>
 *
 * <p>A batch's folder appears with its first staged page.
 */
public record CacheDirectory(Path root) {
    public Path batches() {
        return root.resolve("batches");
    }

    public Path batch(BatchId batch) {
        return batches().resolve(batch.toString());
    }

    /**
     * @param table the table's number in the batch, from 0
     */
    public Path pageFile(BatchId batch, int table) {
        if (table < 0) {
            throw new IllegalArgumentException("table number " + table);
        }
        return batch(batch).resolve(table + ".pages");
    }

    public Path blockCache() {
        return root.resolve("block-cache");
    }

    /**
     * Makes the folders, and what is missing of the way to them, durably: to be called at start, before
     * anything is staged.
     */
    public void create(Disk disk) throws IOException {
        create(disk, root.toAbsolutePath().normalize());
        disk.createDirectories(batches());
        disk.createDirectories(blockCache());
        disk.syncDirectory(root);
    }

    private static void create(Disk disk, Path folder) throws IOException {
        Path parent = folder.getParent();
        if (parent != null && !disk.exists(folder)) {
            create(disk, parent);
            disk.createDirectories(folder);
            disk.syncDirectory(parent);
        }
    }

    /**
     * The batches that have a folder, in the order of their begin. What else lies there is not ours, and
     * not listed.
     */
    public List<BatchId> listBatches(Disk disk) throws IOException {
        return disk.list(batches()).stream().flatMap(folder -> batchOf(folder).stream()).toList();
    }

    /** The batch whose folder this is, if it is one. */
    public Optional<BatchId> batchOf(Path folder) {
        try {
            return Optional.of(BatchId.parse(String.valueOf(folder.getFileName())))
                    .filter(batch -> batch(batch).equals(folder));
        } catch (IllegalArgumentException notAnId) {
            return Optional.empty();
        }
    }

    /**
     * Deletes a batch's folder with its page files: of a batch applied, or one that nobody knows. Their
     * share of {@link CacheSpace} is the caller's to release. Does nothing if it is not there.
     */
    public void deleteBatch(Disk disk, BatchId batch) throws IOException {
        Path folder = batch(batch);
        for (Path file : disk.list(folder)) {
            disk.delete(file);
        }
        disk.delete(folder);
    }
}
