/** Statements, results and settings of {@code sql}, without a server. */
@NullMarked
package aria.s3batch.ops.sql;

import org.jspecify.annotations.NullMarked;
