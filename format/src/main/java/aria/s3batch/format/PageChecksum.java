package aria.s3batch.format;

import java.util.zip.CRC32;

/**
 * The checksum of a page: CRC-32 (the polynomial of zlib) continued from the page number as the previous
 * CRC, so that a page in a wrong place does not match. Stored in the last four bytes of the page,
 * little-endian. Checked against MariaDB 10.11.
 *
 * <p>Java's {@link CRC32} cannot start anywhere but at 0. But the CRC of four bytes can be made any value,
 * by running the register backwards; so the four bytes of which the CRC is the page number are fed first.
 * The page itself then goes through the JVM's intrinsic.
 *
 * <p>Stateless; any thread. Costs one small allocation, which escape analysis removes.
 */
public final class PageChecksum {
    /** Bytes of the checksum field at the end of a page. */
    public static final int BYTES = 4;

    /** What a data or index page carries that was written without a checksum. */
    public static final int NONE = 0xffffffff;

    /** What a bitmap page carries that was written without a checksum. */
    public static final int NONE_BITMAP = 0xfffffffe;

    /** Results that would look like "no checksum" are stored as this. */
    private static final int LARGEST = 0xfffffffd;

    private static final int POLYNOMIAL = 0xedb88320;

    /** What shifting one byte into the register adds, found by the high byte that it leaves there. */
    private static final int[] STEP_BY_HIGH_BYTE = new int[256];

    private static final int[] BYTE_BY_HIGH_BYTE = new int[256];

    static {
        for (int b = 0; b < 256; b++) {
            int step = b;
            for (int bit = 0; bit < 8; bit++) {
                step = (step & 1) != 0 ? step >>> 1 ^ POLYNOMIAL : step >>> 1;
            }
            STEP_BY_HIGH_BYTE[step >>> 24] = step;
            BYTE_BY_HIGH_BYTE[step >>> 24] = b;
        }
    }

    private PageChecksum() {}

    /**
     * The checksum as the server would store it.
     *
     * @param page holds the covered bytes at {@code offset}
     * @param length covered bytes: all but the last four of a data or bitmap page, {@code used} of an
     *     index page
     * @param pageNumber from the start of the file, header pages counted; taken modulo 2^32
     */
    public static int of(byte[] page, int offset, int length, long pageNumber) {
        CRC32 crc = new CRC32();
        int seed = bytesWithCrc((int) pageNumber);
        for (int i = 0; i < 4; i++) {
            crc.update(seed >>> 8 * i & 0xff);
        }
        crc.update(page, offset, length);
        int checksum = (int) crc.getValue();
        return Integer.compareUnsigned(checksum, LARGEST) > 0 ? LARGEST : checksum;
    }

    /** Four bytes, the first one lowest, of which the CRC-32 is {@code crc}. */
    static int bytesWithCrc(int crc) {
        // Backwards from the register at the end: each step's table value shows in the high byte.
        int register = ~crc;
        for (int i = 0; i < 4; i++) {
            int high = register >>> 24;
            register = (register ^ STEP_BY_HIGH_BYTE[high]) << 8 | BYTE_BY_HIGH_BYTE[high];
        }
        return ~register;
    }
}
