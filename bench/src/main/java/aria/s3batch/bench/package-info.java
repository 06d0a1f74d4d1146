/**
 * Measurements against what a DBA would use instead. Start with {@link aria.s3batch.bench.Bench}: it runs each
 * {@link aria.s3batch.bench.Row} in a {@link aria.s3batch.bench.Scene}, which owns servers and files; a row lets
 * ours and its peer measure by turns ({@link aria.s3batch.bench.Rounds}) and gives {@link
 * aria.s3batch.bench.Finding}s, of which {@link aria.s3batch.bench.Report} makes table and plot. Package micro is
 * what is small, with JMH. One thread; what rows start is ended with their part of the scene.
 */
@NullMarked
package aria.s3batch.bench;

import org.jspecify.annotations.NullMarked;
