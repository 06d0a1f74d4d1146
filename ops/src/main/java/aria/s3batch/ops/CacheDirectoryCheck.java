package aria.s3batch.ops;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * Whether a cache directory will do, without taking it from a daemon that has it: looks, and writes, syncs
 * and deletes a file of its own. Nothing is made that is not there.
 */
final class CacheDirectoryCheck {
    private static final String LOCK_FILE = "daemon.lock";
    private static final Path LOCKS = Path.of("/proc/locks");
    private static final Set<String> FORGETFUL = Set.of("tmpfs", "ramfs");
    private static final Set<String> REMOTE = Set.of("nfs", "nfs4", "cifs", "smb3", "fuse.sshfs");

    /** Of the disk, for the journal, as the daemon keeps it. */
    private static final long JOURNAL_ROOM = 64 << 20;

    private final Path directory;
    private final long cacheBytes;
    private final long blockCacheBytes;
    private final List<ConfigurationCheck> checks = new ArrayList<>();

    private CacheDirectoryCheck(Path directory, long cacheBytes, long blockCacheBytes) {
        this.directory = directory;
        this.cacheBytes = cacheBytes;
        this.blockCacheBytes = blockCacheBytes;
    }

    static List<ConfigurationCheck> of(Path directory, long cacheBytes, long blockCacheBytes) {
        var check = new CacheDirectoryCheck(directory, cacheBytes, blockCacheBytes);
        check.run();
        return check.checks;
    }

    private void run() {
        Path there = directory;
        while (there != null && !Files.exists(there)) {
            there = there.getParent();
        }
        if (there == null || !Files.isDirectory(there)) {
            failed("%s is no directory: set cache-dir to one".formatted(there));
            return;
        }
        try {
            writeAndSync(there);
        } catch (IOException e) {
            failed(
                    "%s cannot be written and synced by user %s: %s. Give it to that user, or set cache-dir to a directory that is his"
                            .formatted(there, user(), IoFailure.inWords(e)));
            return;
        }
        ok(
                there.equals(directory)
                        ? "%s can be written and synced by user %s".formatted(directory, user())
                        : "%s is made at the first start; user %s may make it in %s"
                                .formatted(directory, user(), there));
        try {
            lookAtDisk(Files.getFileStore(there));
            lookAtLock();
        } catch (IOException e) {
            failed(IoFailure.inWords(e));
        }
    }

    private static void writeAndSync(Path there) throws IOException {
        Path trial = there.resolve(".validate-config-" + ProcessHandle.current().pid());
        try (FileChannel file =
                FileChannel.open(trial, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            file.write(ByteBuffer.wrap(new byte[] {1}));
            file.force(true);
        } finally {
            Files.deleteIfExists(trial);
        }
        try (FileChannel names = FileChannel.open(there, StandardOpenOption.READ)) {
            names.force(true);
        }
    }

    private void lookAtDisk(FileStore disk) throws IOException {
        String type = disk.type();
        if (FORGETFUL.contains(type)) {
            warning(
                    "it is on a %s, in memory: what was committed is lost with the power. Use a disk"
                            .formatted(type));
        } else if (REMOTE.contains(type)) {
            warning(
                    "it is on a %s: RocksDB and the lock of the directory rest on a local disk"
                            .formatted(type));
        }
        long wanted = cacheBytes + blockCacheBytes + JOURNAL_ROOM;
        long free = disk.getUsableSpace();
        if (free < wanted) {
            warning(
                    "%s are free on its disk; cache-size, block-cache-size and the journal may take %s: a batch may find it full before it reaches its limit"
                            .formatted(Sizes.of(free), Sizes.of(wanted)));
        } else {
            ok(
                    "%s are free on its disk, %s at most are used"
                            .formatted(Sizes.of(free), Sizes.of(wanted)));
        }
    }

    /** By the kernel's list: to try the lock would be to take it from a daemon that starts just now. */
    private void lookAtLock() throws IOException {
        Path file = directory.resolve(LOCK_FILE);
        if (!Files.exists(file, LinkOption.NOFOLLOW_LINKS) || !Files.isReadable(LOCKS)) {
            return;
        }
        String holder =
                holder(Files.readAllLines(LOCKS), (long) Files.getAttribute(file, "unix:ino"));
        ok(holder == null ? "no daemon has it now" : "in use by the daemon, process " + holder);
    }

    /**
     * @param locks lines as in proc_locks(5): {@code 1: POSIX ADVISORY WRITE 4711 08:01:131 0 EOF}
     */
    static @Nullable String holder(List<String> locks, long inode) {
        for (String line : locks) {
            String[] words = line.strip().split("\\s+", -1);
            if (words.length > 5 && words[5].endsWith(":" + inode)) {
                return words[4];
            }
        }
        return null;
    }

    private static String user() {
        return System.getProperty("user.name", "?");
    }

    private void ok(String detail) {
        checks.add(ConfigurationCheck.ok("cache directory", detail));
    }

    private void warning(String detail) {
        checks.add(ConfigurationCheck.warning("cache directory", detail));
    }

    private void failed(String detail) {
        checks.add(ConfigurationCheck.failed("cache directory", detail, 1));
    }
}
