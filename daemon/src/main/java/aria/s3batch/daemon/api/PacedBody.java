package aria.s3batch.daemon.api;

import org.eclipse.jetty.util.NanoTime;
import org.jspecify.annotations.Nullable;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * A body whose client may take {@value #SECONDS} s over it, and one more for each MiB: it has memory, and a place
 * among the requests, for which others wait. One that sends nothing at all ends with the connection's idle timeout.
 */
final class PacedBody extends FilterInputStream {
    private static final int SECONDS = 10;

    private final long began = NanoTime.now();
    private long bytes;

    PacedBody(InputStream in) {
        super(in);
    }

    /** In which so many bytes have to be sent, or taken. */
    static long nanosFor(long bytes) {
        return TimeUnit.SECONDS.toNanos(SECONDS) + TimeUnit.SECONDS.toNanos(1) * (bytes >> 20);
    }

    /**
     * @throws IllegalArgumentException the client is too slow
     */
    @Override
    public int read(byte[] into, int offset, int length) throws IOException {
        if (NanoTime.since(began) > nanosFor(bytes)) {
            throw tooSlow(null);
        }
        try {
            int read = super.read(into, offset, length);
            bytes += Math.max(0, read);
            return read;
        } catch (IOException e) {
            if (e.getCause() instanceof TimeoutException idle) {
                throw tooSlow(idle);
            }
            throw e;
        }
    }

    private IllegalArgumentException tooSlow(@Nullable Exception cause) {
        return new IllegalArgumentException(
                "only %d bytes of the body came in %d s: nothing was changed"
                        .formatted(bytes, TimeUnit.NANOSECONDS.toSeconds(NanoTime.since(began))),
                cause);
    }
}
