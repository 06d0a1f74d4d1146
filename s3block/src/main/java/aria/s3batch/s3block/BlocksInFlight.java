package aria.s3batch.s3block;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.util.concurrent.Executor;
import java.util.concurrent.Semaphore;

/**
 * Room for blocks that are read or written whole tables at a time: so many at once, and so much heap, over all
 * {@link Round}s. Safe for use by many threads.
 */
public final class BlocksInFlight {
    private final Executor executor;
    private final Semaphore places;
    private final Semaphore heap;
    private final int heapKib;

    /**
     * @param executor runs the steps; {@code Runnable::run} runs them in the calling thread
     * @param most at a time
     * @param heapBytes for all of them; one that needs more than that is alone
     */
    public BlocksInFlight(Executor executor, int most, long heapBytes) {
        this.executor = executor;
        this.places = new Semaphore(most, true);
        this.heapKib = Math.clamp(heapBytes / 1024, 1, Integer.MAX_VALUE);
        this.heap = new Semaphore(heapKib, true); // fair: small blocks do not starve a large one
    }

    /** What is done with a block. */
    public interface Step {
        void run() throws IOException;
    }

    /** The blocks of one table: the first failure ends it. */
    public Round round() {
        return new Round();
    }

    /** Steps that succeed or fail together. Used by one thread. */
    public final class Round {
        private final Object lock = new Object();

        // guarded by lock
        private int running;
        private @Nullable Throwable failure;

        private Round() {}

        /**
         * Waits for room and starts a step.
         *
         * @param heapBytes that it needs
         * @return false after a failure: nothing more is started, see {@link #finish}
         */
        public boolean start(long heapBytes, Step step) {
            int kib = Math.clamp(heapBytes / 1024 + 1, 1, heapKib);
            places.acquireUninterruptibly();
            heap.acquireUninterruptibly(kib);
            synchronized (lock) {
                if (failure != null) {
                    giveBack(kib);
                    return false;
                }
                running++;
            }
            boolean started = false;
            try {
                executor.execute(() -> run(step, kib));
                started = true;
            } finally {
                if (!started) {
                    ended(kib, null);
                }
            }
            return true;
        }

        private void run(Step step, int kib) {
            Throwable thrown = null;
            try {
                step.run();
            } catch (IOException | RuntimeException | Error e) {
                thrown = e;
            }
            ended(kib, thrown);
        }

        private void ended(int kib, @Nullable Throwable thrown) {
            giveBack(kib);
            synchronized (lock) {
                running--;
                if (failure == null) {
                    failure = thrown;
                }
                lock.notifyAll();
            }
        }

        private void giveBack(int kib) {
            heap.release(kib);
            places.release();
        }

        /** Waits, interrupts and all, until no step runs; throws the first failure. */
        public void finish() throws IOException {
            boolean interrupted = false;
            Throwable first;
            synchronized (lock) {
                while (running > 0) {
                    try {
                        lock.wait();
                    } catch (InterruptedException e) {
                        interrupted = true; // steps in flight hold files and conditional writes
                    }
                }
                first = failure;
            }
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
            switch (first) {
                case null -> {}
                case IOException e -> throw e;
                case RuntimeException e -> throw e;
                case Error e -> throw e;
                default -> throw new AssertionError(first);
            }
        }
    }
}
