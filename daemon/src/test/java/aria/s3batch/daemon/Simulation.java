package aria.s3batch.daemon;

import aria.s3batch.daemon.Faults.Kind;
import aria.s3batch.diskcache.BlockCache;
import aria.s3batch.diskcache.CacheDirectory;
import aria.s3batch.diskcache.CacheFullException;
import aria.s3batch.diskcache.CacheSpace;
import aria.s3batch.diskcache.FaultyDisk;
import aria.s3batch.diskcache.MemoryDisk;
import aria.s3batch.recovery.Applier;
import aria.s3batch.recovery.CommitJournal;
import aria.s3batch.recovery.Committer;
import aria.s3batch.recovery.Durability;
import aria.s3batch.recovery.FenceWait;
import aria.s3batch.recovery.MemoryJournal;
import aria.s3batch.recovery.Readers;
import aria.s3batch.recovery.Receipts;
import aria.s3batch.recovery.Recovery;
import aria.s3batch.s3block.Condition;
import aria.s3batch.s3block.FaultyObjectStore;
import aria.s3batch.s3block.FaultyObjectStore.Failure;
import aria.s3batch.s3block.FaultyObjectStore.Operation;
import aria.s3batch.s3block.FaultyObjectStore.Request;
import aria.s3batch.s3block.LockOwner;
import aria.s3batch.s3block.MemoryObjectStore;
import aria.s3batch.s3block.ObjectStore;
import aria.s3batch.s3block.TableLocks;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeSet;

/**
 * The daemon's own conductor, caches, commit, apply and recovery in one thread, on a clock, a disk, a journal
 * and a bucket that are simulated, and that fail as one seed says: the same seed gives the same run.
 *
 * <p>Workers wait in a list; {@link #work} runs one of them, and before any request of a worker another one
 * may run, or the conductor's duty cycle, as if threads overtook one another. A process can be killed before
 * any call of disk, journal and store, and after any write. A write that timed out takes effect at a later
 * request, pause or action, also of the next process.
 */
final class Simulation {
    static final CacheDirectory CACHE_DIR = new CacheDirectory(Path.of("/cache"));
    static final Path RECEIPTS = CACHE_DIR.root().resolve("receipts");

    /** The longest that a write without an ETag to match may be under way: what the daemon counts on. */
    private static final Duration LATE = Duration.ofSeconds(3);

    /** The longest that any other may, where the ETag of a version never comes again. */
    private static final Duration LATE_IF_MATCH = Duration.ofMinutes(5);

    private static final Duration REQUEST = Duration.ofMillis(5);
    private static final int OVERTAKING_MAX = 3;
    private static final Set<String> JOURNAL_READS =
            Set.of("batches", "blocks", "objectsDone", "fence");

    /** The end of the process. */
    static final class Killed extends Error {
        private static final long serialVersionUID = 1L;

        Killed(String call) {
            super("killed before " + call, null, false, false);
        }
    }

    /** Told when a process has started, before it does anything. */
    interface Listener {
        void started(Recovery.Found found);

        /** A foreign writer may write now. */
        void interlude();
    }

    private record Late(String request, long atNanos, int process, Runnable effect) {}

    final Faults faults;
    final MemoryObjectStore bucket;
    final MemoryJournal journal = new MemoryJournal();
    final BucketWatch watch;
    final MemoryDisk memory = new MemoryDisk();
    final List<String> violations = new ArrayList<>();
    final List<String> log = new ArrayList<>();
    private final FaultyObjectStore store;
    private final FaultyDisk disk = new FaultyDisk(memory);
    private final CommitJournal faultyJournal;
    private final SplittableRandom random;
    private final Duration lateIfMatch;
    private final Listener listener;
    private final long cacheBytes;
    private final List<Runnable> workers = new ArrayList<>();
    private final List<Throwable> fatal = new ArrayList<>();
    private final List<Late> late = new ArrayList<>();
    private final Set<String> damaged = new TreeSet<>();
    private long nanos;
    private int processes;
    private boolean dead = true;
    private boolean mustEnd;

    /** The disk did not take a receipt: then it may be missing. */
    boolean receiptsFailed;

    private int inWorkers;
    private boolean inConductor;
    private @Nullable BatchConductor conductor;
    private CacheSpace space;

    Simulation(SplittableRandom random, Listener listener, BucketWatchMaker watchMaker)
            throws IOException {
        this.random = random;
        this.listener = listener;
        this.faults = new Faults(random.split());
        boolean etagsOfContent = random.nextBoolean();
        this.bucket = new MemoryObjectStore(etagsOfContent);
        this.lateIfMatch = etagsOfContent ? LATE : LATE_IF_MATCH;
        this.cacheBytes = random.nextInt(3) == 0 ? 40 << 13 : 1 << 30;
        this.space = new CacheSpace(cacheBytes);
        this.watch = watchMaker.over(bucket, journal, violations);
        this.store = new FaultyObjectStore(watch);
        this.faultyJournal =
                (CommitJournal)
                        Proxy.newProxyInstance(
                                CommitJournal.class.getClassLoader(),
                                new Class<?>[] {CommitJournal.class},
                                (proxy, method, arguments) -> inJournal(method, arguments));
        store.failByChance(new OfStore());
        store.cutListings(1 + random.nextInt(3));
        disk.failByChance(new OfDisk());
        memory.createDirectories(CACHE_DIR.root());
        memory.syncDirectory(Path.of("/"));
    }

    /** Makes the watch over a simulation's bucket. */
    interface BucketWatchMaker {
        BucketWatch over(MemoryObjectStore bucket, MemoryJournal journal, List<String> violations);
    }

    void log(String line) {
        log.add("%.3f %s".formatted(nanos / 1e9, line));
    }

    // ---- processes -----------------------------------------------------------------------------

    BatchConductor conductor() {
        if (conductor == null) {
            throw new AssertionError("no process was started");
        }
        return conductor;
    }

    long usedBytes() {
        return space.usedBytes();
    }

    List<Path> batchFolders() throws IOException {
        return memory.list(CACHE_DIR.batches());
    }

    /** Whether the process was killed, or said that it must end. */
    boolean isOver() {
        return dead || !fatal.isEmpty();
    }

    boolean isDead() {
        return dead;
    }

    /** The kill that a client cannot foresee, between two of its commands. */
    void kill() {
        dead = true;
        log("killed");
    }

    private void die(String call) {
        dead = true;
        log("killed before " + call);
        throw new Killed(call);
    }

    private void cutPower() {
        faults.struck(Kind.POWER_LOSS);
        long kept = memory.kept();
        long lost = memory.lost();
        long torn = memory.torn();
        memory.crash(random);
        journal.crash(random);
        faults.struck(Kind.UNSYNCED_KEPT, memory.kept() - kept);
        faults.struck(Kind.UNSYNCED_LOST, memory.lost() - lost);
        faults.struck(Kind.UNSYNCED_TORN, memory.torn() - torn);
        pass(LATE); // no machine boots faster
        log("power lost");
    }

    /** Starts a process on what the last one left, as often as it takes. */
    void restart(boolean powerLoss) {
        boolean cut = powerLoss;
        for (int attempt = 1; ; attempt++) {
            dead = true;
            workers.clear();
            fatal.clear();
            mustEnd = false;
            inWorkers = 0;
            inConductor = false;
            if (cut) {
                cutPower();
            }
            dead = false;
            processes++;
            log("start " + processes);
            try {
                start(attempt > 10);
                return;
            } catch (Killed | FaultyObjectStore.Crash e) {
                cut = faults.losesPower();
            } catch (IOException e) {
                if (faults.isCalm() || attempt > 10) {
                    throw new AssertionError("does not start: " + e, e);
                }
                cut = faults.losesPower();
            }
        }
    }

    private void start(boolean unharmed) throws IOException {
        if (unharmed) {
            disk.heal();
        }
        try {
            CACHE_DIR.create(disk);
            space = new CacheSpace(cacheBytes);
            var recovery = new Recovery(faultyJournal, disk, CACHE_DIR);
            Recovery.Found found = recovery.run();
            conductor = newConductor(recovery, found);
            listener.started(found);
        } finally {
            disk.failByChance(new OfDisk());
        }
    }

    private BatchConductor newConductor(Recovery recovery, Recovery.Found found)
            throws IOException {
        var blockCache = new BlockCache(disk, CACHE_DIR.blockCache(), 1 << 18);
        return new BatchConductor(
                new BatchConductor.Rooms(
                        store,
                        space,
                        blockCache,
                        new Committer(
                                store, faultyJournal, disk, this::now, Runnable::run, 4, random),
                        new Applier(
                                store,
                                faultyJournal,
                                disk,
                                Optional.of(blockCache),
                                Runnable::run,
                                4,
                                1 << 26,
                                FenceWait.of(Duration.ofMillis(300)),
                                this::pause,
                                new Receipts(disk, RECEIPTS)),
                        recovery,
                        new TableLocks(
                                store,
                                new LockOwner("0123456789abcdef", "host", processes, "boot"),
                                Duration.ofSeconds(30),
                                () -> nanos,
                                this::now),
                        Readers.FENCE,
                        Durability.LOCAL,
                        false,
                        workers::add,
                        () -> nanos,
                        this::now,
                        random),
                found,
                this::onFatal);
    }

    private Instant now() {
        return Instant.ofEpochSecond(1_700_000_000, nanos);
    }

    private void onFatal(Throwable cause) {
        fatal.add(cause);
        log("fatal: " + cause);
        boolean world =
                dead
                        || cause instanceof IOException
                        || cause instanceof UncheckedIOException
                        || cause instanceof Killed
                        || cause instanceof FaultyObjectStore.Crash;
        if (!world) {
            var trace = new StringWriter();
            cause.printStackTrace(new PrintWriter(trace));
            violations.add("our own mistake ended the daemon: " + trace);
        }
    }

    // ---- threads and time ----------------------------------------------------------------------

    /** The bucket as the daemon sees it. */
    ObjectStore store() {
        return store;
    }

    /** One duty cycle of the conductor. */
    int cycle() {
        if (inConductor || dead) {
            return 0;
        }
        inConductor = true;
        try {
            return conductor().doWork();
        } catch (Killed | FaultyObjectStore.Crash e) {
            return 0;
        } finally {
            inConductor = false;
            checkEnding();
        }
    }

    /** W4: what leaves unknown what is on disk ends the daemon at once. */
    private void checkEnding() {
        if (mustEnd && inWorkers == 0 && !isOver()) {
            violations.add("3: a failed sync or journal write, and the daemon goes on");
            mustEnd = false;
        }
    }

    boolean hasWorkers() {
        return !workers.isEmpty();
    }

    /** Runs one of the workers that wait, to its end, and a duty cycle. */
    void work() {
        if (workers.isEmpty() || dead) {
            return;
        }
        Runnable worker = workers.remove(random.nextInt(workers.size()));
        inWorkers++;
        boolean wasInConductor = inConductor;
        inConductor = false;
        try {
            worker.run();
        } catch (Killed | FaultyObjectStore.Crash e) {
            assert dead : e;
        } finally {
            inWorkers--;
            inConductor = wasInConductor;
            checkEnding();
        }
    }

    void pass(Duration time) {
        nanos += time.toNanos();
        landLate();
    }

    private void pause(Duration time) {
        dieIfDead("pause");
        Duration left = time;
        while (left.isPositive()) {
            Duration step =
                    left.compareTo(REQUEST.multipliedBy(10)) < 0 ? left : REQUEST.multipliedBy(10);
            pass(step);
            left = left.minus(step);
        }
        interlude(null);
        dieIfDead("pause");
    }

    private void dieIfDead(String call) {
        if (dead) {
            throw new Killed(call);
        }
    }

    private void landLate() {
        for (Late write : List.copyOf(late)) {
            if (nanos >= write.atNanos && late.remove(write)) {
                log("lands: " + write.request);
                if (write.process != processes) {
                    faults.struck(Kind.LANDED_AFTER_RESTART);
                }
                boolean outer = watch.late;
                watch.late = true;
                try {
                    write.effect.run();
                } finally {
                    watch.late = outer;
                }
            }
        }
    }

    boolean awaitsLateWrites() {
        return !late.isEmpty();
    }

    /** What others do between two requests of a worker. */
    private void interlude(@Nullable Request request) {
        pass(REQUEST);
        if (faults.foreignWrites()) {
            listener.interlude();
        }
        boolean ofBlock =
                request != null
                        && request.operation() == Operation.GET
                        && request.key().matches(".*/[0-9]+");
        // a fetch that others wait for must not wait for others: real ones have threads of their
        // own
        if (inWorkers == 0 || inConductor || ofBlock || inWorkers > OVERTAKING_MAX) {
            return;
        }
        if (faults.overtakes()) {
            faults.struck(Kind.OVERTAKEN);
            if (random.nextBoolean()) {
                cycle();
            } else {
                work();
            }
        }
    }

    // ---- the seams -----------------------------------------------------------------------------

    /** Keys whose bodies were damaged on their way since this was last asked. */
    Set<String> damagedKeys() {
        return damaged;
    }

    private final class OfStore implements FaultyObjectStore.Chance {
        @Override
        public Optional<Failure> failureOf(Request request, Condition condition) {
            dieIfDead("any " + request);
            interlude(request);
            dieIfDead("any " + request);
            if (faults.kills()) {
                faults.struck(Kind.KILL_BEFORE_A_CALL);
                die(String.valueOf(request));
            }
            Optional<Failure> failure = faults.ofStore(request, condition);
            boolean write =
                    request.operation() == Operation.PUT || request.operation() == Operation.DELETE;
            if (write && failure.isEmpty() && faults.kills()) {
                faults.struck(Kind.KILL_AFTER_A_WRITE);
                dead = true;
                failure = Optional.of(Failure.CRASH_AFTER);
            }
            watch.nextReadUnseen = failure.equals(Optional.of(Failure.BODY_DAMAGED));
            log(request + failure.map(f -> " " + f).orElse(""));
            return failure;
        }

        @Override
        public void later(Request request, Condition condition, Runnable effect) {
            boolean bounded =
                    request.operation() == Operation.DELETE
                            || !(condition instanceof Condition.IfMatch);
            long most = (bounded ? LATE : lateIfMatch).toNanos();
            // soon, as often as not: that is when it meets its own repetition
            long span = random.nextBoolean() ? most / 10 : most;
            late.add(
                    new Late(
                            String.valueOf(request),
                            nanos + random.nextLong(span),
                            processes,
                            effect));
        }

        @Override
        public void damage(Request request, byte[] body) {
            damaged.add(request.key());
            // in the part of a page that has a checksum; a frame has one of its own
            body[random.nextInt(Math.min(4000, body.length))] ^= (byte) (1 << random.nextInt(8));
        }
    }

    private final class OfDisk implements FaultyDisk.Chance {
        @Override
        public @Nullable IOException failureOf(String call) {
            dieIfDead(call);
            if (faults.kills()) {
                faults.struck(Kind.KILL_BEFORE_A_CALL);
                die(call);
            }
            Faults.OfDisk failure = faults.ofDisk();
            if (failure == Faults.OfDisk.NOT) {
                return null;
            }
            log(call + " " + failure);
            receiptsFailed |= call.contains(RECEIPTS.toString()) || call.endsWith(" /cache");
            boolean write = call.startsWith("write ");
            if (call.startsWith("sync ")) {
                faults.struck(Kind.DISK_SYNC_FAILED);
                mustEnd |= call.endsWith(".pages");
            } else if (write) {
                faults.struck(Kind.DISK_SHORT_WRITE);
            }
            if (failure == Faults.OfDisk.EIO) {
                faults.struck(Kind.DISK_EIO);
                return new IOException("injected: EIO at " + call);
            }
            faults.struck(Kind.DISK_ENOSPC);
            return new CacheFullException("injected: ENOSPC at " + call);
        }

        @Override
        public int written(int bytes) {
            return faults.written(bytes);
        }
    }

    private @Nullable Object inJournal(Method method, Object @Nullable [] arguments)
            throws Throwable {
        String call = "journal " + method.getName();
        dieIfDead(call);
        if (faults.kills()) {
            faults.struck(Kind.KILL_BEFORE_A_CALL);
            die(call);
        }
        boolean read = JOURNAL_READS.contains(method.getName());
        boolean fails = faults.failsJournal();
        if (fails && (read || !faults.unclear())) {
            faults.struck(read ? Kind.JOURNAL_READ_FAILED : Kind.JOURNAL_WRITE_FAILED);
            mustEnd = true;
            log(call + " fails");
            throw new IOException("injected: " + call);
        }
        Object result;
        try {
            result = method.invoke(journal, arguments);
        } catch (InvocationTargetException e) {
            throw e.getCause();
        }
        if (fails) {
            faults.struck(Kind.JOURNAL_WRITE_UNCLEAR);
            mustEnd = true;
            log(call + " fails, but is done");
            throw new IOException("injected: " + call + ", though done");
        }
        if (!read && faults.kills()) {
            faults.struck(Kind.KILL_AFTER_A_WRITE);
            die("the answer to " + call);
        }
        if (!read) {
            log(call);
        }
        return result;
    }
}
