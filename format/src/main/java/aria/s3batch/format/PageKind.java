package aria.s3batch.format;

/**
 * What a page is, by its place and its first bytes. Checked against MariaDB 10.11, tables that are not
 * transactional: <pre>
 * index page                                  data page
 *   0  u8   key number, 255 = free page         0  7    LSN, zero here
 *   1  u8   flags: 1 = node                     7  u8   low 3 bits: 0 unallocated, 1 head,
 *   2  u16  used bytes, big-endian                      2 tail, 3 blob; 0x80 = can be compacted
 *   4  -    keys                                8  -    rows, or part of a blob</pre>
 */
public enum PageKind {
    /** Part of the header of the index file. Has no checksum. */
    HEADER,
    /** Says which data pages are in use, see {@link BitmapPage}. */
    BITMAP,
    INDEX_NODE,
    INDEX_LEAF,
    /** In the list of free index pages, which starts at the header field {@code key_del}. */
    INDEX_FREE,
    /** Never held a row. */
    DATA_UNALLOCATED,
    /** Rows, or their first parts. */
    HEAD,
    /** Last parts of rows. */
    TAIL,
    /** Part of one row. */
    BLOB,
    /** All zero: a hole, which was never written. */
    ZERO,
    /** A data page of a type that Aria does not have. */
    UNKNOWN;

    private static final int FREE_KEY = 0xff;
    private static final int NODE_FLAG = 1;
    private static final int TYPE_OFFSET = 7;

    /**
     * @param image holds the page at {@code offset}
     * @param headerPages pages of the header, see {@link TableGeometry#headerPages}
     */
    public static PageKind of(
            TableFile file, long page, byte[] image, int offset, int pageBytes, int headerPages) {
        if (file == TableFile.INDEX && page < headerPages) {
            return HEADER;
        }
        if (file == TableFile.DATA && BitmapPage.isBitmap(page, pageBytes)) {
            return BITMAP;
        }
        if (isZero(image, offset, pageBytes)) {
            return ZERO;
        }
        if (file == TableFile.INDEX) {
            if ((image[offset] & 0xff) == FREE_KEY) {
                return INDEX_FREE;
            }
            return (image[offset + 1] & NODE_FLAG) != 0 ? INDEX_NODE : INDEX_LEAF;
        }
        return switch (image[offset + TYPE_OFFSET] & 7) {
            case 0 -> DATA_UNALLOCATED;
            case 1 -> HEAD;
            case 2 -> TAIL;
            case 3 -> BLOB;
            default -> UNKNOWN;
        };
    }

    static boolean isZero(byte[] image, int offset, int length) {
        for (int i = offset; i < offset + length; i++) {
            if (image[i] != 0) {
                return false;
            }
        }
        return true;
    }

    boolean isIndex() {
        return this == INDEX_NODE || this == INDEX_LEAF || this == INDEX_FREE;
    }
}
