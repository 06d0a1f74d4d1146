package aria.s3batch.daemon;

import aria.s3batch.daemon.api.ApiServer;
import aria.s3batch.daemon.api.BatchRoutes;
import aria.s3batch.daemon.api.PageRoutes;
import aria.s3batch.daemon.api.StatusDocument;
import aria.s3batch.diskcache.BlockCache;
import aria.s3batch.diskcache.CacheDirectory;
import aria.s3batch.diskcache.CacheSpace;
import aria.s3batch.diskcache.Disk;
import aria.s3batch.diskcache.LocalDisk;
import aria.s3batch.recovery.Applier;
import aria.s3batch.recovery.Committer;
import aria.s3batch.recovery.Recovery;
import aria.s3batch.recovery.RocksJournal;
import aria.s3batch.s3block.AwsObjectStore;
import aria.s3batch.s3block.EndpointFacts;

import org.agrona.concurrent.AgentRunner;
import org.agrona.concurrent.BackoffIdleStrategy;
import org.agrona.concurrent.SystemNanoClock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.io.IOException;
import java.security.SecureRandom;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.locks.LockSupport;

/**
 * All rooms of the daemon, opened in the order in which they depend on one another and closed in reverse.
 * A cache directory has one; it starts in any state of the disk that a crash can leave.
 */
public final class Daemon implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Daemon.class);

    private interface Closing {
        void close() throws Exception;
    }

    private final CompletableFuture<Throwable> failed = new CompletableFuture<>();
    private final Deque<Closing> rooms = new ArrayDeque<>();
    private final Instant startedAt;
    private boolean closed;

    private Daemon(Instant startedAt) {
        this.startedAt = startedAt;
    }

    /**
     * Takes the cache directory, tries the object store, sorts out what the last stop left, and opens the
     * socket. Committed batches are applied in the background from then on.
     *
     * @throws IOException the daemon cannot run; what it had opened is closed, nothing was changed
     */
    public static Daemon start(DaemonSettings settings, String version) throws IOException {
        var daemon = new Daemon(InstantSource.system().instant());
        try {
            daemon.open(settings, version);
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

    private void open(DaemonSettings settings, String version) throws IOException {
        var cacheDir = new CacheDirectory(settings.cacheDir());
        CacheDirLock lock = CacheDirLock.take(cacheDir.root());
        rooms.push(lock::close);
        var random = new SecureRandom();
        AwsObjectStore store = AwsObjectStore.connect(settings.store(), random);
        rooms.push(store::close);
        EndpointFacts facts = store.facts();
        if (!facts.allHonoured()) {
            log.atWarn()
                    .addKeyValue("endpoint", facts)
                    .log("the object store does not honour all conditions; see docs/recovery.md");
        }
        RocksJournal journal = RocksJournal.open(cacheDir.root().resolve("journal"));
        rooms.push(journal::close);
        Disk disk = new LocalDisk();
        var recovery = new Recovery(journal, disk, cacheDir);
        Recovery.Found found = recovery.run();
        var space = new CacheSpace(settings.cacheSizeBytes());
        var blockCache =
                new BlockCache(disk, cacheDir.blockCache(), settings.blockCacheSizeBytes());
        int concurrency = settings.applyConcurrency();
        ExecutorService workers = Executors.newCachedThreadPool(threads("worker"));
        ExecutorService transfers = Executors.newFixedThreadPool(concurrency, threads("transfer"));
        rooms.push(
                () -> {
                    workers.shutdownNow();
                    transfers.shutdownNow();
                });
        var clock = InstantSource.system();
        var conductor =
                new BatchConductor(
                        new BatchConductor.Rooms(
                                store,
                                disk,
                                space,
                                blockCache,
                                new Committer(store, journal, disk, clock, transfers, concurrency),
                                new Applier(
                                        store,
                                        journal,
                                        disk,
                                        Optional.of(blockCache),
                                        transfers,
                                        concurrency,
                                        Runtime.getRuntime().maxMemory() * 3 / 8,
                                        pause -> LockSupport.parkNanos(pause.toNanos())),
                                recovery,
                                workers,
                                SystemNanoClock.INSTANCE,
                                clock,
                                random),
                        found,
                        failed::complete);
        var runner = new AgentRunner(new BackoffIdleStrategy(), failed::complete, null, conductor);
        AgentRunner.startOnThread(runner, threads("conductor"));
        rooms.push(runner::close);
        rooms.push(() -> stop(conductor));
        int pending = found.committed().size();
        StatusDocument.Endpoint endpoint =
                new StatusDocument.Endpoint(
                        settings.store().endpoint(),
                        settings.store().bucket(),
                        true,
                        facts.putIfAbsent() && facts.putIfMatch(),
                        facts.deleteIfMatch(),
                        facts.etagForm().name().toLowerCase(Locale.ROOT));
        var batches =
                new BatchRoutes(
                        conductor,
                        () -> endpoint,
                        () ->
                                new StatusDocument.DaemonFacts(
                                        version,
                                        ProcessHandle.current().pid(),
                                        startedAt.toString(),
                                        conductor.isReplaying(),
                                        cacheDir.root().toString(),
                                        space.usedBytes(),
                                        settings.cacheSizeBytes()));
        ApiServer api =
                ApiServer.start(
                        settings.socket(),
                        batches,
                        new PageRoutes(conductor),
                        SystemNanoClock.INSTANCE);
        rooms.push(api::close);
        log.atInfo()
                .addKeyValue("socket", settings.socket())
                .addKeyValue("store", settings.store())
                .addKeyValue("endpoint", facts)
                .addKeyValue("replaying", pending)
                .addKeyValue("quarantined", found.quarantined().size() + found.orphans().size())
                .addKeyValue("discarded", found.discarded())
                .log("ready");
    }

    private static ThreadFactory threads(String name) {
        return Thread.ofPlatform().name(name + "-", 0).daemon(true).factory();
    }

    /** Completes, with its cause, when the daemon cannot go on; the process must end then. */
    public CompletableFuture<Throwable> failed() {
        return failed;
    }

    private void stop(BatchConductor conductor) throws IOException {
        if (failed.isDone()) {
            return;
        }
        try {
            conductor.stop().get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (ExecutionException e) {
            throw new IOException("stopping failed: " + e.getCause(), e);
        }
    }

    /**
     * Stops cleanly: no new requests, objects in flight are finished, batches that are committed go on at
     * the next start, open ones are discarded then.
     */
    @Override
    public synchronized void close() throws IOException {
        if (closed) {
            return;
        }
        closed = true;
        var failure = new IOException("not everything could be closed");
        for (Closing room : rooms) {
            try {
                room.close();
            } catch (Exception e) {
                failure.addSuppressed(e);
            }
        }
        if (failure.getSuppressed().length > 0) {
            throw failure;
        }
    }
}
