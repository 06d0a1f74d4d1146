package aria.s3batch.daemon.mount;

import aria.s3batch.daemon.BatchException;
import aria.s3batch.daemon.Mounted;
import aria.s3batch.daemon.api.Problem;
import aria.s3batch.format.BatchId;

import org.cryptomator.jfuse.api.Fuse;
import org.cryptomator.jfuse.api.FuseBuilder;
import org.cryptomator.jfuse.api.FuseMountFailedException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeoutException;

/**
 * One mounted directory, from mount to unmount. The kernel lists it with type {@code fuse.aria_s3_batch}
 * and, as its source, {@code aria_s3_batch:BATCH:CACHE-DIR}, by which a later daemon knows what an
 * earlier one left.
 *
 * <p>The kernel keeps what it has read and written, names, lengths and pages, and stages what was written
 * when it likes: while a batch is mounted, nobody changes its pages but through the mount.
 */
final class BatchMount implements Mounted {
    static final String SUBTYPE = "aria_s3_batch";

    private static final Logger log = LoggerFactory.getLogger(BatchMount.class);

    /** How long the kernel relies on names and lengths that it knows: for ever, in practice. */
    private static final int KNOWN_FOR_SECONDS = 1_000_000;

    /** Threads of libfuse that read and write for one mount. */
    private static final int THREADS_MAX = 8;

    private final BatchId batch;
    private final Path directory;
    private final BatchFiles files;
    private final Fuse fuse;
    private final Runnable onUnmount;
    private boolean mounted = true;
    private volatile boolean takenAway;

    private BatchMount(
            BatchId batch, Path directory, BatchFiles files, Fuse fuse, Runnable onUnmount) {
        this.batch = batch;
        this.directory = directory;
        this.files = files;
        this.fuse = fuse;
        this.onUnmount = onUnmount;
    }

    /**
     * What is mounted, as the kernel names it.
     *
     * @param cacheDir absolute, without symbolic links
     */
    static String source(BatchId batch, Path cacheDir) {
        return SUBTYPE + ":" + batch + ":" + cacheDir;
    }

    /** Whether a mount is one that a daemon of this cache directory made. */
    static boolean isOf(Path cacheDir, KernelMounts.Mount mount) {
        String[] source = mount.source().split(":", 3);
        return mount.type().equals("fuse." + SUBTYPE)
                && source.length == 3
                && source[0].equals(SUBTYPE)
                && source[2].equals(cacheDir.toString());
    }

    /**
     * Mounts.
     *
     * @param onUnmount run when the directory is free again
     * @throws BatchException it cannot be mounted; the message says why
     */
    static BatchMount mount(
            BatchId batch,
            MountDirectory directory,
            Path cacheDir,
            FuseBuilder libfuse,
            BatchFiles files,
            Runnable onUnmount)
            throws IOException {
        String source = source(batch, cacheDir);
        boolean root = LibFuse.isRoot();
        Fuse fuse = libfuse.build(files);
        var mount = new BatchMount(batch, directory.path(), files, fuse, onUnmount);
        try {
            fuse.mount(SUBTYPE, directory.path(), options(source, root).toArray(String[]::new));
        } catch (FuseMountFailedException | IllegalArgumentException e) {
            mount.free();
            throw new BatchException(
                    Problem.Kind.FAILED,
                    "cannot mount at %s: %s; standard error of the daemon may say more. Nothing was changed. %s"
                            .formatted(
                                    directory.path(),
                                    e.getMessage(),
                                    root
                                            ? "In a container it needs CAP_SYS_ADMIN"
                                            : "A daemon that is not root mounts only over what"
                                                    + " belongs to it"));
        }
        mount.requireWhereChecked(source);
        log.atInfo()
                .addKeyValue("batch", batch)
                .addKeyValue("directory", directory.path())
                .log("mounted");
        return mount;
    }

    private static List<String> options(String source, boolean root) {
        var options = new ArrayList<String>();
        options.add("-ofsname=" + source.replace("\\", "\\\\").replace(",", "\\,"));
        options.add("-osubtype=" + SUBTYPE);
        options.add("-odefault_permissions");
        options.add("-okernel_cache");
        options.add("-oentry_timeout=" + KNOWN_FOR_SECONDS);
        options.add("-oattr_timeout=" + KNOWN_FOR_SECONDS);
        options.add("-omax_threads=" + THREADS_MAX);
        if (root) {
            options.add("-oallow_other"); // others may not say so, unless /etc/fuse.conf lets them
        }
        return options;
    }

    /** Somebody may have put a symbolic link in the way between our look and the mount. */
    private void requireWhereChecked(String source) throws IOException {
        Optional<KernelMounts.Mount> found =
                KernelMounts.all().stream().filter(m -> m.source().equals(source)).findAny();
        if (found.isPresent() && !found.get().point().equals(directory)) {
            KernelMounts.detach(found.get().point());
            detach();
            throw new BatchException(
                    Problem.Kind.REFUSED,
                    "%s led to %s when it was mounted: somebody moved it meanwhile. It was unmounted"
                            .formatted(directory, found.get().point()));
        }
    }

    @Override
    public Path directory() {
        return directory;
    }

    @Override
    public void sync() throws IOException {
        if (takenAway) {
            return;
        }
        for (String name : files.written()) {
            try (FileChannel file = FileChannel.open(directory.resolve(name))) {
                file.force(false);
            }
        }
    }

    @Override
    public @Nullable String lost() {
        return takenAway
                ? "%s was unmounted while files there were open".formatted(directory)
                : files.lost();
    }

    @Override
    public synchronized void unmount() throws IOException {
        if (!mounted) {
            return;
        }
        if (!KernelMounts.unmount(directory)) {
            throw new BatchException(
                    Problem.Kind.REFUSED,
                    "%s cannot be unmounted: files there are open. Nothing was changed. FLUSH TABLES in the server closes those of tables that no statement uses; --lazy (lazy=true) unmounts all the same, after which the batch can only be aborted"
                            .formatted(directory));
        }
        unmounted(true);
    }

    @Override
    public synchronized void detach() throws IOException {
        if (mounted) {
            takenAway = true;
            unmounted(KernelMounts.detach(directory));
        }
    }

    /**
     * @param ended whether the kernel is known to send no requests any more
     */
    private void unmounted(boolean ended) {
        mounted = false;
        onUnmount.run();
        log.atInfo()
                .addKeyValue("batch", batch)
                .addKeyValue("directory", directory)
                .addKeyValue("lazy", takenAway)
                .log("unmounted");
        if (ended) {
            // Requests under way may still wait for the object store: nobody need wait for them.
            Thread.ofPlatform().name("unmount-", 0).daemon(true).start(this::free);
        }
    }

    /**
     * Gives back what libfuse holds. Only when the kernel has ended the connection: as long as it may send
     * requests, libfuse's threads call into memory that this frees.
     */
    private void free() {
        try {
            fuse.close();
        } catch (TimeoutException | RuntimeException e) {
            log.atWarn()
                    .addKeyValue("batch", batch)
                    .setCause(e)
                    .log(
                            "libfuse's threads do not end after an unmount; only memory is lost by"
                                    + " that");
        }
    }
}
