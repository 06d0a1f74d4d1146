/**
 * What users, networks, disks and other programs do wrong, done to the real daemon through the real
 * client: each gets a message that says what happened and an exit code that says what to do next, and
 * changes nothing. {@link aria.s3batch.ops.badinput.Site} is a daemon with a client; all sites share one
 * object store, {@link aria.s3batch.ops.badinput.SharedStore}, and load a table of their own for each test.
 */
@NullMarked
package aria.s3batch.ops.badinput;

import org.jspecify.annotations.NullMarked;
