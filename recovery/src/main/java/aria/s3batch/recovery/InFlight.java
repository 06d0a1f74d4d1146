package aria.s3batch.recovery;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.util.concurrent.Executor;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicReference;

/**
 * A bounded number of tasks on an executor. The first failure stops the rest: tasks not yet started are
 * not, those in flight finish, and {@link #finish} throws it. Used by one thread; runs as well on an
 * executor that runs tasks in the calling thread.
 */
final class InFlight {
    private final Executor executor;
    private final int limit;
    private final Semaphore places;
    private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();

    interface Task {
        void run() throws IOException;
    }

    InFlight(Executor executor, int limit) {
        this.executor = executor;
        this.limit = limit;
        this.places = new Semaphore(limit);
    }

    /** Waits for a place and starts the task; returns false, without starting it, after a failure. */
    boolean start(Task task) {
        acquire(1);
        if (failure.get() != null) {
            places.release();
            return false;
        }
        boolean started = false;
        try {
            executor.execute(
                    () -> {
                        try {
                            task.run();
                        } catch (IOException | RuntimeException | Error e) {
                            failure.compareAndSet(null, e);
                        } finally {
                            places.release();
                        }
                    });
            started = true;
        } finally {
            if (!started) {
                places.release();
            }
        }
        return true;
    }

    /** Waits until nothing is in flight. Throws the first failure. */
    void finish() throws IOException {
        acquire(limit);
        places.release(limit);
        switch (failure.get()) {
            case null -> {}
            case IOException e -> throw e;
            case RuntimeException e -> throw e;
            case Error e -> throw e;
            case Throwable e -> throw new AssertionError(e);
        }
    }

    /** Waits out an interrupt: tasks in flight hold buffers and conditional writes that must settle. */
    private void acquire(int count) {
        places.acquireUninterruptibly(count);
    }
}
