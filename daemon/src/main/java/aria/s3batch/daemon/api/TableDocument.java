package aria.s3batch.daemon.api;

/**
 * A table as a batch sees it.
 *
 * @param keystart bytes of the header at the start of the index file
 * @param pages staged pages of this table
 * @param blocksFetched how often the batch fetched a block of this table from S3
 */
public record TableDocument(
        String table,
        int pageBytes,
        int blockBytes,
        int keystart,
        boolean compressed,
        long pages,
        long blocksFetched,
        FileDocument index,
        FileDocument data) {

    /**
     * @param bytes length as the batch sees it: staged growth and truncation included
     * @param baseBytes length in S3 when the batch began
     */
    public record FileDocument(long bytes, long baseBytes) {}
}
