package aria.s3batch.s3block;

/**
 * The object store answers, and says that it is asked too often: 503 or 429. Ask again later, and fewer things at
 * a time. Whether a write happened is as unknown as with any {@link StoreUnreachableException}.
 */
public final class StoreBusyException extends StoreUnreachableException {
    private static final long serialVersionUID = 1L;

    public StoreBusyException(String message, Throwable cause) {
        super(message, cause);
    }

    public StoreBusyException(String message) {
        super(message);
    }
}
