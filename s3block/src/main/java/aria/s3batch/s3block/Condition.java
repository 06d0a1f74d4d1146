package aria.s3batch.s3block;

/** What must be true of an object for a write to happen. */
public sealed interface Condition {
    /** There is no object under the key. */
    record IfAbsent() implements Condition {}

    /** The object is there and still has this ETag, without quotes. */
    record IfMatch(String etag) implements Condition {}

    /** Nothing: the last writer wins. */
    record Always() implements Condition {}

    static Condition ifAbsent() {
        return new IfAbsent();
    }

    static Condition ifMatch(String etag) {
        return new IfMatch(etag);
    }

    static Condition always() {
        return new Always();
    }
}
