/** The HTTP interface over the Unix socket: routes, and the documents that both sides share. The contract is openapi.yaml beside this package. */
@NullMarked
package aria.s3batch.daemon.api;

import org.jspecify.annotations.NullMarked;
