package aria.s3batch.diskcache;

import aria.s3batch.format.TableFile;

import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * The table as it was when the batch began: what {@link TableCache} shows where nothing is staged. The
 * module above implements it over S3. Called by many threads at once, and never for a page that starts
 * at or beyond the base length of its file.
 */
public interface PageSource {
    /**
     * Fills {@code dst}, which has room for one page or several, with the base images of pages that follow
     * one another; past the end of the file with anything, it is not looked at.
     *
     * @param page the first, counted from the start of the file, header pages included; all of them start
     *     before the base length
     * @throws IOException a page cannot be had; the caller's operation fails and changes nothing
     */
    void read(TableFile file, long page, ByteBuffer dst) throws IOException;
}
