@NullMarked
package aria.s3batch.daemon;

import org.jspecify.annotations.NullMarked;
