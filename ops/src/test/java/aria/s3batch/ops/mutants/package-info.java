/**
 * The tests of the tests: the product is broken on purpose, in ways that matter, and each time some test
 * must fail. {@code src/test/mutants} says how it is broken; {@link MutantsTest} is the door.
 */
@NullMarked
package aria.s3batch.ops.mutants;

import org.jspecify.annotations.NullMarked;
