package aria.s3batch.recovery;

import aria.s3batch.s3block.StoreBusyException;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Collection;
import java.util.Deque;
import java.util.concurrent.Executor;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;

/**
 * Blocks on their way to the store: as many at a time as allowed, and fewer while it answers that it is asked
 * too often. What is allowed is the best as long as it does not: memory bounds blocks in flight by itself.
 *
 * <p>Additive increase, multiplicative decrease. Such an answer hands its block back, to be tried again first.
 * The first one to a block that was started since the last cut halves the limit, and nothing new is started
 * for a pause, which grows while nothing lands; those that were in flight with it say nothing new. A round of
 * blocks that landed raises the limit by one.
 *
 * <p>Used by one thread, which waits; the steps run on the executor, or in that thread. As with {@link
 * InFlight}, the first failure stops the rest, and those in flight finish.
 */
final class PacedBlocks {
    private final Executor executor;
    private final int most;
    private final Patience patience;
    private final BooleanSupplier stop;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();

    // all guarded by the lock
    private final Deque<BlockRecord> waiting;
    private int inFlight;
    private int limit;
    private int landed;
    private int cuts;

    /** Why a pause is due; null if none is. */
    private @Nullable StoreBusyException busy;

    /** Pauses since the last block landed. */
    private int pauses;

    private @Nullable Throwable failure;

    interface Step {
        /**
         * @throws StoreBusyException the block is to be tried again
         */
        void run(BlockRecord block) throws IOException;
    }

    /**
     * @param most in flight
     * @param stop asked before each block
     */
    PacedBlocks(
            Executor executor,
            int most,
            Patience patience,
            BooleanSupplier stop,
            Collection<BlockRecord> blocks) {
        this.executor = executor;
        this.most = most;
        this.limit = most;
        this.patience = patience;
        this.stop = stop;
        this.waiting = new ArrayDeque<>(blocks);
    }

    /**
     * Returns when the step has been run for every block.
     *
     * @throws StoppedException not for every block
     * @throws IOException the first failure
     */
    void run(Step step) throws IOException {
        boolean stopped = false;
        try {
            while (!stopped) {
                BlockRecord next = next();
                if (next == null) {
                    break;
                }
                stopped = stop.getAsBoolean();
                if (stopped) {
                    handBack(next);
                } else {
                    start(next, step);
                }
            }
        } catch (IOException | RuntimeException | Error e) {
            failed(e);
        }
        finish();
        if (stopped) {
            throw new StoppedException();
        }
    }

    /** The next block, when it may be started, already counted as in flight; null if there is none. */
    private @Nullable BlockRecord next() throws IOException {
        while (true) {
            StoreBusyException pauseFor;
            int pause;
            lock.lock();
            try {
                while (failure == null
                        && busy == null
                        && (inFlight >= limit || waiting.isEmpty() && inFlight > 0)) {
                    changed.awaitUninterruptibly();
                }
                pauseFor = busy;
                if (failure != null || pauseFor == null) {
                    BlockRecord next = failure == null ? waiting.poll() : null;
                    inFlight += next == null ? 0 : 1;
                    return next;
                }
                busy = null;
                pause = ++pauses;
            } finally {
                lock.unlock();
            }
            patience.pauseWhileBusy(pause, pauseFor);
        }
    }

    private void start(BlockRecord block, Step step) {
        int cutsBefore = cuts();
        boolean started = false;
        try {
            executor.execute(() -> run(block, step, cutsBefore));
            started = true;
        } finally {
            if (!started) {
                handBack(block);
            }
        }
    }

    private int cuts() {
        lock.lock();
        try {
            return cuts;
        } finally {
            lock.unlock();
        }
    }

    private void run(BlockRecord block, Step step, int cutsBefore) {
        try {
            step.run(block);
            landed();
        } catch (StoreBusyException e) {
            slowDown(e, cutsBefore);
            handBack(block);
        } catch (IOException | RuntimeException | Error e) {
            failed(e);
            handBack(block);
        }
    }

    private void landed() {
        lock.lock();
        try {
            inFlight--;
            pauses = 0;
            landed++;
            if (limit < most && landed >= limit) {
                limit++;
                landed = 0;
            }
            changed.signal();
        } finally {
            lock.unlock();
        }
    }

    private void slowDown(StoreBusyException answer, int cutsBefore) {
        lock.lock();
        try {
            if (cutsBefore == cuts) {
                cuts++;
                landed = 0;
                limit = Math.max(1, limit / 2);
                busy = answer;
            }
        } finally {
            lock.unlock();
        }
    }

    private void handBack(BlockRecord block) {
        lock.lock();
        try {
            inFlight--;
            waiting.addFirst(block);
            changed.signal();
        } finally {
            lock.unlock();
        }
    }

    private void failed(Throwable e) {
        lock.lock();
        try {
            if (failure == null) {
                failure = e;
            }
        } finally {
            lock.unlock();
        }
    }

    private void finish() throws IOException {
        lock.lock();
        try {
            while (inFlight > 0) {
                changed.awaitUninterruptibly();
            }
            switch (failure) {
                case null -> {}
                case IOException e -> throw e;
                case RuntimeException e -> throw e;
                case Error e -> throw e;
                case Throwable e -> throw new AssertionError(e);
            }
        } finally {
            lock.unlock();
        }
    }
}
