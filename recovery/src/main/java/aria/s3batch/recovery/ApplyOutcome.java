package aria.s3batch.recovery;

/** How an apply ended. Whatever it says is durable already. */
public sealed interface ApplyOutcome {
    /** The batch is wholly in S3, and nothing of it is left on local disk. */
    record Applied() implements ApplyOutcome {}

    /** It was given up: its fence is down again, and nothing of it is left on local disk. */
    record Discarded() implements ApplyOutcome {}

    /**
     * Kept for an operator.
     *
     * @param reason names the object and says what is safe
     * @param batch as the journal has it now
     */
    record Quarantined(String reason, BatchRecord batch) implements ApplyOutcome {}

    /**
     * The object store cannot be reached or refuses us. Nothing is lost: apply again later.
     *
     * @param batch as the journal has it now: what is to be applied then
     */
    record Waiting(String reason, BatchRecord batch) implements ApplyOutcome {}

    /** Stopped on request between two objects. Apply again later, or after the next start. */
    record Stopped() implements ApplyOutcome {}
}
