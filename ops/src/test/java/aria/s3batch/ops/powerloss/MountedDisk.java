package aria.s3batch.ops.powerloss;

import aria.s3batch.daemon.mount.KernelMounts;
import aria.s3batch.daemon.mount.LibFuse;
import aria.s3batch.ops.powerloss.ForgetfulDisk.Errno;

import org.cryptomator.jfuse.api.DirFiller;
import org.cryptomator.jfuse.api.FileInfo;
import org.cryptomator.jfuse.api.Fuse;
import org.cryptomator.jfuse.api.FuseBuilder;
import org.cryptomator.jfuse.api.FuseOperations;
import org.cryptomator.jfuse.api.Stat;
import org.cryptomator.jfuse.api.Statvfs;
import org.cryptomator.jfuse.api.TimeSpec;
import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A {@link ForgetfulDisk} as a directory: every write(2), fsync(2) and so on of any process arrives there
 * one by one, because the kernel is not asked to collect writes. It answers in FUSE's threads. The kernel
 * keeps what was read and written until {@link #close}, so a disk that lost power needs a mount of its own.
 *
 * <p>There is no fallocate, link, or lock across mounts: the first fails with EOPNOTSUPP, which RocksDB
 * takes for an old kernel.
 */
public final class MountedDisk implements FuseOperations, AutoCloseable {
    private static final String TYPE = "forgetful";
    private static final int FILE_MODE = Stat.S_IFREG | 0600;
    private static final int FOLDER_MODE = Stat.S_IFDIR | 0700;
    private static final int KNOWN_FOR_SECONDS = 1_000_000;
    private static final int THREADS_MAX = 8;

    private static final long BYTES = 1L << 30;
    private static final int STATFS_BLOCK_BYTES = 4096;
    private static final int NAME_MAX = 255;

    /** What libfuse makes of the name of a file that is deleted while it is open. */
    private static final String HIDDEN = "/.fuse_hidden";

    private static final Instant BORN = Instant.EPOCH;

    private final ForgetfulDisk disk;
    private final Path point;
    private final int uid;
    private final int gid;
    private final Fuse fuse;
    private final org.cryptomator.jfuse.api.Errno errno;
    private final Map<Long, ForgetfulFile> open = new ConcurrentHashMap<>();
    private final AtomicLong lastHandle = new AtomicLong();
    private final Thread atExit = new Thread(this::detach, "unmount");
    private boolean mounted;

    private MountedDisk(ForgetfulDisk disk, Path point) throws IOException {
        this.disk = disk;
        this.point = point;
        this.uid = (int) Files.getAttribute(point, "unix:uid");
        this.gid = (int) Files.getAttribute(point, "unix:gid");
        FuseBuilder libfuse = LibFuse.find();
        this.errno = libfuse.errno();
        this.fuse = libfuse.build(this);
    }

    /**
     * @param point made if it is missing
     */
    public static MountedDisk mount(ForgetfulDisk disk, Path point) throws IOException {
        var mounted = new MountedDisk(disk, Files.createDirectories(point).toRealPath());
        try {
            mounted.fuse.mount(
                    TYPE,
                    mounted.point,
                    "-ofsname=" + TYPE,
                    "-osubtype=" + TYPE,
                    "-oentry_timeout=" + KNOWN_FOR_SECONDS,
                    "-oattr_timeout=" + KNOWN_FOR_SECONDS,
                    "-omax_threads=" + THREADS_MAX);
        } catch (org.cryptomator.jfuse.api.FuseMountFailedException e) {
            throw new IOException("cannot mount at " + point, e);
        }
        mounted.mounted = true;
        Runtime.getRuntime().addShutdownHook(mounted.atExit);
        return mounted;
    }

    /** Where it is mounted. */
    public Path point() {
        return point;
    }

    /** Unmounts; calls that the disk still holds must have been let go by {@link ForgetfulDisk#cut}. */
    @Override
    public synchronized void close() throws IOException {
        if (!mounted) {
            return;
        }
        mounted = false;
        Runtime.getRuntime().removeShutdownHook(atExit);
        if (!KernelMounts.unmount(point)) {
            KernelMounts.detach(point);
        }
        try {
            fuse.close();
        } catch (TimeoutException e) {
            throw new IOException("libfuse's threads for " + point + " do not end", e);
        }
    }

    /** When the JVM is told to end in the middle of a test. */
    private void detach() {
        disk.powerOff();
        try {
            KernelMounts.detach(point);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public org.cryptomator.jfuse.api.Errno errno() {
        return errno;
    }

    @Override
    public Set<Operation> supportedOperations() {
        return EnumSet.of(
                Operation.GET_ATTR,
                Operation.READ_DIR,
                Operation.CREATE,
                Operation.OPEN,
                Operation.READ,
                Operation.WRITE,
                Operation.TRUNCATE,
                Operation.FSYNC,
                Operation.FSYNCDIR,
                Operation.RELEASE,
                Operation.STATFS,
                Operation.MKDIR,
                Operation.RMDIR,
                Operation.UNLINK,
                Operation.RENAME,
                Operation.UTIMENS,
                Operation.CHMOD,
                Operation.CHOWN);
    }

    /** Answers 0 or more. */
    private interface Callback {
        int run() throws Errno;
    }

    /** No exception may leave a callback: it would end the JVM. */
    private int answer(Callback callback) {
        try {
            return callback.run();
        } catch (Errno e) {
            return -e.number();
        } catch (Throwable e) {
            disk.defect(e);
            return -ForgetfulDisk.EIO;
        }
    }

    private ForgetfulFile file(String path, @Nullable FileInfo handle) throws Errno {
        ForgetfulFile file = handle == null ? null : open.get(handle.getFh());
        if (file != null) {
            return file;
        }
        if (disk.find(path) instanceof ForgetfulFile found) {
            return found;
        }
        throw new Errno(ForgetfulDisk.EISDIR);
    }

    private int opened(ForgetfulFile file, FileInfo handle) {
        long number = lastHandle.incrementAndGet();
        open.put(number, file);
        handle.setFh(number);
        return 0;
    }

    @Override
    public int getattr(String path, Stat stat, @Nullable FileInfo handle) {
        return answer(
                () -> {
                    ForgetfulFile file = handle == null ? null : open.get(handle.getFh());
                    fill(stat, file == null ? disk.find(path) : file);
                    return 0;
                });
    }

    private void fill(Stat stat, ForgetfulDisk.Node node) throws Errno {
        boolean folder = node instanceof ForgetfulFolder;
        stat.setMode(folder ? FOLDER_MODE : FILE_MODE);
        stat.setNLink((short) (folder ? 2 : 1));
        stat.setUid(uid);
        stat.setGid(gid);
        stat.setSize(node instanceof ForgetfulFile file ? disk.length(file) : 0);
        stat.aTime().set(BORN);
        stat.mTime().set(BORN);
        stat.cTime().set(BORN);
    }

    @Override
    public int readdir(String path, DirFiller filler, long offset, FileInfo handle, int flags) {
        return answer(
                () -> {
                    try {
                        filler.fill(".");
                        filler.fill("..");
                        for (String name : disk.list(path)) {
                            filler.fill(name);
                        }
                        return 0;
                    } catch (IOException e) {
                        throw new AssertionError(e);
                    }
                });
    }

    @Override
    public int create(String path, int mode, FileInfo handle) {
        return answer(() -> opened(disk.create(path), handle));
    }

    @Override
    public int open(String path, FileInfo handle) {
        return answer(
                () -> {
                    ForgetfulFile file = file(path, null);
                    if (handle.getOpenFlags().contains(StandardOpenOption.TRUNCATE_EXISTING)) {
                        disk.resize(file, path, 0);
                    }
                    return opened(file, handle);
                });
    }

    @Override
    public int release(String path, FileInfo handle) {
        open.remove(handle.getFh());
        return 0;
    }

    @Override
    public int read(String path, ByteBuffer into, long count, long offset, FileInfo handle) {
        return answer(
                () -> {
                    byte[] bytes = disk.read(file(path, handle), offset, into.remaining());
                    into.put(bytes);
                    return bytes.length;
                });
    }

    @Override
    public int write(String path, ByteBuffer from, long count, long offset, FileInfo handle) {
        return answer(
                () -> {
                    byte[] bytes = new byte[from.remaining()];
                    from.get(bytes);
                    disk.write(file(path, handle), path, offset, bytes);
                    return bytes.length;
                });
    }

    @Override
    public int truncate(String path, long size, @Nullable FileInfo handle) {
        return answer(
                () -> {
                    disk.resize(file(path, handle), path, size);
                    return 0;
                });
    }

    /** fsync(2) and fdatasync(2): a length is data without which what is behind it cannot be read. */
    @Override
    public int fsync(String path, int dataOnly, FileInfo handle) {
        return answer(
                () -> {
                    disk.sync(file(path, handle), path);
                    return 0;
                });
    }

    @Override
    public int fsyncdir(@Nullable String path, int dataOnly, FileInfo handle) {
        return answer(
                () -> {
                    if (path == null) {
                        throw new Errno(ForgetfulDisk.ENOENT); // deleted while it was open
                    }
                    disk.syncFolder(path);
                    return 0;
                });
    }

    @Override
    public int mkdir(String path, int mode) {
        return answer(
                () -> {
                    disk.createFolder(path);
                    return 0;
                });
    }

    @Override
    public int rmdir(String path) {
        return unlink(path);
    }

    @Override
    public int unlink(String path) {
        return answer(
                () -> {
                    disk.delete(path);
                    return 0;
                });
    }

    /** A file that is deleted while it is open loses its name at once, as on other file systems. */
    @Override
    public int rename(String from, String to, int flags) {
        if (to.contains(HIDDEN)) {
            return unlink(from);
        }
        return answer(
                () -> {
                    if (flags != 0) {
                        throw new Errno(ForgetfulDisk.EINVAL);
                    }
                    disk.rename(from, to);
                    return 0;
                });
    }

    @Override
    public int statfs(String path, Statvfs statvfs) {
        return answer(
                () -> {
                    long bytes = Math.min(BYTES, disk.bytesMax());
                    long free = Math.max(0, bytes - disk.bytesUsed());
                    statvfs.setBsize(STATFS_BLOCK_BYTES);
                    statvfs.setFrsize(STATFS_BLOCK_BYTES);
                    statvfs.setBlocks(bytes / STATFS_BLOCK_BYTES);
                    statvfs.setBfree(free / STATFS_BLOCK_BYTES);
                    statvfs.setBavail(free / STATFS_BLOCK_BYTES);
                    statvfs.setNameMax(NAME_MAX);
                    return 0;
                });
    }

    /** Nobody asks for times, owners and modes again. */
    @Override
    public int utimens(String path, TimeSpec read, TimeSpec written, @Nullable FileInfo handle) {
        return 0;
    }

    @Override
    public int chmod(String path, int mode, @Nullable FileInfo handle) {
        return 0;
    }

    @Override
    public int chown(String path, int user, int group, @Nullable FileInfo handle) {
        return 0;
    }
}
