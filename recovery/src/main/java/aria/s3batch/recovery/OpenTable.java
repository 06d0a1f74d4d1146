package aria.s3batch.recovery;

import aria.s3batch.diskcache.CacheSpace;
import aria.s3batch.diskcache.TableBase;
import aria.s3batch.diskcache.TableCache;
import aria.s3batch.format.AriaHeader;
import aria.s3batch.format.TableFile;
import aria.s3batch.s3block.BaseTable;

/** A table of an open batch: what it was, and what was staged over it. */
public record OpenTable(BaseTable base, BaseReader reader, TableCache cache) {
    /**
     * Nothing is staged yet, and nothing is created on disk.
     *
     * @param number the table's number in the batch, from 0
     */
    public static OpenTable of(
            BaseTable base, BaseReader reader, BatchFolder folder, int number, CacheSpace space) {
        AriaHeader header = base.header();
        var cache =
                new TableCache(
                        new TableBase(
                                folder.batch(),
                                base.table(),
                                header.pageBytes(),
                                header.fileLength(TableFile.INDEX),
                                header.fileLength(TableFile.DATA),
                                header.pagesEnd(TableFile.INDEX) * header.pageBytes(),
                                header.pagesEnd(TableFile.DATA) * header.pageBytes()),
                        reader,
                        folder.disk(),
                        space,
                        folder.pageFile(number));
        return new OpenTable(base, reader, cache);
    }
}
