package aria.s3batch.recovery;

import java.io.IOException;

/**
 * The copy of a committed batch in the bucket is not what was written there. Nothing of it was applied; its
 * tables stay locked.
 */
public final class DamagedCopyException extends IOException {
    private static final long serialVersionUID = 1L;

    DamagedCopyException(String key, String expected, String found) {
        super(
                ("the copy of a committed batch is damaged at %s: expected %s, found %s. Nothing"
                     + " was applied from it. Start the daemon on the host that committed the"
                     + " batch: its cache directory has the pages, too. If that is lost, restore"
                     + " the object, or see `aria_s3_batch lock break --help`")
                        .formatted(key, expected, found));
    }
}
