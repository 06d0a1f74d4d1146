package aria.s3batch.s3block;

/** What a store answers to a DELETE. No answer is a {@link StoreUnreachableException}. */
public sealed interface DeleteAnswer {
    /** Nothing is there any more. S3 gives the same answer when nothing was there before. */
    record Gone() implements DeleteAnswer {}

    /** The condition did not hold; this request removed nothing. */
    record ConditionFailed() implements DeleteAnswer {}
}
