package aria.s3batch.daemon;

import aria.s3batch.daemon.mount.Mounts;
import aria.s3batch.diskcache.CacheDirectory;
import aria.s3batch.diskcache.LocalDisk;
import aria.s3batch.recovery.Applier;
import aria.s3batch.recovery.ApplyOutcome;
import aria.s3batch.recovery.ApplyProgress;
import aria.s3batch.recovery.BatchRecord;
import aria.s3batch.recovery.Recovery;
import aria.s3batch.recovery.RocksJournal;
import aria.s3batch.s3block.AwsObjectStore;
import aria.s3batch.s3block.ObjectStore;

import java.io.IOException;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * Recovery without a daemon: what one does at start, batch after batch, until all that is committed is in
 * S3. Holds the cache directory meanwhile, so no daemon can start on it.
 */
public final class OfflineRecovery {
    private OfflineRecovery() {}

    /** Told what goes on, in the calling thread. */
    public interface Listener {
        /** A batch is about to be applied; {@code progress} moves while it is. */
        void applying(BatchRecord batch, ApplyProgress progress);
    }

    /** What became of one batch that was committed. */
    public record Applied(BatchRecord batch, ApplyOutcome outcome) {}

    /**
     * @param applied committed batches, oldest first, each with how it ended
     * @param quarantined kept from before; they need an operator
     * @param orphans committed batches that the journal lost; they need an operator, too
     * @param discarded open batches whose pages were deleted
     */
    public record Result(
            List<Applied> applied,
            List<BatchRecord> quarantined,
            List<Recovery.Orphan> orphans,
            int discarded) {}

    /**
     * Recovers. Killed at any point, it can be run again.
     *
     * @throws BatchException the cache directory is in use, or cannot be used
     * @throws IOException journal or disk failed; run it again when they are well
     */
    public static Result run(DaemonSettings settings, Listener listener) throws IOException {
        var cacheDir = new CacheDirectory(settings.cacheDir());
        var disk = new LocalDisk();
        try (CacheDirLock lock = CacheDirLock.take(cacheDir, disk);
                RocksJournal journal = RocksJournal.open(cacheDir.root().resolve("journal"));
                ObjectStore store =
                        AwsObjectStore.connect(
                                settings.store(), Daemon.probeName(cacheDir, new SecureRandom()));
                ExecutorService transfers =
                        Executors.newFixedThreadPool(settings.applyConcurrency())) {
            assert lock != null;
            Mounts.detachStale(cacheDir.root());
            var recovery = new Recovery(journal, disk, cacheDir);
            Recovery.Found found = recovery.run();
            var applier =
                    new Applier(
                            store,
                            journal,
                            disk,
                            Optional.empty(),
                            transfers,
                            settings.applyConcurrency(),
                            Runtime.getRuntime().maxMemory() * 3 / 8,
                            settings.fenceWait(),
                            new Sleep());
            List<Applied> applied = new ArrayList<>();
            for (BatchRecord batch : found.committed()) {
                var progress = new ApplyProgress();
                listener.applying(batch, progress);
                ApplyOutcome outcome =
                        applier.apply(batch, recovery.folder(batch.id()), progress, () -> false);
                applied.add(new Applied(batch, outcome));
            }
            return new Result(applied, found.quarantined(), found.orphans(), found.discarded());
        }
    }
}
