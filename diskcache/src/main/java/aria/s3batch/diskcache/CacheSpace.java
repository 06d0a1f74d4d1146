package aria.s3batch.diskcache;

import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicLong;

/**
 * How much local disk the page files of all batches take, kept at or below {@code cache-size}, and how
 * much of a fuller disk they leave alone: the journal lies on the same one, and a batch that fills the
 * disk must not keep others from being committed and applied. Any thread.
 */
public final class CacheSpace {
    private volatile long limitBytes;
    private final long keptFreeBytes;
    private final AtomicLong usedBytes = new AtomicLong();

    /**
     * @param limitBytes {@code cache-size}
     */
    public CacheSpace(long limitBytes) {
        this(limitBytes, 0);
    }

    /**
     * @param limitBytes {@code cache-size}
     * @param keptFreeBytes pages are staged only while more than this is free on the disk
     */
    public CacheSpace(long limitBytes, long keptFreeBytes) {
        if (limitBytes <= 0) {
            throw new IllegalArgumentException("cache-size must be above 0: " + limitBytes);
        }
        this.limitBytes = limitBytes;
        this.keptFreeBytes = keptFreeBytes;
    }

    /**
     * Says whether a page file may grow.
     *
     * @param directory on the disk in question
     * @throws CacheFullException the disk is full but for what is kept free
     */
    void requireFree(Disk disk, Path directory, long bytes) throws IOException {
        if (keptFreeBytes > 0 && disk.freeBytes(directory) < keptFreeBytes + bytes) {
            throw new CacheFullException(
                    ("the disk of %s is full: %d MiB must stay free for the journal. Nothing that"
                         + " was staged is lost: free space there, or commit or abort batches, then"
                         + " stage again")
                            .formatted(directory, keptFreeBytes >> 20));
        }
    }

    /**
     * Takes room, all or none of it.
     *
     * @throws CacheFullException it would be over the limit; nothing was taken
     */
    public void reserve(long bytes) throws CacheFullException {
        assert bytes >= 0 : bytes;
        long limit = limitBytes;
        long used;
        do {
            used = usedBytes.get();
            if (bytes > limit - used) {
                throw new CacheFullException(
                        ("the disk cache is full: %d of %d bytes are used and %d more are needed"
                             + " (option cache-size). Nothing that was staged is lost: commit or"
                             + " abort batches, or raise cache-size and reload")
                                .formatted(used, limit, bytes));
            }
        } while (!usedBytes.compareAndSet(used, used + bytes));
    }

    /** Counts a page file that is on disk already, found at start, even over the limit. */
    public void adopt(long bytes) {
        assert bytes >= 0 : bytes;
        usedBytes.addAndGet(bytes);
    }

    public void release(long bytes) {
        assert bytes >= 0 : bytes;
        long left = usedBytes.addAndGet(-bytes);
        assert left >= 0 : left;
    }

    public long usedBytes() {
        return usedBytes.get();
    }

    public long limitBytes() {
        return limitBytes;
    }

    /** Sets another limit. What is used over it already stays; nothing is added before it is below. */
    public void limit(long bytes) {
        if (bytes <= 0) {
            throw new IllegalArgumentException("cache-size must be above 0: " + bytes);
        }
        limitBytes = bytes;
    }
}
