package aria.s3batch.ops;

import java.io.IOException;
import java.nio.file.Path;

/** A file in the place of a receipt that is none. The batch that it told of is not touched by that. */
final class DamagedReceiptException extends IOException {
    private static final long serialVersionUID = 1L;

    DamagedReceiptException(Path file, String found) {
        super("%s is damaged: %s. The batch itself is not touched by that".formatted(file, found));
    }
}
