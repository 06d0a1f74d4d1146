package aria.s3batch.daemon;

import aria.s3batch.daemon.api.Problem;
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
import java.nio.file.StandardOpenOption;

/**
 * One process per cache directory: an advisory lock on {@code daemon.lock}, which holds the pid in text.
 * The kernel drops the lock with the process, however that ends.
 */
public final class CacheDirLock implements AutoCloseable {
    private static final String FILE = "daemon.lock";

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
            if (lock == null) {
                throw new BatchException(
                        Problem.Kind.REFUSED,
                        ("cache directory %s is in use by process %s. Nothing was changed. Talk to"
                                        + " that daemon, or stop it first")
                                .formatted(cacheDir.root(), pidIn(channel)));
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
