package aria.s3batch.daemon.api;

import org.jspecify.annotations.Nullable;

import java.util.List;

/**
 * A batch as {@code status} shows it.
 *
 * @param state OPEN, COMMITTED, APPLYING, QUARANTINED; DISCARDING while the fence of one that was given up
 *     is lowered; APPLIED and ABORTED only in the answer about one batch that has ended, never in a list
 * @param tables {@code db.table} each, partitions one by one
 * @param pages staged pages
 * @param blocksDone objects of the batch that are in S3 as it wants them, headers and deletions included
 * @param blocksTotal objects that the batch writes or deletes; 0 until it is committed
 * @param reason why it is quarantined or waits, with what to do; null otherwise
 * @param readers what they see of it: fence, refresh or none; null before it is committed
 * @param durability what it survives: local, or bucket, also the loss of its host; null before it is
 *     committed
 * @param mount the directory where its tables are mounted; null if they are not
 */
public record BatchDocument(
        String batch,
        String state,
        List<String> tables,
        long pages,
        long blocksDone,
        long blocksTotal,
        @Nullable String reason,
        @Nullable String readers,
        @Nullable String durability,
        @Nullable String mount) {}
