package aria.s3batch.daemon;

import aria.s3batch.diskcache.CacheDirectory;
import aria.s3batch.diskcache.Disk;
import aria.s3batch.diskcache.DiskFile;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.random.RandomGenerator;

/**
 * Who a cache directory is in the locks of its batches: {@code cache-dir/owner}, 16 hexadecimal digits and a
 * line feed. Written once, by the first start, and the same in all that follow: by it committed batches find
 * their locks again.
 */
final class OwnerFile {
    private static final String NAME = "owner";
    private static final int BYTES = 17;

    private OwnerFile() {}

    /** The id, durable on return: after a power cut no lock names an id that nobody has. */
    static String id(CacheDirectory cacheDir, Disk disk, RandomGenerator random)
            throws IOException {
        Path path = cacheDir.root().resolve(NAME);
        String id;
        try (DiskFile file = disk.exists(path) ? disk.open(path) : disk.create(path)) {
            id = read(file);
            if (id.isEmpty()) { // new, or of a start that was cut off before it used it
                id = HexFormat.of().toHexDigits(random.nextLong());
                file.truncate(0);
                file.write(StandardCharsets.US_ASCII.encode(id + "\n"), 0);
            }
            file.sync(); // the start that wrote it may have been killed just before
        }
        disk.syncDirectory(cacheDir.root());
        return id;
    }

    private static String read(DiskFile file) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(BYTES + 1);
        file.read(bytes, 0);
        String text = StandardCharsets.US_ASCII.decode(bytes.flip()).toString();
        return text.matches("[0-9a-f]{16}\n") ? text.strip() : "";
    }
}
