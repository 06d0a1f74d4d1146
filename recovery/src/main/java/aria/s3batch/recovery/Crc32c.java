package aria.s3batch.recovery;

import java.util.zip.CRC32C;

/** The checksum of objects, in their metadata, in copies and in receipts. */
final class Crc32c {
    private Crc32c() {}

    static int of(byte[] bytes) {
        var crc = new CRC32C();
        crc.update(bytes);
        return (int) crc.getValue();
    }
}
