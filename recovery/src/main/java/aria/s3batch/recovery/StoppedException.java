package aria.s3batch.recovery;

import java.io.IOException;
import java.util.function.BooleanSupplier;

/** An apply was asked to stop, and has between two steps. */
final class StoppedException extends IOException {
    private static final long serialVersionUID = 1L;

    static void ifAsked(BooleanSupplier stop) throws StoppedException {
        if (stop.getAsBoolean()) {
            throw new StoppedException();
        }
    }
}
