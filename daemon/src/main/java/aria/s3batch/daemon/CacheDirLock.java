package aria.s3batch.daemon;

import aria.s3batch.daemon.api.Problem;
import aria.s3batch.daemon.mount.Mounts;
import aria.s3batch.diskcache.CacheDirectory;
import aria.s3batch.diskcache.LocalDisk;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;

/**
 * One process per cache directory: an advisory lock on {@code daemon.lock}, which holds the pid in text.
 * The kernel drops the lock with the process, however that ends.
 *
 * <p>A process may be killed and not end: a thread that waits for an answer of a file system which its own process
 * serves (the mount of a batch) is left waiting by the kernel, and with it stays all that the process has open. Who
 * takes the lock next ends the connection, as who starts next unmounts what was left anyway.
 */
public final class CacheDirLock implements AutoCloseable {
    private static final String FILE = "daemon.lock";
    private static final Duration PAUSE = Duration.ofMillis(50);

    /** In which a process ends that can. */
    private static final int TRIES = 100;

    private final FileChannel channel;

    private CacheDirLock(FileChannel channel) {
        this.channel = channel;
    }

    /**
     * Creates the directory if need be, durably, and takes it.
     *
     * @param disk the real one: the lock is one of the kernel
     * @throws BatchException another process has it, or it cannot be written
     */
    public static CacheDirLock take(CacheDirectory cacheDir, LocalDisk disk) throws IOException {
        FileChannel channel;
        try {
            cacheDir.create(disk);
            channel =
                    FileChannel.open(
                            cacheDir.root().resolve(FILE),
                            StandardOpenOption.CREATE,
                            StandardOpenOption.READ,
                            StandardOpenOption.WRITE);
        } catch (FileSystemException e) {
            String why =
                    switch (e) {
                        case AccessDeniedException denied -> "permission denied";
                        case FileAlreadyExistsException file -> "it is no directory";
                        default -> String.valueOf(e.getReason() == null ? e : e.getReason());
                    };
            throw new BatchException(
                    Problem.Kind.FAILED,
                    ("cache directory %s cannot be used: %s: %s. Nothing was changed. Set cache-dir"
                                    + " to a directory that user %s can write")
                            .formatted(
                                    cacheDir.root(),
                                    e.getFile(),
                                    why,
                                    System.getProperty("user.name")));
        }
        try {
            FileLock lock = channel.tryLock();
            String holder = lock == null ? pidIn(channel) : "";
            for (int i = 0; lock == null && i < TRIES && isKilled(holder); i++) {
                Mounts.detachStale(cacheDir.root());
                new Sleep().pause(PAUSE);
                lock = channel.tryLock();
            }
            lock = lock == null ? channel.tryLock() : lock; // its holder may have ended meanwhile
            if (lock == null) {
                throw new BatchException(
                        Problem.Kind.REFUSED,
                        "cache directory %s is in use by process %s. Nothing was changed. %s"
                                .formatted(
                                        cacheDir.root(),
                                        holder,
                                        isKilled(holder)
                                                ? "It was killed and does not end: unmount what it"
                                                        + " has mounted, as root, with umount -f"
                                                        + " (mount -t fuse.aria_s3_batch)"
                                                : "Talk to that daemon, or stop it first"));
            }
            ByteBuffer pid = StandardCharsets.US_ASCII.encode(ProcessHandle.current().pid() + "\n");
            channel.truncate(0);
            channel.write(pid, 0);
            return new CacheDirLock(channel);
        } catch (IOException | RuntimeException e) {
            channel.close();
            throw e;
        }
    }

    /**
     * Whether its first thread is gone and others are not: {@code pid (name) Z ...}, see proc_pid_stat(5). One that
     * is not to be seen ended just now, or lives where processes have other numbers: in another container.
     */
    private static boolean isKilled(String pid) {
        try {
            String stat = Files.readString(Path.of("/proc", pid, "stat"));
            return stat.startsWith("Z", stat.lastIndexOf(')') + 2);
        } catch (IOException e) { // not there, or ESRCH: it ended between open and read
            return false;
        }
    }

    private static String pidIn(FileChannel channel) throws IOException {
        ByteBuffer text = ByteBuffer.allocate(32);
        channel.read(text, 0);
        return StandardCharsets.US_ASCII.decode(text.flip()).toString().strip();
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
