package aria.s3batch.recovery;

import java.lang.reflect.Constructor;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Comparator;
import java.util.Deque;
import java.util.PriorityQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.locks.LockSupport;

/**
 * Threads of which one runs at a time, on a clock that moves only when all of them wait: blocking code with
 * queues, semaphores and pauses runs in no time, and in the same order every time. What it computes takes no
 * time at all.
 *
 * <p>They are virtual threads whose scheduler is a queue that {@link #run} empties. The JDK has no public
 * way to give one, and a constructor that its own tests use.
 */
final class VirtualTime implements ThreadFactory {
    private record Sleeper(long nanos, long number, Thread thread) {}

    private final Deque<Runnable> runnable = new ArrayDeque<>();
    private final PriorityQueue<Sleeper> sleepers =
            new PriorityQueue<>(
                    Comparator.comparingLong(Sleeper::nanos).thenComparingLong(Sleeper::number));
    private long nanos;
    private long sleeps;

    long nanos() {
        return nanos;
    }

    @Override
    public Thread newThread(Runnable task) {
        try {
            Constructor<?> builder =
                    Class.forName("java.lang.ThreadBuilders$VirtualThreadBuilder")
                            .getDeclaredConstructor(Executor.class);
            builder.setAccessible(true);
            Executor scheduler = runnable::add;
            return ((Thread.Builder) builder.newInstance(scheduler)).unstarted(task);
        } catch (ReflectiveOperationException e) {
            throw new LinkageError("this JDK has another way to make a virtual thread", e);
        }
    }

    /** For the threads of it. */
    void sleep(Duration duration) {
        sleepUntil(nanos + duration.toNanos());
    }

    /** For the threads of it. */
    void sleepUntil(long wakeNanos) {
        sleepers.add(new Sleeper(wakeNanos, sleeps++, Thread.currentThread()));
        while (nanos < wakeNanos) {
            LockSupport.park(this);
        }
    }

    /** Runs a task, and whatever threads it starts, until all of them have ended or wait for ever. */
    void run(Runnable task) {
        newThread(task).start();
        while (true) {
            Runnable next = runnable.poll();
            if (next != null) {
                next.run();
                continue;
            }
            Sleeper first = sleepers.poll();
            if (first == null) {
                return;
            }
            nanos = Math.max(nanos, first.nanos());
            LockSupport.unpark(first.thread());
        }
    }
}
