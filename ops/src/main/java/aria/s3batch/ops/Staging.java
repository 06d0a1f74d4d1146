package aria.s3batch.ops;

import aria.s3batch.daemon.api.TableDocument;
import aria.s3batch.format.AriaHeader;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * Makes a batch's view of one table equal to a local copy: reads both, page for page, and stages what
 * differs. The order leaves a batch that cannot be committed, rather than a mixture that can, when it
 * breaks off: pages of the data file, pages of the index file, shorter ends, and the header last, after
 * the local files were found unchanged.
 *
 * <p>Memory: a range of whole blocks of both sides, at most {@link DaemonClient#BODY_BYTES_MAX} each.
 */
final class Staging {
    /** A range is this long, or one block where blocks are longer. */
    private static final int RANGE_BYTES = 4 << 20;

    private static final int PUT_BYTES_MAX = 4 << 20;

    /**
     * What was done, and the result of {@code stage --json}.
     *
     * @param pages pages compared
     */
    record Staged(
            String batch,
            String table,
            long pages,
            long indexPagesStaged,
            long dataPagesStaged,
            boolean truncated) {
        long pagesStaged() {
            return indexPagesStaged + dataPagesStaged;
        }
    }

    private final DaemonClient daemon;
    private final String batch;
    private final TableName table;
    private final LocalCopy local;
    private final Progress progress;
    private final TableDocument seen;
    private final int pageBytes;
    private final int rangeBytes;
    private long compared;

    /**
     * @param seen the table as the batch sees it
     */
    Staging(
            DaemonClient daemon,
            String batch,
            TableName table,
            TableDocument seen,
            LocalCopy local,
            Progress progress) {
        this.daemon = daemon;
        this.batch = batch;
        this.table = table;
        this.seen = seen;
        this.local = local;
        this.progress = progress;
        this.pageBytes = seen.pageBytes();
        this.rangeBytes = Math.max(1, RANGE_BYTES / seen.blockBytes()) * seen.blockBytes();
    }

    /**
     * @throws ProblemException REFUSED: the header cannot be committed, nothing was staged; or what the
     *     daemon says about a page, those before it are staged then
     */
    Staged run() throws ProblemException, IOException {
        StageRules.check(local, seen, batchHeader());
        int keystart = seen.keystart();
        long dataPages = stage(TableFile.DATA, 0, local.length(TableFile.DATA));
        long indexPages = stage(TableFile.INDEX, keystart, local.length(TableFile.INDEX));
        boolean dataTruncated = truncate(TableFile.DATA);
        boolean indexTruncated = truncate(TableFile.INDEX);
        local.checkUnchanged();
        indexPages += stage(TableFile.INDEX, 0, keystart);
        local.checkUnchanged();
        return new Staged(
                batch,
                table.display(),
                compared,
                indexPages,
                dataPages,
                dataTruncated || indexTruncated);
    }

    private AriaHeader batchHeader() throws ProblemException, IOException {
        byte[] header = daemon.read(batch, table, TableFile.INDEX, 0, seen.keystart());
        return AriaHeader.parse(header, "header of " + table.display() + " in the batch");
    }

    /** Answers how many pages were staged. */
    private long stage(TableFile file, long from, long to) throws ProblemException, IOException {
        long batchEnd = file == TableFile.INDEX ? seen.index().bytes() : seen.data().bytes();
        long staged = 0;
        for (long offset = from; offset < to; offset += rangeBytes) {
            int length = (int) Math.min(rangeBytes, to - offset);
            byte[] wanted = local.read(file, offset, length);
            int known = Math.clamp(batchEnd - offset, 0, length);
            byte[] found =
                    known == 0 ? new byte[0] : daemon.read(batch, table, file, offset, known);
            staged += stageDifferences(file, offset, wanted, found);
            compared += length / pageBytes;
            progress.at(compared);
        }
        return staged;
    }

    /** Stages runs of pages that differ; pages that the batch does not have differ. */
    private long stageDifferences(TableFile file, long offset, byte[] wanted, byte[] found)
            throws ProblemException {
        long staged = 0;
        int page = 0;
        while (page < wanted.length) {
            if (equalPage(wanted, found, page)) {
                page += pageBytes;
                continue;
            }
            int end = page;
            while (end < wanted.length
                    && end - page < PUT_BYTES_MAX
                    && !equalPage(wanted, found, end)) {
                end += pageBytes;
            }
            daemon.put(
                    batch,
                    table,
                    file,
                    (offset + page) / pageBytes,
                    ByteBuffer.wrap(wanted, page, end - page));
            staged += (end - page) / pageBytes;
            page = end;
        }
        return staged;
    }

    private boolean equalPage(byte[] wanted, byte[] found, int from) {
        int to = from + pageBytes;
        return to <= found.length && Arrays.equals(wanted, from, to, found, from, to);
    }

    private boolean truncate(TableFile file) throws ProblemException {
        long batchEnd = file == TableFile.INDEX ? seen.index().bytes() : seen.data().bytes();
        if (local.length(file) >= batchEnd) {
            return false;
        }
        daemon.truncate(batch, table, file, local.length(file));
        return true;
    }
}
