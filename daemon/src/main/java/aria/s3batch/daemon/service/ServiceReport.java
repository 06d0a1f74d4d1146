package aria.s3batch.daemon.service;

import org.agrona.concurrent.NanoClock;
import org.agrona.concurrent.SystemNanoClock;
import org.jspecify.annotations.Nullable;

import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/**
 * The life of the daemon as systemd sees it, in the words of sd_notify(3):
 *
 * <pre>
 * STARTING   STATUS, EXTEND_TIMEOUT_USEC         while the start goes on, for as long as it may
 * READY      READY=1, then STATUS and WATCHDOG=1 the socket is open; replay may still run
 * RELOADING  RELOADING=1, MONOTONIC_USEC         then READY=1 again
 * STOPPING   STOPPING=1                          the last word </pre>
 *
 * <p>R1 {@code WATCHDOG=1} is said only when the single writer has come round since it was said last: a
 * writer that is stuck ends with its process. R2 a start that makes no step for {@link #STARTING_MAX} is not
 * prolonged.
 *
 * <p>Any thread. Messages leave in order from a thread of their own, which also loads what they need.
 */
public final class ServiceReport implements AutoCloseable {
    /** How long each step of a start may take. */
    static final Duration STARTING_MAX = Duration.ofMinutes(15);

    private static final Duration EXTENSION = Duration.ofSeconds(30);
    private static final Duration PERIOD_MAX = Duration.ofSeconds(5);
    private static final Duration LAST_WORDS = Duration.ofSeconds(1);

    /** What the daemon is at. */
    public interface Work {
        /** A number that is another one whenever the single writer has come round again. */
        long cycles();

        /** One line for people. Completed late, or never, by a writer that is stuck. */
        CompletableFuture<String> inWords();
    }

    private enum Phase {
        STARTING,
        READY,
        RELOADING,
        STOPPING
    }

    private final ServiceManager manager;
    private final boolean isWatched;
    private final NanoClock clock;
    private final Executor sender;
    private final Runnable end;

    // all guarded by this
    private Phase phase = Phase.STARTING;
    private String status = "starting";
    private long stepSinceNanos;
    private @Nullable Work work;
    private long cyclesSeen = -1;
    private @Nullable CompletableFuture<String> asked;

    /**
     * @param isWatched whether the manager wants signs of life
     * @param sender in which messages leave, in the order in which they come
     */
    ServiceReport(ServiceManager manager, boolean isWatched, NanoClock clock, Executor sender) {
        this(manager, isWatched, clock, sender, () -> {});
    }

    private ServiceReport(
            ServiceManager manager,
            boolean isWatched,
            NanoClock clock,
            Executor sender,
            Runnable end) {
        this.manager = manager;
        this.isWatched = isWatched;
        this.clock = clock;
        this.sender = sender;
        this.end = end;
        this.stepSinceNanos = clock.nanoTime();
    }

    /** For nobody. */
    public static ServiceReport none() {
        return new ServiceReport(state -> {}, false, SystemNanoClock.INSTANCE, Runnable::run);
    }

    /**
     * For whoever started this process, if he wants to know.
     *
     * @param environment {@code NOTIFY_SOCKET}, {@code WATCHDOG_USEC}, {@code WATCHDOG_PID}
     * @param pid of this process
     */
    public static ServiceReport start(Map<String, String> environment, long pid) {
        String name = environment.get("NOTIFY_SOCKET");
        NotifySocket socket = name == null || name.isEmpty() ? null : NotifySocket.of(name);
        if (socket == null) {
            return none();
        }
        Duration watchdog = watchdog(environment, pid);
        ScheduledExecutorService thread =
                Executors.newSingleThreadScheduledExecutor(
                        Thread.ofPlatform().name("service-report").daemon(true).factory());
        var report =
                new ServiceReport(
                        socket,
                        watchdog.isPositive(),
                        SystemNanoClock.INSTANCE,
                        thread,
                        () -> end(thread));
        long periodNanos = period(watchdog).toNanos();
        var _ =
                thread.scheduleAtFixedRate(
                        report::tick, periodNanos, periodNanos, TimeUnit.NANOSECONDS);
        return report;
    }

    private static void end(ScheduledExecutorService thread) {
        thread.shutdown();
        try {
            if (!thread.awaitTermination(LAST_WORDS.toMillis(), TimeUnit.MILLISECONDS)) {
                thread.shutdownNow(); // nobody takes them; the thread does not hold the process
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Zero: none. One that is meant for another process, a wrapper around this one, is none. */
    static Duration watchdog(Map<String, String> environment, long pid) {
        String micros = environment.getOrDefault("WATCHDOG_USEC", "");
        String watched = environment.getOrDefault("WATCHDOG_PID", Long.toString(pid));
        return micros.matches("[0-9]{1,15}") && watched.equals(Long.toString(pid))
                ? Duration.ofNanos(TimeUnit.MICROSECONDS.toNanos(Long.parseLong(micros)))
                : Duration.ZERO;
    }

    /** At half of the watchdog's time, as sd_watchdog_enabled(3) advises, or earlier. */
    static Duration period(Duration watchdog) {
        Duration half = watchdog.dividedBy(2);
        return half.isPositive() && half.compareTo(PERIOD_MAX) < 0 ? half : PERIOD_MAX;
    }

    /** A step of the start begins. */
    public synchronized void starting(String step) {
        status = step;
        stepSinceNanos = clock.nanoTime();
        say("STATUS=" + status);
    }

    /** The socket is open. */
    public synchronized void ready(Work work) {
        this.work = work;
        phase = Phase.READY;
        status = "ready";
        say("READY=1\nSTATUS=" + status);
    }

    /** New settings are read; {@link #reloaded} follows, whatever becomes of it. */
    public synchronized void reloading() {
        if (phase == Phase.READY) {
            phase = Phase.RELOADING;
            // CLOCK_MONOTONIC is what the JVM's nanoTime is on Linux
            say("RELOADING=1\nMONOTONIC_USEC=" + TimeUnit.NANOSECONDS.toMicros(clock.nanoTime()));
        }
    }

    public synchronized void reloaded() {
        if (phase == Phase.RELOADING) {
            phase = Phase.READY;
            say("READY=1\nSTATUS=" + status);
        }
    }

    public synchronized void stopping() {
        if (phase != Phase.STOPPING) {
            phase = Phase.STOPPING;
            say("STOPPING=1\nSTATUS=stopping: objects in flight are finished first");
        }
    }

    /** Says what is due; called again and again, every {@link #period}. */
    synchronized void tick() {
        switch (phase) {
            case STARTING -> {
                Duration since = Duration.ofNanos(clock.nanoTime() - stepSinceNanos);
                if (since.compareTo(STARTING_MAX) < 0) { // R2
                    say("EXTEND_TIMEOUT_USEC=" + EXTENSION.toNanos() / 1000 + "\nSTATUS=" + status);
                }
            }
            case READY, RELOADING -> {
                Work now = work;
                assert now != null : phase;
                askFor(now);
                boolean comesRound = hasComeRound(now);
                say("STATUS=" + status + (isWatched && comesRound ? "\nWATCHDOG=1" : ""));
            }
            case STOPPING -> {}
        }
    }

    /** R1. */
    private boolean hasComeRound(Work now) {
        long cycles = now.cycles();
        boolean moved = cycles != cyclesSeen;
        cyclesSeen = cycles;
        return moved;
    }

    /** The answer is said at the next tick: this thread waits for nobody. */
    private void askFor(Work now) {
        CompletableFuture<String> answer = asked;
        if (answer != null && answer.isDone() && !answer.isCompletedExceptionally()) {
            status = answer.join();
        }
        if (answer == null || answer.isDone()) {
            asked = now.inWords();
        }
    }

    private void say(String state) {
        sender.execute(() -> manager.tell(state));
    }

    /** Waits a moment for what was said last. */
    @Override
    public void close() {
        end.run();
    }
}
