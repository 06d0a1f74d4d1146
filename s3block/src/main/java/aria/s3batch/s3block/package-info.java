/**
 * The objects of S3 tables: reading them, and replacing them so that nothing is lost.
 *
 * <p>Start with {@link aria.s3batch.s3block.ObjectStore}, the seam to S3; {@link
 * aria.s3batch.s3block.AwsObjectStore} is the real one.
 */
@NullMarked
package aria.s3batch.s3block;

import org.jspecify.annotations.NullMarked;
