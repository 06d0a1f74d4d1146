package aria.s3batch.daemon;

import aria.s3batch.daemon.mount.Mounts;
import aria.s3batch.diskcache.CacheDirectory;
import aria.s3batch.diskcache.LocalDisk;
import aria.s3batch.format.BatchId;
import aria.s3batch.recovery.Applier;
import aria.s3batch.recovery.ApplyOutcome;
import aria.s3batch.recovery.ApplyProgress;
import aria.s3batch.recovery.BatchRecord;
import aria.s3batch.recovery.FenceWait;
import aria.s3batch.recovery.Receipts;
import aria.s3batch.recovery.Recovery;
import aria.s3batch.recovery.Rescue;
import aria.s3batch.recovery.RocksJournal;
import aria.s3batch.s3block.AwsObjectStore;
import aria.s3batch.s3block.BatchLocks;
import aria.s3batch.s3block.BucketMissingException;
import aria.s3batch.s3block.StoreRefusedException;
import aria.s3batch.s3block.StoreUnreachableException;
import aria.s3batch.s3block.TableLocks;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.io.IOException;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * Recovery without a daemon: what one does at start, batch after batch, until all that is committed is in
 * S3. Holds the cache directory meanwhile, so no daemon can start on it.
 */
public final class OfflineRecovery {
    private static final Logger log = LoggerFactory.getLogger(OfflineRecovery.class);

    private OfflineRecovery() {}

    /** Told what goes on, in the calling thread. */
    public interface Listener {
        /** A batch is about to be applied; {@code progress} moves while it is. */
        void applying(BatchRecord batch, ApplyProgress progress);

        /** Locks of other hosts are about to be watched for their lease. */
        void watching();
    }

    /** What became of one batch that was committed. */
    public record Applied(BatchRecord batch, ApplyOutcome outcome) {}

    /**
     * @param applied committed batches, oldest first, each with how it ended
     * @param quarantined kept from before; they need an operator
     * @param orphans committed batches that the journal lost; they need an operator, too
     * @param discarded open batches whose pages were deleted
     * @param left batches of other hosts that were not taken over
     */
    public record Result(
            List<Applied> applied,
            List<BatchRecord> quarantined,
            List<Recovery.Orphan> orphans,
            int discarded,
            List<Rescue.Left> left) {}

    /**
     * Which batches of other hosts to bring back from their copies in the bucket.
     *
     * @param asked none: all
     */
    public record FromBucket(Set<BatchId> asked) {}

    /**
     * Recovers. Killed at any point, it can be run again.
     *
     * @param servers those of {@link DaemonSettings#fenceServers}
     * @throws BatchException the cache directory is in use, or cannot be used; or the endpoint ignores
     *     conditions, and {@code single-host} is not set
     * @throws IOException journal or disk failed; run it again when they are well
     */
    public static Result run(
            DaemonSettings settings,
            FenceWait.Servers servers,
            Optional<FromBucket> fromBucket,
            Listener listener)
            throws IOException {
        var cacheDir = new CacheDirectory(settings.cacheDir());
        var disk = new LocalDisk();
        var random = new SecureRandom();
        try (CacheDirLock lock = CacheDirLock.take(cacheDir, disk);
                RocksJournal journal = RocksJournal.open(cacheDir.root().resolve("journal"));
                AwsObjectStore store =
                        AwsObjectStore.connect(
                                settings.store(), OwnerFile.id(cacheDir, disk, random));
                ExecutorService transfers =
                        Executors.newFixedThreadPool(settings.applyConcurrency())) {
            assert lock != null;
            Mounts.detachStale(cacheDir.root());
            var recovery = new Recovery(journal, disk, cacheDir);
            TableLocks locks = Daemon.locks(settings, OwnerFile.id(cacheDir, disk, random), store);
            Rescue rescue = Daemon.rescue(store, locks, journal, recovery);
            Recovery.Found found = Daemon.resumeOwn(recovery, rescue);
            List<BatchRecord> committed = new ArrayList<>(found.committed());
            List<Rescue.Left> left = List.of();
            if (fromBucket.isPresent() || !committed.isEmpty()) {
                requireConditions(settings, store);
            }
            if (fromBucket.isPresent()) {
                listener.watching();
                Rescue.Rescued rescued = rescue.takeOver(fromBucket.get().asked(), new Sleep());
                committed.addAll(rescued.taken());
                left = rescued.left();
            }
            var applier =
                    new Applier(
                            store,
                            journal,
                            disk,
                            Optional.empty(),
                            transfers,
                            settings.applyConcurrency(),
                            Runtime.getRuntime().maxMemory() * 3 / 8,
                            new FenceWait(settings.fenceWait(), servers),
                            new Sleep(),
                            new Receipts(disk, settings.receiptDir()));
            found.quarantined().forEach(batch -> resume(locks, batch));
            List<Applied> applied = new ArrayList<>();
            for (BatchRecord batch : committed) {
                var progress = new ApplyProgress();
                listener.applying(batch, progress);
                BatchLocks held = resume(locks, batch);
                try (var signs = SignsOfLife.of(held, locks.lease())) {
                    assert signs != null;
                    ApplyOutcome outcome =
                            applier.apply(
                                    batch,
                                    recovery.folder(batch.id()),
                                    held,
                                    progress,
                                    () -> false);
                    applied.add(new Applied(batch, outcome));
                }
            }
            for (BatchRecord batch : found.ended()) {
                applier.apply(
                        batch,
                        recovery.folder(batch.id()),
                        resume(locks, batch),
                        new ApplyProgress(),
                        () -> false);
            }
            for (Recovery.Orphan orphan : found.orphans()) {
                locks.resume(orphan.batch(), orphan.tables(), "");
            }
            releaseLeft(locks);
            return new Result(
                    applied, found.quarantined(), found.orphans(), found.discarded(), left);
        }
    }

    /** As at the daemon's start; but a store that is away is for each batch to report. */
    private static void requireConditions(DaemonSettings settings, AwsObjectStore store)
            throws IOException {
        try {
            Daemon.probe(settings, store);
        } catch (StoreUnreachableException | StoreRefusedException | BucketMissingException e) {
            log.atWarn()
                    .addKeyValue("cause", e.getMessage())
                    .log("the object store cannot be tried now; batches that need it wait");
        }
    }

    private static BatchLocks resume(TableLocks locks, BatchRecord batch) {
        return locks.resume(
                batch.id(),
                batch.tables().stream().map(t -> t.base().table()).toList(),
                batch.copy());
    }

    /** Locks of batches that were open, and are discarded now; until it succeeds they expire by themselves. */
    private static void releaseLeft(TableLocks locks) {
        try {
            locks.releaseLeft();
        } catch (IOException e) {
            log.atWarn()
                    .addKeyValue("cause", e.getMessage())
                    .log("locks of discarded batches cannot be released now: they expire");
        }
    }
}
