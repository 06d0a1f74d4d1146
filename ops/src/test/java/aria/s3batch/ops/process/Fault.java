package aria.s3batch.ops.process;

/** What can become of a request to an object store on a wire that loses things but alters none. */
enum Fault {
    /** Nothing. */
    NONE,
    /** The request is forwarded after a while. */
    DELAY,
    /** The connection is reset; the request never arrives. */
    RESET_BEFORE,
    /** The connection is reset; a part of the request arrives. */
    CUT_REQUEST,
    /** 503 SlowDown, nothing done. */
    SLOW_DOWN,
    /** 500 InternalError, nothing done. */
    INTERNAL_ERROR,
    /** A write: 409 ConditionalRequestConflict, nothing done, as Amazon answers to writes that meet. */
    CONFLICT,
    /** It takes effect, and the connection is reset. */
    RESET_AFTER,
    /** It takes effect, and 500 InternalError is answered. */
    ERROR_AFTER,
    /** It takes effect, and the connection ends in mid-answer. */
    CUT_ANSWER,
    /** A write: the connection is reset, or 500 answered; it takes effect up to a second later. */
    LATE,
    /** A PUT: as LATE, but it takes effect when the test says so. */
    STRANDED;

    boolean isOfWrites() {
        return this == CONFLICT || this == LATE || this == STRANDED;
    }

    boolean fits(StoreRequest request) {
        return !isOfWrites()
                || request.verb().equals("PUT")
                || request.verb().equals("DELETE") && this != STRANDED;
    }
}
