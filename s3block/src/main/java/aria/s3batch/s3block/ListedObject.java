package aria.s3batch.s3block;

/** One line of a listing; {@code etag} without quotes. */
public record ListedObject(String key, long lengthBytes, String etag) {}
