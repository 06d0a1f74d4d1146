package aria.s3batch.diskcache;

import aria.s3batch.format.BatchId;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;

/**
 * What a batch starts from in one table.
 *
 * @param indexBytes length of the .MAI as a local file, header included
 * @param dataBytes length of the .MAD
 * @param indexBytesMax the longest .MAI that the table's page pointers reach: staging beyond it is refused
 * @param dataBytesMax the same of the .MAD
 */
public record TableBase(
        BatchId batch,
        TableName table,
        int pageBytes,
        long indexBytes,
        long dataBytes,
        long indexBytesMax,
        long dataBytesMax) {
    /** Bits of a page number in the keys of {@link PageIndex}. */
    static final int PAGE_BITS = 40;

    /** No table file has more pages than this, whatever its pointers reach. */
    public static final long PAGES_MAX = 1L << PAGE_BITS;

    public TableBase {
        if (Integer.bitCount(pageBytes) != 1 || pageBytes < 1024 || pageBytes > 32768) {
            throw new IllegalArgumentException("page size " + pageBytes);
        }
        indexBytesMax = longest(TableFile.INDEX, indexBytes, indexBytesMax, pageBytes);
        dataBytesMax = longest(TableFile.DATA, dataBytes, dataBytesMax, pageBytes);
    }

    private static long longest(TableFile file, long bytes, long bytesMax, int pageBytes) {
        if (bytesMax < pageBytes) {
            throw new IllegalArgumentException(
                    "longest %s file of %d bytes".formatted(file.key(), bytesMax));
        }
        if (bytes < 0 || bytes > bytesMax) {
            throw new IllegalArgumentException(
                    "%s file of %d bytes, at most %d".formatted(file.key(), bytes, bytesMax));
        }
        return Math.min(bytesMax, PAGES_MAX * pageBytes);
    }

    /** The longest that a file may become. */
    public long bytesMax(TableFile file) {
        return file == TableFile.INDEX ? indexBytesMax : dataBytesMax;
    }

    public long bytes(TableFile file) {
        return file == TableFile.INDEX ? indexBytes : dataBytes;
    }
}
