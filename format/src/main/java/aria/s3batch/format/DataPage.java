package aria.s3batch.format;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * What a data page with rows (a {@link PageKind#HEAD} or {@link PageKind#TAIL}) says of itself. Checked against
 * MariaDB 10.11: <pre>
 * offset size type field
 *      0    7 u56  LSN, low byte first; zero in a table that is not transactional
 *      7    1 u8   type, see {@link PageKind}
 *      8    1 u8   entries of the directory
 *      9    1 u8   first free entry, 255 = none
 *     10    2 u16  unused bytes of the page, little-endian
 *     12    -      rows
 * directory entry i: 4 bytes at page size - 4 - 4 (i + 1): u16 position, u16 length, little-endian;
 * position 0 = a free entry </pre>
 *
 * <p>Of a damaged page it is what its bytes say; nothing is read outside of it.
 *
 * @param entries of the directory
 * @param rows those that are in use; on a tail page parts of rows
 * @param rowBytes of these
 * @param freeBytes unused; on a page that is whole rows, free bytes, directory and its 16 bytes of frame add up
 */
public record DataPage(int entries, int rows, int rowBytes, int freeBytes) {
    private static final VarHandle U16 =
            MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);
    private static final int LSN_BYTES = 7;
    private static final int ENTRIES = 8;
    private static final int FREE_BYTES = 10;
    private static final int ENTRY_BYTES = 4;

    /**
     * @param image holds the page at {@code offset}
     */
    public static DataPage of(byte[] image, int offset, int pageBytes) {
        int entries = image[offset + ENTRIES] & 0xff;
        int end = offset + pageBytes - PageChecksum.BYTES;
        int rows = 0;
        int rowBytes = 0;
        for (int i = 0; i < entries; i++) {
            int at = end - ENTRY_BYTES * (i + 1);
            if (at >= offset && u16(image, at) != 0) {
                rows++;
                rowBytes += u16(image, at + 2);
            }
        }
        return new DataPage(entries, rows, rowBytes, u16(image, offset + FREE_BYTES));
    }

    /** The LSN of any data page. */
    public static long lsn(byte[] image, int offset) {
        long lsn = 0;
        for (int i = LSN_BYTES - 1; i >= 0; i--) {
            lsn = lsn << 8 | image[offset + i] & 0xff;
        }
        return lsn;
    }

    private static int u16(byte[] image, int at) {
        return (short) U16.get(image, at) & 0xffff;
    }
}
