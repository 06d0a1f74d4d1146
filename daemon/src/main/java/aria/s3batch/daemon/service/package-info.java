/**
 * What systemd is told of the daemon. {@link aria.s3batch.daemon.service.ServiceReport} decides what to say
 * and when, {@link aria.s3batch.daemon.service.NotifySocket} says it. Without systemd nothing is said, and
 * nothing of this costs anything.
 */
@NullMarked
package aria.s3batch.daemon.service;

import org.jspecify.annotations.NullMarked;
