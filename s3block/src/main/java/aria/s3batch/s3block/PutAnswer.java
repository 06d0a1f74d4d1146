package aria.s3batch.s3block;

/** What a store answers to a PUT. No answer is a {@link StoreUnreachableException}. */
public sealed interface PutAnswer {
    /** The object is durable and has this ETag, without quotes. */
    record Stored(String etag) implements PutAnswer {}

    /** The condition did not hold; this request wrote nothing. */
    record ConditionFailed() implements PutAnswer {}
}
