package aria.s3batch.ops.process;

import aria.s3batch.daemon.CacheDirLock;
import aria.s3batch.daemon.mount.LibFuse;
import aria.s3batch.diskcache.CacheDirectory;
import aria.s3batch.diskcache.LocalDisk;

import org.cryptomator.jfuse.api.Errno;
import org.cryptomator.jfuse.api.FileInfo;
import org.cryptomator.jfuse.api.Fuse;
import org.cryptomator.jfuse.api.FuseBuilder;
import org.cryptomator.jfuse.api.FuseOperations;
import org.cryptomator.jfuse.api.Stat;
import org.jspecify.annotations.Nullable;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Set;
import java.util.concurrent.CountDownLatch;

/**
 * What a daemon is in the moment in which it asks its own mount for something: it has the lock of a cache
 * directory and a mount under the name of that, and waits for an answer of its own.
 */
final class MountedChild implements FuseOperations {
    static final String ASKED = "asked";

    private static final String SLOW = "slow";

    private final Errno errno;
    private final CountDownLatch never = new CountDownLatch(1);

    private MountedChild(Errno errno) {
        this.errno = errno;
    }

    /**
     * @param arguments cache directory and mount point, without symbolic links
     */
    public static void main(String[] arguments) throws Exception {
        Path point = Path.of(arguments[1]);
        FuseBuilder libfuse = LibFuse.find();
        try (CacheDirLock lock =
                        CacheDirLock.take(
                                new CacheDirectory(Path.of(arguments[0])), new LocalDisk());
                Fuse fuse = libfuse.build(new MountedChild(libfuse.errno()))) {
            assert lock != null;
            fuse.mount(
                    "aria_s3_batch",
                    point,
                    "-ofsname=aria_s3_batch:a-batch:" + arguments[0],
                    "-osubtype=aria_s3_batch");
            throw new AssertionError(SLOW + ": " + Files.exists(point.resolve(SLOW)));
        }
    }

    @Override
    public Errno errno() {
        return errno;
    }

    @Override
    public Set<Operation> supportedOperations() {
        return EnumSet.of(Operation.GET_ATTR);
    }

    @Override
    public int getattr(String path, Stat stat, @Nullable FileInfo open) {
        if (path.equals("/")) {
            stat.setMode(Stat.S_IFDIR | 0700);
            stat.setNLink((short) 2);
            return 0;
        }
        if (path.equals("/" + SLOW)) {
            System.out.println(ASKED);
            try {
                never.await();
            } catch (InterruptedException e) {
                return -errno.eio();
            }
        }
        return -errno.enoent();
    }
}
