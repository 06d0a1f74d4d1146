package aria.s3batch.daemon.api;

import java.util.List;

/** The answer of {@code GET /v1/undo}: oldest first. */
public record UndoSetDocument(List<UndoSet> sets) {
    /**
     * What a batch has left of before it.
     *
     * @param complete whether it is applied, and so can be undone if nothing has changed since
     * @param bytes in the bucket
     * @param expiresAt ISO 8601, UTC
     */
    public record UndoSet(
            String batch, boolean complete, long objects, long bytes, String expiresAt) {}
}
