package aria.s3batch.daemon;

import aria.s3batch.daemon.api.ApiServer;
import aria.s3batch.daemon.api.BatchRoutes;
import aria.s3batch.daemon.api.DaemonRoutes;
import aria.s3batch.daemon.api.MountRoutes;
import aria.s3batch.daemon.api.PageRoutes;
import aria.s3batch.daemon.api.Problem;
import aria.s3batch.daemon.api.ReloadedDocument;
import aria.s3batch.daemon.api.StatusDocument;
import aria.s3batch.daemon.api.UndoRoutes;
import aria.s3batch.daemon.metrics.Metrics;
import aria.s3batch.daemon.mount.Mounts;
import aria.s3batch.daemon.service.ServiceReport;
import aria.s3batch.diskcache.BlockCache;
import aria.s3batch.diskcache.CacheDirectory;
import aria.s3batch.diskcache.CacheSpace;
import aria.s3batch.diskcache.LocalDisk;
import aria.s3batch.diskcache.TableCache;
import aria.s3batch.recovery.Applier;
import aria.s3batch.recovery.BucketJournal;
import aria.s3batch.recovery.CommitJournal;
import aria.s3batch.recovery.Committer;
import aria.s3batch.recovery.FenceWait;
import aria.s3batch.recovery.Receipts;
import aria.s3batch.recovery.Recovery;
import aria.s3batch.recovery.Rescue;
import aria.s3batch.recovery.RocksJournal;
import aria.s3batch.s3block.AwsObjectStore;
import aria.s3batch.s3block.BucketMissingException;
import aria.s3batch.s3block.EndpointFacts;
import aria.s3batch.s3block.LockOwner;
import aria.s3batch.s3block.MeteredStore;
import aria.s3batch.s3block.ObjectStore;
import aria.s3batch.s3block.StoreCalls;
import aria.s3batch.s3block.StoreRefusedException;
import aria.s3batch.s3block.StoreUnreachableException;
import aria.s3batch.s3block.TableLocks;

import org.agrona.concurrent.AgentRunner;
import org.agrona.concurrent.SleepingIdleStrategy;
import org.agrona.concurrent.SystemNanoClock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;

/**
 * All rooms of the daemon, opened in the order in which they depend on one another and closed in reverse.
 * A cache directory has one; it starts in any state of the disk that a crash can leave.
 */
public final class Daemon implements AutoCloseable {
    /** Of the cache directory's disk, for the journal: page files do not grow into it. */
    private static final long JOURNAL_ROOM = 64 << 20;

    private static final Logger log = LoggerFactory.getLogger(Daemon.class);

    /** How long the object store may hold up a clean stop. What is in flight then is settled at the next start. */
    private static final Duration STOP_LIMIT = Duration.ofSeconds(60);

    private static final Duration WORKERS_STOP_LIMIT = Duration.ofSeconds(10);

    /** Commands wake the conductor; it looks by itself for batches that have waited long enough. */
    private static final Duration IDLE_CYCLE = Duration.ofMillis(100);

    /** Of the heap, for blocks in flight while batches are applied. */
    private static final double APPLY_SHARE = 3.0 / 8;

    private final Object reloading = new Object();
    private volatile DaemonSettings settings;
    private final FenceWait.Servers servers;
    private final LocalDisk disk = new LocalDisk();
    private final CacheDirectory cacheDir;
    private final CacheSpace space;
    private final Receipts receipts;
    private final ServiceReport report;
    private final CompletableFuture<Throwable> failed = new CompletableFuture<>();

    /** The latest on top, to be closed first. */
    private final Deque<AutoCloseable> rooms = new ArrayDeque<>();

    private boolean closed;

    /** From the time when there are any. */
    private @Nullable ChangingRooms changing;

    private Daemon(DaemonSettings settings, FenceWait.Servers servers, ServiceReport report) {
        this.report = report;
        this.settings = settings;
        this.servers = servers;
        this.cacheDir = new CacheDirectory(settings.cacheDir());
        this.receipts = new Receipts(disk, settings.receiptDir());
        this.space = new CacheSpace(settings.cacheSizeBytes(), JOURNAL_ROOM);
    }

    /**
     * Takes the cache directory, tries the object store, sorts out what the last stop left, and opens the
     * socket. Committed batches are applied in the background from then on.
     *
     * @param servers those of {@link DaemonSettings#fenceServers}
     * @param reload asked by who is at the socket
     * @param report told of every step, until it stops
     * @throws IOException the daemon cannot run; what it had opened is closed, nothing was changed
     */
    public static Daemon start(
            DaemonSettings settings,
            FenceWait.Servers servers,
            DaemonRoutes.Reload reload,
            String version,
            ServiceReport report)
            throws IOException {
        var daemon = new Daemon(settings, servers, report);
        try {
            daemon.open(version, reload);
            return daemon;
        } catch (IOException | RuntimeException e) {
            try {
                daemon.close();
            } catch (IOException closing) {
                e.addSuppressed(closing);
            }
            throw e;
        }
    }

    private void open(String version, DaemonRoutes.Reload reload) throws IOException {
        Instant startedAt = InstantSource.system().instant();
        report.starting("taking cache directory " + cacheDir.root());
        opened(CacheDirLock.take(cacheDir, disk));
        Mounts.detachStale(cacheDir.root());
        var random = new SecureRandom();
        String ownerId = OwnerFile.id(cacheDir, disk, random);
        AwsObjectStore endpoint = opened(AwsObjectStore.connect(settings.store(), ownerId));
        report.starting("trying what " + settings.store().endpoint() + " does");
        EndpointFacts facts = probe(settings, endpoint);
        var calls = new StoreCalls();
        var store = new MeteredStore(endpoint, calls, System::nanoTime);
        report.starting("reading the journal");
        warmUp();
        RocksJournal journal = opened(RocksJournal.open(cacheDir.root().resolve("journal")));
        disk.syncDirectory(cacheDir.root()); // the journal's folder may be new
        var recovery = new Recovery(journal, disk, cacheDir);
        TableLocks locks = locks(settings, ownerId, store);
        report.starting("sorting out what the last stop left");
        Recovery.Found found = resumeOwn(recovery, rescue(store, locks, journal, recovery));
        ChangingRooms running =
                makeConductor(endpoint, store, journal, recovery, found, locks, random);
        changing = running;
        BatchConductor conductor = running.conductor();
        var runner =
                opened(
                        new AgentRunner(
                                new SleepingIdleStrategy(IDLE_CYCLE.toNanos()),
                                failed::complete,
                                null,
                                conductor));
        opened(
                UndoExpiry.start(
                        store, settings.undoKeep(), InstantSource.system(), threads("undo")));
        Mounts mounts =
                opened(
                        new Mounts(
                                conductor, store, space, cacheDir.root(), InstantSource.system()));
        openSocket(
                conductor,
                mounts,
                new UndoRoutes(conductor, store, settings.undoKeep()),
                StatusDocument.Endpoint.of(settings.store(), facts, settings.singleHost()),
                () ->
                        new StatusDocument.DaemonFacts(
                                version,
                                ProcessHandle.current().pid(),
                                startedAt.toString(),
                                conductor.isReplaying(),
                                cacheDir.root().toString(),
                                space.usedBytes(),
                                space.limitBytes(),
                                settings.receiptDir().toString(),
                                receipts.problem().orElse(null)),
                new DaemonRoutes(
                        new Metrics(new DaemonNumbers(version, running, calls, cacheDir.root())),
                        reload));
        // not before: replay would take its processors from the start that others wait for
        AgentRunner.startOnThread(runner, threads("conductor"));
        report.ready(new WorkInWords(conductor));
        log.atInfo()
                .addKeyValue("socket", settings.socket())
                .addKeyValue("store", settings.store())
                .addKeyValue("endpoint", facts)
                .addKeyValue("replaying", found.committed().size())
                .addKeyValue("quarantined", found.quarantined().size() + found.orphans().size())
                .addKeyValue("discarded", found.discarded())
                .log("ready");
    }

    private <T extends AutoCloseable> T opened(T room) {
        rooms.push(room);
        return room;
    }

    /** Of the process on a cache directory that runs now. */
    static TableLocks locks(DaemonSettings settings, String ownerId, ObjectStore store)
            throws IOException {
        Path kernel = Path.of("/proc/sys/kernel");
        var owner =
                new LockOwner(
                        ownerId,
                        Files.readString(kernel.resolve("hostname")).strip(),
                        ProcessHandle.current().pid(),
                        Files.readString(kernel.resolve("random/boot_id")).strip());
        return new TableLocks(
                store, owner, settings.lockLease(), System::nanoTime, InstantSource.system());
    }

    static Rescue rescue(
            ObjectStore store, TableLocks locks, CommitJournal journal, Recovery recovery) {
        // it reads, one object after another
        var copies = new BucketJournal(store, Runnable::run);
        return new Rescue(store, locks, journal, recovery, copies);
    }

    /** What disk and bucket say of batches of this cache directory. */
    static Recovery.Found resumeOwn(Recovery recovery, Rescue rescue) throws IOException {
        Recovery.Found found = recovery.run();
        try {
            return rescue.resumeOwn(found);
        } catch (StoreUnreachableException | StoreRefusedException | BucketMissingException e) {
            log.atWarn()
                    .addKeyValue("cause", e.getMessage())
                    .log(
                            "copies of batches in the bucket cannot be looked at now; their tables"
                                    + " stay locked until the next start");
            return found;
        }
    }

    /**
     * Tries what the endpoint does.
     *
     * @throws BatchException it ignores what keeps writers apart, and {@code single-host} is not set
     */
    static EndpointFacts probe(DaemonSettings settings, AwsObjectStore store) throws IOException {
        EndpointFacts facts = store.facts();
        if (!facts.isShareable() && !settings.singleHost()) {
            throw new BatchException(
                    Problem.Kind.REFUSED,
                    "%s ignores %s on PUT: of two who write to a table at the same time, one would overwrite the other's change, and no lock in the bucket keeps them apart. Nothing was changed; committed batches wait. If nobody but this daemon writes to the tables of bucket '%s' (no other host, no ALTER TABLE or aria_s3_copy meanwhile), say so with --single-host, or single-host in [aria_s3_batchd]. If others do, use an endpoint that honours conditions: see docs/endpoints.md"
                            .formatted(
                                    settings.store().endpoint(),
                                    facts.ignoredOnPut(),
                                    settings.store().bucket()));
        }
        for (String warning : facts.warnings()) {
            log.atWarn()
                    .addKeyValue("endpoint", settings.store().endpoint())
                    .addKeyValue("warning", warning)
                    .log("object store: see docs/endpoints.md");
        }
        return facts;
    }

    /** In the background: the first staged page need not wait for it then. */
    private void warmUp() {
        threads("warm-up")
                .newThread(
                        () -> {
                            try {
                                TableCache.warmUp();
                            } catch (RuntimeException | Error e) {
                                failed.complete(e);
                            }
                        })
                .start();
    }

    private ChangingRooms makeConductor(
            AwsObjectStore endpoint,
            ObjectStore store,
            RocksJournal journal,
            Recovery recovery,
            Recovery.Found found,
            TableLocks locks,
            SecureRandom random)
            throws IOException {
        int concurrency = settings.applyConcurrency();
        var blockCache =
                new BlockCache(disk, cacheDir.blockCache(), settings.blockCacheSizeBytes());
        var transfers =
                new ThreadPoolExecutor(
                        concurrency,
                        concurrency,
                        0,
                        TimeUnit.SECONDS,
                        new LinkedBlockingQueue<>(),
                        threads("transfer"));
        ExecutorService workers = Executors.newCachedThreadPool(threads("worker"));
        opened(() -> stop(workers, transfers));
        InstantSource clock = InstantSource.system();
        var committer = new Committer(store, journal, disk, clock, transfers, concurrency, random);
        var applier =
                new Applier(
                        store,
                        journal,
                        disk,
                        Optional.of(blockCache),
                        transfers,
                        concurrency,
                        (long) (Runtime.getRuntime().maxMemory() * APPLY_SHARE),
                        new FenceWait(settings.fenceWait(), servers),
                        new Sleep(),
                        receipts);
        var conductor =
                new BatchConductor(
                        new BatchConductor.Rooms(
                                store,
                                space,
                                blockCache,
                                committer,
                                applier,
                                recovery,
                                locks,
                                settings.readers(),
                                settings.durability(),
                                settings.keepUndo(),
                                workers,
                                SystemNanoClock.INSTANCE,
                                clock,
                                random),
                        found,
                        failed::complete);
        return new ChangingRooms(endpoint, space, blockCache, transfers, applier, conductor);
    }

    /** A worker waits for transfers, so both are told before either is waited for. */
    private static void stop(ExecutorService workers, ExecutorService transfers)
            throws InterruptedException {
        workers.shutdownNow();
        transfers.shutdownNow();
        long seconds = WORKERS_STOP_LIMIT.toSeconds();
        if (!transfers.awaitTermination(seconds, TimeUnit.SECONDS)
                || !workers.awaitTermination(seconds, TimeUnit.SECONDS)) {
            log.atWarn().log("a request to the object store hangs; stopping without it");
        }
    }

    /** Stopping begins with the conductor, so that commits on their way are still answered. */
    private void openSocket(
            BatchConductor conductor,
            Mounts mounts,
            UndoRoutes undo,
            StatusDocument.Endpoint endpoint,
            Supplier<StatusDocument.DaemonFacts> daemon,
            DaemonRoutes routes)
            throws IOException {
        opened(
                ApiServer.start(
                        settings.socket(),
                        new BatchRoutes(conductor, () -> endpoint, daemon),
                        new PageRoutes(conductor),
                        new MountRoutes(conductor, mounts),
                        undo,
                        routes,
                        SystemNanoClock.INSTANCE));
        opened(() -> stop(conductor));
    }

    private static ThreadFactory threads(String name) {
        return Thread.ofPlatform().name(name + "-", 0).daemon(true).factory();
    }

    /** Completes, with its cause, when the daemon cannot go on; the process must end then. */
    public CompletableFuture<Throwable> failed() {
        return failed;
    }

    /**
     * Takes what it can of new settings; see docs/operating.md. Batches that are being applied end as they
     * began.
     *
     * @param next what the option files say now
     * @param servers those of {@code next}
     * @throws IOException the object store refuses the new keys, or cannot be asked; nothing was changed
     */
    public ReloadedDocument reload(DaemonSettings next, FenceWait.Servers servers)
            throws IOException {
        synchronized (reloading) {
            ChangingRooms rooms = changing;
            assert rooms != null : "reloaded before it was started";
            List<String> changed = new ArrayList<>();
            List<String> needRestart = new ArrayList<>();
            for (OptionName name : OptionName.values()) {
                if (!OptionValue.of(name, settings).equals(OptionValue.of(name, next))) {
                    (name.isReloadable() ? changed : needRestart).add(name.key());
                }
            }
            DaemonSettings taken = settings.reloaded(next);
            if (!changed.isEmpty()) {
                rooms.use(settings, taken, servers);
                settings = taken;
            }
            return new ReloadedDocument(changed, needRestart);
        }
    }

    private void stop(BatchConductor conductor) throws IOException {
        if (failed.isDone()) {
            return;
        }
        try {
            conductor.stop().get(STOP_LIMIT.toSeconds(), TimeUnit.SECONDS);
        } catch (TimeoutException e) {
            log.atWarn()
                    .addKeyValue("seconds", STOP_LIMIT.toSeconds())
                    .log(
                            "the object store does not answer; stopping without it, what was in"
                                    + " flight is settled at the next start");
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (ExecutionException e) {
            throw new IOException("stopping failed: " + e.getCause(), e);
        }
    }

    /**
     * Stops cleanly: no new batches, objects in flight are finished, batches that are committed go on at
     * the next start, open ones are discarded then. Takes about {@link #STOP_LIMIT} at most: an object
     * store that hangs is left behind, as after a crash.
     */
    @Override
    public synchronized void close() throws IOException {
        if (closed) {
            return;
        }
        closed = true;
        report.stopping();
        var failure = new IOException("not everything could be closed");
        for (AutoCloseable room : rooms) {
            try {
                room.close();
            } catch (Exception e) {
                if (e instanceof InterruptedException) {
                    Thread.currentThread().interrupt();
                }
                failure.addSuppressed(e);
            }
        }
        if (failure.getSuppressed().length > 0) {
            throw failure;
        }
    }
}
