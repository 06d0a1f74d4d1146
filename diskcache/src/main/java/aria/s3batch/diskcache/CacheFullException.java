package aria.s3batch.diskcache;

import java.io.IOException;

/**
 * No room to stage: {@code cache-size} is used up, or the disk is full. The page that was to be staged
 * is not; everything staged before is as it was, and the batch can be committed or aborted.
 */
public final class CacheFullException extends IOException {
    private static final long serialVersionUID = 1L;

    public CacheFullException(String message) {
        super(message);
    }

    CacheFullException(String message, Throwable cause) {
        super(message, cause);
    }
}
