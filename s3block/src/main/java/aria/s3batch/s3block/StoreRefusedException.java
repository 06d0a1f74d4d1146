package aria.s3batch.s3block;

import java.io.IOException;

/**
 * The object store understood the request and said no: wrong keys, no permission, wrong region, clock
 * off. Nothing was changed; the same request will be refused again until someone changes something.
 */
public final class StoreRefusedException extends IOException {
    private static final long serialVersionUID = 1L;

    /**
     * @param message names endpoint, bucket and what to check; no secrets
     */
    public StoreRefusedException(String message, Throwable cause) {
        super(message, cause);
    }
}
