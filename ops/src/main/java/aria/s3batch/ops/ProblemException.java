package aria.s3batch.ops;

import aria.s3batch.daemon.api.Problem;

import org.jspecify.annotations.Nullable;

/** A verb did not do its work: the daemon's answer, or what this side found out in the same form. */
class ProblemException extends Exception {
    private static final long serialVersionUID = 1L;

    private final transient Problem problem;

    ProblemException(Problem problem, @Nullable Throwable cause) {
        super(problem.detail(), cause);
        this.problem = problem;
    }

    static ProblemException of(Problem.Kind kind, String detail) {
        return new ProblemException(Problem.of(kind, detail), null);
    }

    static ProblemException of(Problem.Kind kind, String detail, String batch) {
        return new ProblemException(Problem.of(kind, detail, batch, null), null);
    }

    static ProblemException usage(String detail) {
        return of(Problem.Kind.USAGE, detail);
    }

    static ProblemException refused(String detail) {
        return of(Problem.Kind.REFUSED, detail);
    }

    @Override
    public String getMessage() {
        return problem.detail();
    }

    Problem problem() {
        return problem;
    }

    Problem.Kind kind() {
        return Problem.Kind.ofKey(problem.kind());
    }
}
