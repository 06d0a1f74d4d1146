package aria.s3batch.recovery;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.CRC32C;

/**
 * Looks at RocksDB's log files before RocksDB does. One damaged byte can make a record of the manifest or
 * of the write-ahead log look like one of a recycled log, which this journal never writes; RocksDB 11.1
 * then reads that record again and again and never comes back from opening. All other damage RocksDB
 * finds itself.
 *
 * <p>A log file is a run of blocks of 32 KiB, a block a run of records, the last bytes of a block that
 * cannot hold a record head are zero (RocksDB, db/log_format.h). A record, little-endian:
 *
 * <pre>
 * 0 u32 checksum: CRC-32C of type and content, its bits rotated and a constant added
 * 4 u16 length of the content
 * 6 u8  type: 0 none, 1 full, 2 first, 3 middle, 4 last; 5 to 8, 11 and 131 the same of recycled logs
 * 7     content
 * </pre>
 */
final class RocksLogCheck {
    private static final int BLOCK_BYTES = 32 << 10;
    private static final int HEAD_BYTES = 7;
    private static final int CHECKSUM_MASK = 0xa282ead8;

    private RocksLogCheck() {}

    /**
     * Reads every log file of the journal once.
     *
     * @throws CorruptJournalException a record is of a type that RocksDB cannot be given
     */
    static void check(Path journalDir) throws IOException {
        if (!Files.isDirectory(journalDir)) {
            return; // RocksDB says so in the words of its caller
        }
        List<Path> logs;
        try (Stream<Path> files = Files.list(journalDir)) {
            logs = files.filter(RocksLogCheck::isLog).sorted().toList();
        }
        for (Path log : logs) {
            checkFile(log);
        }
    }

    private static boolean isLog(Path file) {
        String name = String.valueOf(file.getFileName());
        return name.startsWith("MANIFEST-") || name.endsWith(".log");
    }

    private static void checkFile(Path log) throws IOException {
        try (InputStream in = Files.newInputStream(log)) {
            byte[] block = in.readNBytes(BLOCK_BYTES);
            for (long start = 0; block.length > 0; start += block.length) {
                checkBlock(log, start, block);
                block = in.readNBytes(BLOCK_BYTES);
            }
        }
    }

    /**
     * Goes as far as RocksDB does: a record that is none, does not fit, or does not check out ends the
     * block. What lies behind it is not read, and may be anything: power loss tears a write into sectors.
     */
    private static void checkBlock(Path log, long start, byte[] block) throws IOException {
        ByteBuffer bytes = ByteBuffer.wrap(block).order(ByteOrder.LITTLE_ENDIAN);
        int at = 0;
        while (at + HEAD_BYTES <= block.length) {
            int type = Byte.toUnsignedInt(bytes.get(at + 6));
            if (isRecycled(type)) {
                throw new CorruptJournalException(
                        "byte %d of %s".formatted(start + at + 6, log),
                        "record type %d, expected 0 to 4".formatted(type),
                        null);
            }
            int end = at + HEAD_BYTES + Short.toUnsignedInt(bytes.getShort(at + 4));
            if (end > block.length || bytes.getInt(at) != checksum(block, at + 6, end)) {
                return;
            }
            at = end;
        }
    }

    private static int checksum(byte[] block, int from, int to) {
        var crc = new CRC32C();
        crc.update(block, from, to - from);
        return Integer.rotateRight((int) crc.getValue(), 15) + CHECKSUM_MASK;
    }

    private static boolean isRecycled(int type) {
        return type >= 5 && type <= 8 || type == 11 || type == 131;
    }
}
