package aria.s3batch.recovery;

import aria.s3batch.format.BatchId;

import java.io.IOException;

/** A batch cannot be undone as things are. Nothing was changed. */
public final class UndoRefusedException extends IOException {
    private static final long serialVersionUID = 1L;

    UndoRefusedException(BatchId batch, String why) {
        super("batch %s cannot be undone: %s. Nothing was changed".formatted(batch, why));
    }
}
