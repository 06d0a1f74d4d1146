@NullMarked
package aria.s3batch.s3block;

import org.jspecify.annotations.NullMarked;
