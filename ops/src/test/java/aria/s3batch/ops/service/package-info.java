/**
 * The daemon as a service: its options tried and reloaded, what systemd and Prometheus are told, what it
 * logs. {@link Service} is a real one in a process of its own, as systemd would start it.
 */
@NullMarked
package aria.s3batch.ops.service;

import org.jspecify.annotations.NullMarked;
