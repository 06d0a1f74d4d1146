package aria.s3batch.diskcache;

import aria.s3batch.format.BatchId;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;

/**
 * What a batch starts from in one table.
 *
 * @param indexBytes length of the .MAI as a local file, header included
 * @param dataBytes length of the .MAD
 * @param fileBytesMax the longest file that Aria can address in this table: staging beyond it is refused
 */
public record TableBase(
        BatchId batch,
        TableName table,
        int pageBytes,
        long indexBytes,
        long dataBytes,
        long fileBytesMax) {
    /** Bits of a page number in the keys of {@link PageIndex}. */
    static final int PAGE_BITS = 40;

    /** No table file has more pages than this, whatever {@code fileBytesMax} says. */
    public static final long PAGES_MAX = 1L << PAGE_BITS;

    public TableBase {
        if (Integer.bitCount(pageBytes) != 1 || pageBytes < 1024 || pageBytes > 32768) {
            throw new IllegalArgumentException("page size " + pageBytes);
        }
        if (fileBytesMax < pageBytes) {
            throw new IllegalArgumentException("longest file of " + fileBytesMax + " bytes");
        }
        fileBytesMax = Math.min(fileBytesMax, PAGES_MAX * pageBytes);
        if (indexBytes < 0 || indexBytes > fileBytesMax) {
            throw new IllegalArgumentException("index file of " + indexBytes + " bytes");
        }
        if (dataBytes < 0 || dataBytes > fileBytesMax) {
            throw new IllegalArgumentException("data file of " + dataBytes + " bytes");
        }
    }

    public long bytes(TableFile file) {
        return file == TableFile.INDEX ? indexBytes : dataBytes;
    }
}
