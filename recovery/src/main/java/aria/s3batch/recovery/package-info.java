/**
 * From staged pages to objects in S3, over any crash. Start with {@link Committer}: it checks a batch
 * against its base, syncs its page files and writes it to the {@link CommitJournal} in one durable step.
 * {@link ApplyPlan} says which objects a batch writes and deletes, {@link Applier} does it, header last,
 * and {@link Recovery} finds at start what a crash left and says what to apply, keep and delete. {@link
 * BaseReader} reads a table as it was when the batch began.
 *
 * <p>{@link WholeTable} stands beside that: a table put into the bucket, or taken away, as a whole, without
 * journal, under the same lock and in the same order.
 *
 * <p>Nothing here owns a thread: callers bring executor, clock, disk, journal and object store, so that
 * the daemon, {@code aria_s3_batch recover} and a simulator run the same code.
 */
@NullMarked
package aria.s3batch.recovery;

import org.jspecify.annotations.NullMarked;
