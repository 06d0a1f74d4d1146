package aria.s3batch.s3block;

import java.io.IOException;

/**
 * No usable answer from the object store: it is down, too slow, overloaded, or the connection broke. A
 * read may be repeated later; of a write it is unknown whether it happened.
 */
public sealed class StoreUnreachableException extends IOException permits StoreBusyException {
    private static final long serialVersionUID = 1L;

    public StoreUnreachableException(String message, Throwable cause) {
        super(message, cause);
    }

    public StoreUnreachableException(String message) {
        super(message);
    }
}
