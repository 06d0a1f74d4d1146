package aria.s3batch.format;

import java.io.IOException;

/** An option file that MariaDB would refuse or pass over; the message names it and its line. Mend it. */
public final class OptionFileException extends IOException {
    private static final long serialVersionUID = 1L;

    OptionFileException(String message) {
        super(message);
    }
}
