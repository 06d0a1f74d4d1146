/**
 * The real daemon, in a process of its own, killed where it hurts. {@link CrashScene} has what outlives
 * it: the object store, the table, the daemon's home.
 */
@NullMarked
package aria.s3batch.ops.process;

import org.jspecify.annotations.NullMarked;
