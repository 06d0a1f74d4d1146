@NullMarked
package aria.s3batch.ops;

import org.jspecify.annotations.NullMarked;
