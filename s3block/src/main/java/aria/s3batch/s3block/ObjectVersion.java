package aria.s3batch.s3block;

import java.time.Instant;
import java.util.Map;

/**
 * What a store says of an object.
 *
 * @param etag changes with the content; opaque, without the quotes that HTTP puts around it
 * @param lengthBytes of the stored body, so after compression
 * @param lastModified by the store's clock, in whole seconds
 * @param metadata user metadata, names in lower case; empty where the endpoint keeps none
 */
public record ObjectVersion(
        String etag, long lengthBytes, Instant lastModified, Map<String, String> metadata) {
    public ObjectVersion {
        if (etag.startsWith("\"")) {
            throw new IllegalArgumentException("ETag with quotes: " + etag);
        }
        metadata = Map.copyOf(metadata);
    }
}
