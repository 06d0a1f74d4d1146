package aria.s3batch.recovery;

import java.io.IOException;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.Semaphore;

/**
 * Bounds what blocks on their way from the object store take of memory, over all readers of all batches,
 * and lends them the threads that fetch ahead. Any thread.
 */
public final class BlockFetches {
    private final Executor threads;
    private final int kibAtOnce;
    private final Semaphore memory;

    /** Fetches one block. */
    interface Fetch {
        void run() throws IOException;
    }

    /**
     * @param threads for blocks that are fetched before somebody waits for them
     * @param bytesAtOnce most memory for blocks under way; one is let through whatever its size
     */
    public BlockFetches(Executor threads, long bytesAtOnce) {
        this.threads = threads;
        this.kibAtOnce = (int) Math.min(Integer.MAX_VALUE, Math.max(1, bytesAtOnce >> 10));
        this.memory = new Semaphore(kibAtOnce, true);
    }

    /** Runs a fetch that a reader waits for, when there is room. */
    void now(int blockBytes, Fetch fetch) throws IOException {
        int kib = kib(blockBytes);
        memory.acquireUninterruptibly(kib);
        try {
            fetch.run();
        } finally {
            memory.release(kib);
        }
    }

    /** Runs a fetch soon, on another thread, if there is room now. */
    void ahead(int blockBytes, Runnable fetch) {
        int kib = kib(blockBytes);
        if (!memory.tryAcquire(kib)) {
            return;
        }
        try {
            threads.execute(
                    () -> {
                        try {
                            fetch.run();
                        } finally {
                            memory.release(kib);
                        }
                    });
        } catch (RejectedExecutionException stopping) {
            memory.release(kib);
        }
    }

    /** The object, and the bytes that it decodes to. */
    private int kib(int blockBytes) {
        return Math.min(kibAtOnce, Math.ceilDiv(2 * blockBytes, 1024));
    }
}
