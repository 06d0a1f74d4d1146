package aria.s3batch.diskcache;

import java.io.IOException;
import java.nio.file.Path;

/** A page file that does not hold what was written to it. Nothing was changed. */
public class DamagedPageFileException extends IOException {
    private static final long serialVersionUID = 1L;

    /**
     * @param offset where in the file, in bytes
     * @param field what should be there
     */
    public DamagedPageFileException(
            Path file, long offset, String field, String expected, String found) {
        super(
                "page file %s is damaged at offset %d: %s should be %s, found %s"
                        .formatted(file, offset, field, expected, found));
    }
}
