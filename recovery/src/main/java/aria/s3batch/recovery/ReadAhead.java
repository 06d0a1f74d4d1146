package aria.s3batch.recovery;

import aria.s3batch.format.BlockName;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableGeometry;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * Tells from what was read of a table which blocks will be read next. A scan is known by pages that were
 * read in their order, half a block of them at least; then the blocks after it are worth fetching. A
 * look-up by key, which reads a page here and there, never gets so far, and fetches only what it needs.
 *
 * <p>Any thread. What is told is told once.
 */
final class ReadAhead {
    /** Fewer pages than this are no scan, however small the blocks. */
    private static final int PAGES_MIN = 32;

    /** The kernel reads ahead with several threads: their requests overtake one another by so much. */
    private static final int OVERTAKEN_PAGES = 64;

    /** How far ahead: one block, or as many small ones. */
    private static final int AHEAD_BYTES = 1 << 20;

    private final TableGeometry geometry;
    private final Map<TableFile, Scan> scans = new EnumMap<>(TableFile.class);

    private static final class Scan {
        long nextPage;
        long pages;
        long lastBlockTold;
    }

    ReadAhead(TableGeometry geometry) {
        this.geometry = geometry;
        for (TableFile file : TableFile.values()) {
            scans.put(file, new Scan());
        }
    }

    /**
     * Notes a read.
     *
     * @param fileBytes length of the base file
     * @return the blocks to fetch now, none in most cases
     */
    synchronized List<BlockName> read(TableFile file, long page, int pages, long fileBytes) {
        Scan scan = scans.get(file);
        assert scan != null : file;
        if (Math.abs(page - scan.nextPage) > OVERTAKEN_PAGES) {
            scan.pages = 0;
            scan.lastBlockTold = 0;
            scan.nextPage = 0;
        }
        scan.nextPage = Math.max(scan.nextPage, page + pages);
        scan.pages += pages;
        int pagesABlock = geometry.blockBytes() / geometry.pageBytes();
        if (scan.pages < Math.max(PAGES_MIN, pagesABlock / 2)) {
            return List.of();
        }
        long here = geometry.blockOf(file, scan.nextPage - 1).number();
        long last =
                Math.min(
                        here + Math.max(1, AHEAD_BYTES / geometry.blockBytes()),
                        geometry.blockCount(file, fileBytes));
        List<BlockName> next = new ArrayList<>();
        for (long n = Math.max(here, scan.lastBlockTold) + 1; n <= last; n++) {
            next.add(new BlockName(file, n));
        }
        scan.lastBlockTold = Math.max(scan.lastBlockTold, last);
        return next;
    }
}
