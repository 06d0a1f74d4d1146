package aria.s3batch.diskcache;

import java.util.concurrent.atomic.AtomicLong;

/**
 * How much local disk the page files of all batches take, kept at or below {@code cache-size}. Any
 * thread.
 */
public final class CacheSpace {
    private final long limitBytes;
    private final AtomicLong usedBytes = new AtomicLong();

    /**
     * @param limitBytes {@code cache-size}
     */
    public CacheSpace(long limitBytes) {
        if (limitBytes <= 0) {
            throw new IllegalArgumentException("cache-size must be above 0: " + limitBytes);
        }
        this.limitBytes = limitBytes;
    }

    /**
     * Takes room, all or none of it.
     *
     * @throws CacheFullException it would be over the limit; nothing was taken
     */
    public void reserve(long bytes) throws CacheFullException {
        assert bytes >= 0 : bytes;
        long used;
        do {
            used = usedBytes.get();
            if (bytes > limitBytes - used) {
                throw new CacheFullException(
                        ("the disk cache is full: %d of %d bytes are used and %d more are needed"
                             + " (option cache-size). Nothing that was staged is lost: commit or"
                             + " abort batches, or raise cache-size and restart")
                                .formatted(used, limitBytes, bytes));
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
}
