package aria.s3batch.recovery;

import java.io.IOException;

/** Says that the pages of a committed batch cannot be found. */
final class MissingPagesException extends IOException {
    private static final long serialVersionUID = 1L;

    MissingPagesException(String message) {
        super(message);
    }
}
