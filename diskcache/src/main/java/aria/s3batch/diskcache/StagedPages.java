package aria.s3batch.diskcache;

import aria.s3batch.format.TableFile;

import java.io.IOException;
import java.nio.file.Path;

/**
 * What a sealed {@link TableCache} holds, for the journal: what lies in which slot, and how long the
 * files are. Valid until the table is unsealed, discarded or closed; it cannot change before. Any thread.
 */
public final class StagedPages {
    private final TableCache cache;
    private final int seal;

    StagedPages(TableCache cache, int seal) {
        this.cache = cache;
        this.seal = seal;
    }

    /** Receives the staged pages in order. */
    @FunctionalInterface
    public interface Visitor {
        /**
         * @param page counted from the start of the file, header pages included
         * @param slot in the page file
         * @param crc32c of the page image
         * @param unverified whether the page was merged here from byte ranges, so that nobody has looked
         *     at its Aria checksum yet
         */
        void page(TableFile file, long page, int slot, int crc32c, boolean unverified)
                throws IOException;
    }

    public TableBase base() {
        return cache.base();
    }

    /** The page file, which exists if {@link #count} is not 0. */
    public Path pageFile() {
        return cache.pageFilePath();
    }

    public long count() {
        cache.checkSeal(seal);
        return cache.pages();
    }

    /** Length of the file as the batch leaves it. */
    public long length(TableFile file) {
        cache.checkSeal(seal);
        return cache.length(file);
    }

    /**
     * How much of the base shows through: past it, what is not staged is zero, although the base may
     * have had bytes there. At most the base length, and less if the batch ever cut the file.
     */
    public long baseVisibleBytes(TableFile file) {
        cache.checkSeal(seal);
        return cache.baseVisibleBytes(file);
    }

    /** All staged pages by file (INDEX first) and page number. */
    public void forEach(Visitor visitor) throws IOException {
        cache.checkSeal(seal);
        cache.forEachStaged(
                (file, page, value) ->
                        visitor.page(
                                file,
                                page,
                                PageIndex.slot(value),
                                PageIndex.crc32c(value),
                                PageIndex.unverified(value)));
    }
}
