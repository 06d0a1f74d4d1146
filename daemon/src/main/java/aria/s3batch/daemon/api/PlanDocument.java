package aria.s3batch.daemon.api;

import org.jspecify.annotations.Nullable;

import java.util.List;

/**
 * What commit would do now: the answer of {@code GET /v1/batches/{batch}/plan}.
 *
 * @param heads conditions checked at commit, and once more before the first write
 * @param gets upper bound: blocks that are partly staged; those in the local block cache are not fetched
 * @param bytesUp upper bound: compressed tables send less
 * @param seconds at the rate that this daemon measured in earlier applies; null before the first
 * @param undo what keep-undo costs beside that
 * @param copy what durability=bucket costs beside that
 */
public record PlanDocument(
        String batch,
        List<TablePlan> tables,
        long pages,
        long heads,
        long gets,
        long puts,
        long deletes,
        long bytesDown,
        long bytesUp,
        @Nullable Double seconds,
        CopyPlan copy,
        UndoPlan undo) {

    /**
     * A copy of the batch in the bucket: written before commit answers, deleted when the batch is applied.
     *
     * @param bytesUp before the answer; the record beside it is small
     */
    public record CopyPlan(long puts, long lists, long deletes, long bytesUp) {}

    /**
     * What is kept of before the batch, copied inside the bucket.
     *
     * @param copies blocks, each a request; where the endpoint cannot copy by itself, a GET and a PUT
     * @param puts notes of what is kept
     * @param bytesKept upper bound, until it expires: compressed tables keep less
     */
    public record UndoPlan(long copies, long puts, long heads, long bytesKept) {}

    /**
     * @param blocks objects rewritten or new, the header not counted
     */
    public record TablePlan(
            String table, long pages, long blocks, long blocksNew, long blocksDeleted) {}
}
