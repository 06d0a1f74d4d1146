package aria.s3batch.recovery;

import org.jspecify.annotations.Nullable;

import java.io.IOException;

/**
 * The journal holds bytes that were not written so. Batches may be missing from what it says, so the
 * daemon must not start: nothing was changed, page files and journal are left as they are.
 */
public final class CorruptJournalException extends IOException {
    private static final long serialVersionUID = 1L;

    private final String found;

    CorruptJournalException(String place, String found, @Nullable Throwable cause) {
        super(
                ("the journal is damaged at %s: %s. Nothing was changed. Copy the cache directory;"
                     + " then put a copy of the journal folder back that was made after the last"
                     + " commit, or move it aside: docs/recovery.md says what becomes of committed"
                     + " batches")
                        .formatted(place, found),
                cause);
        this.found = found;
    }

    /** What is wrong with what was read, without where. */
    String found() {
        return found;
    }
}
