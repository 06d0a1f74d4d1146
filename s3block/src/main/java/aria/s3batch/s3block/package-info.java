/**
 * The objects of S3 tables: reading them, and replacing them so that nothing is lost.
 *
 * <p>Start with {@link aria.s3batch.s3block.ObjectStore}, the seam to S3: {@link
 * aria.s3batch.s3block.AwsObjectStore} is the real one, set up from {@link
 * aria.s3batch.s3block.StoreSettings} and tuned to its endpoint by {@link
 * aria.s3batch.s3block.EndpointFacts}. {@link aria.s3batch.s3block.ConditionalWrite} turns its unclear
 * answers into one of three outcomes. {@link aria.s3batch.s3block.Partitions}, {@link
 * aria.s3batch.s3block.BaseTable} and {@link aria.s3batch.s3block.BaseBlock} read a table, {@link
 * aria.s3batch.s3block.BlockRewrite} makes the new bytes of a block, {@link
 * aria.s3batch.s3block.TableCheck} reads everything and judges it, {@link
 * aria.s3batch.s3block.TableSnapshot} hands out everything as it was at one moment.
 *
 * <p>Called by recovery (commit, apply, replay) from several threads, by the daemon at begin, by the
 * command line for {@code check} and {@code pull}. Nothing here knows where staged pages come from. Only these
 * two cost more because a table is larger.
 */
@NullMarked
package aria.s3batch.s3block;

import org.jspecify.annotations.NullMarked;
