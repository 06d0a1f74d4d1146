package aria.s3batch.daemon.mount;

import aria.s3batch.daemon.BatchConductor;
import aria.s3batch.daemon.BatchException;
import aria.s3batch.daemon.Mounted;
import aria.s3batch.diskcache.CacheSpace;
import aria.s3batch.format.BatchId;
import aria.s3batch.recovery.OpenTable;
import aria.s3batch.s3block.ObjectStore;

import org.cryptomator.jfuse.api.FuseBuilder;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.io.IOException;
import java.nio.file.Path;
import java.nio.file.attribute.UserPrincipal;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.concurrent.ConcurrentHashMap;

/** The mounted directories of a daemon. Any thread. */
public final class Mounts implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Mounts.class);

    private final BatchConductor conductor;
    private final ObjectStore store;
    private final CacheSpace space;
    private final Path cacheDir;
    private final InstantSource clock;
    private final Map<BatchId, BatchMount> mounts = new ConcurrentHashMap<>();

    /**
     * @param cacheDir of which this process holds the lock
     */
    public Mounts(
            BatchConductor conductor,
            ObjectStore store,
            CacheSpace space,
            Path cacheDir,
            InstantSource clock)
            throws IOException {
        this.conductor = conductor;
        this.store = store;
        this.space = space;
        this.cacheDir = cacheDir.toRealPath();
        this.clock = clock;
    }

    /** What this machine, or this process, lacks for a mount, as a sentence; empty if nothing. */
    public static Optional<String> missing() throws IOException {
        return LibFuse.missing();
    }

    /**
     * Unmounts what a daemon of this cache directory left when it was killed. Its files answered with
     * errors since then. For the holder of the directory's lock.
     *
     * @return how many
     */
    public static int detachStale(Path cacheDir) throws IOException {
        int detached = 0;
        for (KernelMounts.Mount mount : KernelMounts.all()) {
            if (BatchMount.isOf(cacheDir.toRealPath(), mount)) {
                KernelMounts.detach(mount.point());
                detached++;
                log.atWarn()
                        .addKeyValue("directory", mount.point())
                        .addKeyValue("source", mount.source())
                        .log("a mount that the last daemon left was unmounted");
            }
        }
        return detached;
    }

    /**
     * Shows the tables of a batch as Aria tables in a directory.
     *
     * @param peer who asks: root, or the directory's owner
     * @throws BatchException the batch or the directory cannot be used so; nothing is mounted
     */
    public Mounted mount(BatchId batch, List<OpenTable> tables, Path directory, UserPrincipal peer)
            throws IOException {
        MountDirectory point = MountDirectory.check(directory, peer);
        SortedMap<String, MountedFile> files =
                TableView.of(tables, store, conductor.stagerOfMount(batch));
        point.databaseOptions()
                .ifPresent(
                        options ->
                                files.put(
                                        MountDirectory.DATABASE_OPTIONS,
                                        new FixedFile(MountDirectory.DATABASE_OPTIONS, options)));
        FuseBuilder libfuse = LibFuse.find();
        BatchMount mount =
                BatchMount.mount(
                        batch,
                        point,
                        cacheDir,
                        libfuse,
                        new BatchFiles(files, point, clock.instant(), space, libfuse.errno()),
                        () -> mounts.remove(batch));
        mounts.put(batch, mount);
        return mount;
    }

    /** Unmounts all, open files or not: before the threads end that would answer for them. */
    @Override
    public void close() throws IOException {
        var failure = new IOException("not everything could be unmounted");
        for (BatchMount mount : mounts.values()) {
            try {
                mount.detach();
            } catch (IOException e) {
                failure.addSuppressed(e);
            }
        }
        if (failure.getSuppressed().length > 0) {
            throw failure;
        }
    }
}
