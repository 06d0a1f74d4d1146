@NullMarked
package aria.s3batch.format;

import org.jspecify.annotations.NullMarked;
