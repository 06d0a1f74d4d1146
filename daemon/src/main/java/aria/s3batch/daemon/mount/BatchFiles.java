package aria.s3batch.daemon.mount;

import aria.s3batch.daemon.Mounted;
import aria.s3batch.diskcache.CacheSpace;

import org.cryptomator.jfuse.api.DirFiller;
import org.cryptomator.jfuse.api.Errno;
import org.cryptomator.jfuse.api.FileInfo;
import org.cryptomator.jfuse.api.FuseConfig;
import org.cryptomator.jfuse.api.FuseConnInfo;
import org.cryptomator.jfuse.api.FuseOperations;
import org.cryptomator.jfuse.api.Stat;
import org.cryptomator.jfuse.api.Statvfs;
import org.cryptomator.jfuse.api.TimeSpec;
import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.AccessDeniedException;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.concurrent.atomic.AtomicReference;

/**
 * Answers the kernel about one mounted directory, in FUSE's threads. Its files are there from mount to
 * unmount: any change of the directory, or of owner and mode, is refused with EPERM.
 *
 * <p>What fails is EIO to the server and a line in our log, which says why; EFBIG for a file longer than
 * the table can address. A full cache is EIO, too: at ENOSPC a server waits for room, for ever.
 *
 * <p>Invariant: no exception leaves a callback. It would end the JVM.
 */
final class BatchFiles implements FuseOperations {
    private static final int EPERM = 1;
    private static final int ENOENT = 2;
    private static final int EIO = 5;
    private static final int EFBIG = 27;

    private static final int FILE_MODE = Stat.S_IFREG | 0660;
    private static final int DIRECTORY_MODE = Stat.S_IFDIR | 0770;

    private static final int STATFS_BLOCK_BYTES = 4096;
    private static final int NAME_MAX = 255;

    private static final String WRITE = "a write";
    private static final String TRUNCATE = "truncation";

    private final SortedMap<String, MountedFile> files;
    private final MountDirectory directory;
    private final Instant mountedAt;
    private final CacheSpace space;
    private final Errno errno;
    private final AtomicReference<@Nullable String> lost = new AtomicReference<>();
    private final FailureLog failures = new FailureLog();

    BatchFiles(
            SortedMap<String, MountedFile> files,
            MountDirectory directory,
            Instant mountedAt,
            CacheSpace space,
            Errno errno) {
        this.files = files;
        this.directory = directory;
        this.mountedAt = mountedAt;
        this.space = space;
        this.errno = errno;
    }

    @Override
    public Errno errno() {
        return errno;
    }

    @Override
    public Set<Operation> supportedOperations() {
        return EnumSet.of(
                Operation.INIT,
                Operation.GET_ATTR,
                Operation.READ_DIR,
                Operation.OPEN,
                Operation.READ,
                Operation.WRITE,
                Operation.TRUNCATE,
                Operation.FSYNC,
                Operation.FLUSH,
                Operation.RELEASE,
                Operation.STATFS,
                Operation.UTIMENS,
                Operation.ACCESS,
                Operation.CREATE,
                Operation.MKDIR,
                Operation.RMDIR,
                Operation.UNLINK,
                Operation.RENAME,
                Operation.SYMLINK,
                Operation.CHMOD,
                Operation.CHOWN);
    }

    /**
     * The kernel collects small writes, and goes on while they are staged: else every page would cost the
     * server a wait for two of our threads. What then fails, {@link #lost} tells.
     */
    @Override
    public void init(FuseConnInfo connection, @Nullable FuseConfig config) {
        if ((connection.capable() & FuseConnInfo.FUSE_CAP_WRITEBACK_CACHE) != 0) {
            connection.setWant(connection.want() | FuseConnInfo.FUSE_CAP_WRITEBACK_CACHE);
        }
    }

    /** Answers 0 or more, or throws. */
    private interface Callback {
        int run(MountedFile file) throws IOException;
    }

    private int onFile(String path, String operation, long offset, Callback callback) {
        MountedFile file = file(path);
        if (file == null) {
            return -ENOENT;
        }
        try {
            return callback.run(file);
        } catch (AccessDeniedException e) {
            return -EPERM;
        } catch (Throwable e) {
            failures.failed(file.inWords(), operation, offset, e);
            if (operation.equals(WRITE) || operation.equals(TRUNCATE)) {
                lost.compareAndSet(
                        null,
                        "%s of the %s at byte %d failed: %s"
                                .formatted(operation, file.inWords(), offset, e.getMessage()));
            }
            return e instanceof IllegalArgumentException ? -EFBIG : -EIO;
        }
    }

    /**
     * Names of the files that can be written, a table's .MAD before its .MAI: whoever syncs them in this
     * order gets no page of a statement without the mark in the header that a statement is under way.
     */
    List<String> written() {
        return files.entrySet().stream()
                .filter(file -> file.getValue().isWritable())
                .map(Map.Entry::getKey)
                .toList();
    }

    /** See {@link Mounted#lost}. */
    @Nullable String lost() {
        return lost.get();
    }

    private @Nullable MountedFile file(String path) {
        return files.get(path.substring(1));
    }

    @Override
    public int getattr(String path, Stat stat, @Nullable FileInfo open) {
        if (path.equals("/")) {
            fill(stat, DIRECTORY_MODE, 0);
            return 0;
        }
        return onFile(
                path,
                "reading the attributes",
                0,
                file -> {
                    fill(stat, FILE_MODE, file.length());
                    return 0;
                });
    }

    private void fill(Stat stat, int mode, long length) {
        stat.setMode(mode);
        stat.setNLink((short) ((mode & Stat.S_IFDIR) != 0 ? 2 : 1));
        stat.setUid(directory.uid());
        stat.setGid(directory.gid());
        stat.setSize(length);
        // Never moves: the kernel would drop the pages that it keeps.
        stat.aTime().set(mountedAt);
        stat.mTime().set(mountedAt);
        stat.cTime().set(mountedAt);
    }

    @Override
    public int readdir(String path, DirFiller filler, long offset, FileInfo open, int flags) {
        try {
            filler.fill(".");
            filler.fill("..");
            for (Map.Entry<String, MountedFile> file : files.entrySet()) {
                filler.fill(file.getKey(), stat -> fill(stat, FILE_MODE, file.getValue().length()));
            }
            return 0;
        } catch (IOException | RuntimeException e) {
            failures.failed(directory.path().toString(), "listing", offset, e);
            return -EIO;
        }
    }

    @Override
    public int open(String path, FileInfo open) {
        return onFile(
                path,
                "opening",
                0,
                file -> {
                    Set<StandardOpenOption> options = open.getOpenFlags();
                    if (options.contains(StandardOpenOption.WRITE) && !file.isWritable()) {
                        return -EPERM;
                    }
                    return options.contains(StandardOpenOption.TRUNCATE_EXISTING)
                            ? truncate(path, 0, open)
                            : 0;
                });
    }

    @Override
    public int read(String path, ByteBuffer into, long count, long offset, FileInfo open) {
        return onFile(path, "reading", offset, file -> file.read(offset, into));
    }

    @Override
    public int write(String path, ByteBuffer from, long count, long offset, FileInfo open) {
        return onFile(
                path,
                WRITE,
                offset,
                file -> {
                    file.write(offset, from);
                    return (int) count;
                });
    }

    @Override
    public int truncate(String path, long size, @Nullable FileInfo open) {
        return onFile(
                path,
                TRUNCATE,
                size,
                file -> {
                    file.truncate(size);
                    return 0;
                });
    }

    /** Nothing to do: what is written is staged at once, and only a commit makes it durable. */
    @Override
    public int fsync(String path, int dataOnly, FileInfo open) {
        return 0;
    }

    @Override
    public int flush(String path, FileInfo open) {
        return 0;
    }

    @Override
    public int release(String path, FileInfo open) {
        return 0;
    }

    @Override
    public int statfs(String path, Statvfs statvfs) {
        long free = Math.max(0, space.limitBytes() - space.usedBytes());
        statvfs.setBsize(STATFS_BLOCK_BYTES);
        statvfs.setFrsize(STATFS_BLOCK_BYTES);
        statvfs.setBlocks(space.limitBytes() / STATFS_BLOCK_BYTES);
        statvfs.setBfree(free / STATFS_BLOCK_BYTES);
        statvfs.setBavail(free / STATFS_BLOCK_BYTES);
        statvfs.setNameMax(NAME_MAX);
        return 0;
    }

    /** Accepted and forgotten: a server may set times, none reads them back. */
    @Override
    public int utimens(String path, TimeSpec read, TimeSpec written, @Nullable FileInfo open) {
        return 0;
    }

    @Override
    public int access(String path, int mask) {
        return path.equals("/") || file(path) != null ? 0 : -ENOENT;
    }

    // ---- what ALTER, OPTIMIZE, CREATE, DROP and RENAME would need ------------------------------

    @Override
    public int create(String path, int mode, FileInfo open) {
        return -EPERM;
    }

    @Override
    public int mkdir(String path, int mode) {
        return -EPERM;
    }

    @Override
    public int rmdir(String path) {
        return -EPERM;
    }

    @Override
    public int unlink(String path) {
        return -EPERM;
    }

    @Override
    public int rename(String from, String to, int flags) {
        return -EPERM;
    }

    @Override
    public int symlink(String from, String to) {
        return -EPERM;
    }

    @Override
    public int chmod(String path, int mode, @Nullable FileInfo open) {
        return -EPERM;
    }

    @Override
    public int chown(String path, int user, int group, @Nullable FileInfo open) {
        return -EPERM;
    }
}
