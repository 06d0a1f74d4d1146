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
                ("the journal is damaged at %s: %s. Nothing was changed. Keep a copy of the cache"
                     + " directory; restore the journal folder from a backup, or move the cache"
                     + " directory aside (its committed batches are then lost) and check their"
                     + " tables")
                        .formatted(place, found),
                cause);
        this.found = found;
    }

    /** What is wrong with what was read, without where. */
    String found() {
        return found;
    }
}
