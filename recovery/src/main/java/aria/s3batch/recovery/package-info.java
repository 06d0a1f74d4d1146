@NullMarked
package aria.s3batch.recovery;

import org.jspecify.annotations.NullMarked;
