/** A real MariaDB with its S3 engine reads what this project publishes: the last word on correctness. */
@NullMarked
package aria.s3batch.ops.server;

import org.jspecify.annotations.NullMarked;
