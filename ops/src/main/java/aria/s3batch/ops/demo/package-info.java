/**
 * The demo, and the throw-away servers that it shares with the tests. {@link EmbeddedS3Process} is an S3
 * server in a child process that can hold a write, so that the daemon can be killed between any two;
 * {@link MariaDbServer} is a real MariaDB on its bucket; {@link ChildJava} runs the project's own
 * programs. {@link Demo} tells the story. Nothing here is used by the daemon or by another command.
 */
@NullMarked
package aria.s3batch.ops.demo;

import org.jspecify.annotations.NullMarked;
