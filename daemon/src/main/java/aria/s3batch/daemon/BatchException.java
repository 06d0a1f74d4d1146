package aria.s3batch.daemon;

import aria.s3batch.daemon.api.Problem;

import java.io.IOException;

/** A request that cannot be carried out, with what the user can do next. Nothing was changed. */
public final class BatchException extends IOException {
    private static final long serialVersionUID = 1L;

    private final Problem.Kind kind;

    public BatchException(Problem.Kind kind, String message) {
        super(message);
        this.kind = kind;
    }

    public Problem.Kind kind() {
        return kind;
    }
}
