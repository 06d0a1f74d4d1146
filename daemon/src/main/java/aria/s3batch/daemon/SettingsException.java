package aria.s3batch.daemon;

/**
 * An option that is unknown, missing or has a bad value. The message names its place, what was found
 * (never a secret) and what is allowed.
 */
public final class SettingsException extends Exception {
    private static final long serialVersionUID = 1L;

    private final String message;

    public SettingsException(String message) {
        super(message);
        this.message = message;
    }

    @Override
    public String getMessage() {
        return message;
    }
}
