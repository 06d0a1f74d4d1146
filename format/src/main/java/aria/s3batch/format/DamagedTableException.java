package aria.s3batch.format;

import java.io.IOException;

/**
 * Bytes that are not what Aria or the S3 engine writes. The message names the place, what was expected
 * there and what was found; nothing was changed.
 */
public final class DamagedTableException extends IOException {
    private static final long serialVersionUID = 1L;

    /**
     * @param place the object, file or page, as a user would name it
     */
    public DamagedTableException(String place, String expected, String found) {
        super("%s is damaged: expected %s, found %s".formatted(place, expected, found));
    }
}
