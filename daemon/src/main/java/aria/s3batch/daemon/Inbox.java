package aria.s3batch.daemon;

import aria.s3batch.daemon.api.Problem;

import org.agrona.concurrent.ManyToOneConcurrentArrayQueue;
import org.agrona.concurrent.ManyToOneConcurrentLinkedQueue;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;

/**
 * The way into the conductor's thread, and from there out to the workers and back. Clients' commands wait
 * in a bounded queue and are refused when it is full; results of workers, at most one for each that runs,
 * are never refused.
 *
 * <p>An {@link IOException} or {@link IllegalArgumentException} of a command is its client's answer. Any
 * other exception is our own mistake, after which nobody knows what the state is worth, and ends the
 * daemon.
 *
 * <p>Invariant W4: after that, or after an error of journal or disk that leaves unknown what is durable,
 * no command is carried out and nothing is acknowledged any more; who waits is told so.
 */
final class Inbox {
    private static final Logger log = LoggerFactory.getLogger(Inbox.class);

    private static final int COMMANDS_MAX = 4096;
    private static final int STEPS_PER_CYCLE = 256;

    private final Executor workers;
    private final Consumer<Throwable> onFatal;
    private final ManyToOneConcurrentArrayQueue<Step<?>> commands =
            new ManyToOneConcurrentArrayQueue<>(COMMANDS_MAX);
    private final ManyToOneConcurrentLinkedQueue<Step<?>> results =
            new ManyToOneConcurrentLinkedQueue<>();
    private final AtomicInteger working = new AtomicInteger();
    private final AtomicBoolean dead = new AtomicBoolean();
    private volatile @Nullable Thread reader;

    /** Completes the answer, now or from a later step, or throws what the client is told. */
    interface Command<T> {
        void run(CompletableFuture<T> answer) throws IOException;
    }

    private record Step<T>(Command<T> command, CompletableFuture<T> answer) {}

    /**
     * @param onFatal called once, from any thread, when the process must end
     */
    Inbox(Executor workers, Consumer<Throwable> onFatal) {
        this.workers = workers;
        this.onFatal = onFatal;
    }

    /** Says which thread to wake for new steps; without, whoever calls {@link #drain} looks by itself. */
    void readBy(Thread thread) {
        reader = thread;
    }

    /** Sends a command from any thread; the answer always comes while somebody drains. */
    <T> CompletableFuture<T> ask(Command<T> command) {
        var answer = new CompletableFuture<T>();
        if (!commands.offer(new Step<>(command, answer))) {
            answer.completeExceptionally(
                    new BatchException(
                            Problem.Kind.UNREACHABLE,
                            "the daemon has " + COMMANDS_MAX + " requests waiting; try again"));
        }
        wake();
        return answer;
    }

    /**
     * Runs the slow part of a command on a worker, which ends by {@link #result}. What it throws ends the
     * daemon: failures that may be expected it takes to {@code result} itself.
     */
    <T> void work(CompletableFuture<T> answer, Command<T> command) {
        working.incrementAndGet();
        workers.execute(
                () -> {
                    try {
                        command.run(answer);
                    } catch (IOException | RuntimeException | Error e) {
                        fatal(e);
                        refuse(answer);
                    } finally {
                        working.decrementAndGet();
                        wake();
                    }
                });
    }

    /** A worker's way back into the conductor's thread. */
    <T> void result(CompletableFuture<T> answer, Command<T> command) {
        results.offer(new Step<>(command, answer));
        wake();
    }

    /** Whether no worker runs and no step waits. */
    boolean isIdle() {
        // A worker leaves its result before it counts as done: in this order none is overlooked.
        return working.get() == 0 && results.isEmpty() && commands.isEmpty();
    }

    /** Runs what waits, up to a bound. */
    int drain() {
        int steps = 0;
        for (Step<?> result = results.poll(); result != null; result = results.poll()) {
            run(result);
            if (++steps == STEPS_PER_CYCLE) {
                return steps;
            }
        }
        return steps + commands.drain(this::run, STEPS_PER_CYCLE - steps);
    }

    private <T> void run(Step<T> step) {
        CompletableFuture<T> answer = step.answer();
        if (isDead()) {
            refuse(answer);
            return;
        }
        try {
            step.command().run(answer);
        } catch (IOException | IllegalArgumentException e) {
            answer.completeExceptionally(e);
        } catch (RuntimeException | Error e) {
            fatal(e);
            refuse(answer);
        }
    }

    private static void refuse(CompletableFuture<?> answer) {
        answer.completeExceptionally(
                new BatchException(
                        Problem.Kind.FAILED,
                        "the daemon stops after a failure, its log says which. What was committed"
                                + " is safe and goes on at its next start; ask for the status then,"
                                + " before anything is repeated"));
    }

    /** W4. Any thread. */
    void fatal(Throwable cause) {
        if (dead.compareAndSet(false, true)) {
            log.atError()
                    .setCause(cause)
                    .log("cannot go on; committed batches are safe and go on at the next start");
            onFatal.accept(cause);
        }
    }

    boolean isDead() {
        return dead.get();
    }

    private void wake() {
        Thread thread = reader;
        if (thread != null) {
            LockSupport.unpark(thread);
        }
    }
}
