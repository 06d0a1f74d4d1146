package aria.s3batch.format;

/**
 * The pages of the .MAD that say which of the others are in use. Page 0 is one, and so is every page at a
 * multiple of {@link #stride}. Checked against MariaDB 10.11: <pre>
 * bits of page b + 1 + i:  3 i .. 3 i + 2 of bitmap page b, low bit first
 *   0      empty: the page may hold anything
 *   1 - 3  rows, partly full      4  rows, full
 *   5 - 6  row tails, partly full 7  row tails, full, or part of a blob</pre>
 */
public final class BitmapPage {
    private static final int BITS = 3;

    private BitmapPage() {}

    /** Pages from one bitmap page to the next: 21825 for pages of 8 KiB. */
    public static long stride(int pageBytes) {
        return (pageBytes - PageChecksum.BYTES) / 6 * 16L + 1;
    }

    /** Whether a page of the data file is a bitmap page. */
    public static boolean isBitmap(long page, int pageBytes) {
        return page % stride(pageBytes) == 0;
    }

    /** The bitmap page with the bits of a page; for a bitmap page, itself. */
    public static long of(long page, int pageBytes) {
        return page - page % stride(pageBytes);
    }

    /**
     * The three bits of a page that is no bitmap page itself.
     *
     * @param bitmap holds the bitmap page {@link #of} at {@code offset}
     */
    public static int bits(byte[] bitmap, int offset, long page, int pageBytes) {
        int i = (int) (page % stride(pageBytes)) - 1;
        if (i < 0) {
            throw new IllegalArgumentException("page " + page + " is a bitmap page");
        }
        int bit = i * BITS;
        int at = offset + bit / 8;
        int twoBytes = bitmap[at] & 0xff | (bitmap[at + 1] & 0xff) << 8;
        return twoBytes >>> bit % 8 & 7;
    }
}
