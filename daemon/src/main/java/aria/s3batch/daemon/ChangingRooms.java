package aria.s3batch.daemon;

import aria.s3batch.diskcache.BlockCache;
import aria.s3batch.diskcache.CacheSpace;
import aria.s3batch.recovery.Applier;
import aria.s3batch.recovery.FenceWait;
import aria.s3batch.s3block.AwsObjectStore;

import java.io.IOException;
import java.util.concurrent.ThreadPoolExecutor;

/** The rooms of a running daemon that take new settings: those of {@link OptionName#isReloadable}. */
record ChangingRooms(
        AwsObjectStore store,
        CacheSpace space,
        BlockCache blockCache,
        ThreadPoolExecutor transfers,
        Applier applier,
        BatchConductor conductor) {

    /**
     * @param servers those of {@code next}
     * @throws IOException the object store refuses the new keys, or cannot be asked; nothing was changed
     */
    void use(DaemonSettings before, DaemonSettings next, FenceWait.Servers servers)
            throws IOException {
        if (!before.store().equals(next.store())) {
            store.useKeys(next.store()); // the only step that can fail, and so the first
        }
        space.limit(next.cacheSizeBytes());
        blockCache.capacity(next.blockCacheSizeBytes());
        resize(next.applyConcurrency());
        applier.use(next.applyConcurrency(), new FenceWait(next.fenceWait(), servers));
        conductor.useDefaults(next.readers(), next.durability());
    }

    /** A pool never has a core that is larger than itself. */
    private void resize(int threads) {
        if (threads > transfers.getMaximumPoolSize()) {
            transfers.setMaximumPoolSize(threads);
            transfers.setCorePoolSize(threads);
        } else {
            transfers.setCorePoolSize(threads);
            transfers.setMaximumPoolSize(threads);
        }
    }
}
