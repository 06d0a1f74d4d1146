/** Batches far larger than the heaps of the programs that carry them, which are those of the launchers. */
@NullMarked
package aria.s3batch.ops.memory;

import org.jspecify.annotations.NullMarked;
