/**
 * Several real daemons on one bucket, which know of each other by the locks in it alone. {@link
 * aria.s3batch.ops.daemons.DaemonsOfOneBucket} has the tests, for any object store; {@link
 * aria.s3batch.ops.daemons.Fleet} is the long one.
 */
@NullMarked
package aria.s3batch.ops.daemons;

import org.jspecify.annotations.NullMarked;
