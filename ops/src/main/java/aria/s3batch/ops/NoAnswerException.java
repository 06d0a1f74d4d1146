package aria.s3batch.ops;

import aria.s3batch.daemon.api.Problem;

/** The daemon gave no answer: it is not running, it went away, or it was too slow. */
final class NoAnswerException extends ProblemException {
    private static final long serialVersionUID = 1L;

    private final boolean sent;

    /**
     * @param sent whether the request may have reached the daemon, so that it may have been carried out
     */
    NoAnswerException(String detail, boolean sent, Throwable cause) {
        super(Problem.of(Problem.Kind.UNREACHABLE, detail), cause);
        this.sent = sent;
    }

    boolean sent() {
        return sent;
    }
}
