/**
 * The command line. {@link AriaS3Batch} is its main class; one class a verb, each thin over {@link
 * DaemonClient} (the daemon's socket), {@link Staging} (a changed local copy against the batch's view), or
 * the modules below ({@code check}, {@code inspect}, {@code pull}, {@code push} and {@code drop} need no daemon).
 *
 * <p>{@link Verb} is what verbs have in common: results on stdout, all else on stderr, {@code --json},
 * exit codes. A failure is a {@link ProblemException}, whose {@link aria.s3batch.daemon.api.Problem.Kind}
 * decides the exit code on both sides of the socket. One thread runs a verb from start to end; what is
 * not needed for it (AWS SDK, Jetty, Jackson) is not loaded.
 */
@NullMarked
package aria.s3batch.ops;

import org.jspecify.annotations.NullMarked;
