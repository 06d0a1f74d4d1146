package aria.s3batch.recovery;

import java.io.IOException;

/** Somebody has deleted what a batch had laid aside, and it has overwritten blocks by now: it cannot be undone. */
final class UndoLostException extends IOException {
    private static final long serialVersionUID = 1L;
}
