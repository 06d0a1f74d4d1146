/**
 * What the daemon shows to Prometheus. {@link aria.s3batch.daemon.metrics.Metrics} is all of it: read when
 * somebody asks, from what is there anyway. docs/metrics.md says what each means.
 */
@NullMarked
package aria.s3batch.daemon.metrics;

import org.jspecify.annotations.NullMarked;
