package aria.s3batch.ops.process;

import aria.s3batch.ops.demo.EmbeddedS3Process;

import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;

/**
 * What a request to the object store asks for.
 *
 * @param verb {@code GET}, {@code HEAD}, {@code PUT} or {@code DELETE}
 * @param key of the object; of a listing, the query
 */
public record StoreRequest(String verb, String key) {
    private static final String BUCKET = "/" + EmbeddedS3Process.BUCKET;

    /** Of the first line of a request. */
    static StoreRequest of(WireMessage request) {
        String[] line = request.firstLine().split(" ", -1);
        String path = line[1].replaceFirst("\\?.*", "");
        String key =
                path.startsWith(BUCKET + "/")
                        ? URLDecoder.decode(
                                path.substring(BUCKET.length() + 1).replace("+", "%2B"),
                                StandardCharsets.UTF_8)
                        : "";
        return new StoreRequest(line[0], key.isEmpty() ? line[1] : key);
    }

    @Override
    public String toString() {
        return verb + " " + key;
    }
}
