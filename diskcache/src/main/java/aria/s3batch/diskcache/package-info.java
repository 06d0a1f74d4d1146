@NullMarked
package aria.s3batch.diskcache;

import org.jspecify.annotations.NullMarked;
