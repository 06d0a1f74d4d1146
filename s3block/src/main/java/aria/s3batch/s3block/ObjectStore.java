package aria.s3batch.s3block;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * The objects of one bucket: the seam between this project and S3. Everything above works on this
 * interface alone, so that a store in memory, one that fails on demand and a simulated one stand in for
 * the real thing. Safe for use by many threads.
 *
 * <p>Reads may be repeated by the store; writes never are. A write that ends in an exception may or may
 * not have happened, and may even happen later, unless the exception is one of the definite ones:
 *
 * <ul>
 *   <li>{@link StoreRefusedException}, {@link BucketMissingException}: nothing was changed, and asking
 *       again cannot help;
 *   <li>{@link StoreUnreachableException}, or any other {@link IOException}: unclear. {@link ConditionalWrite}
 *       settles it by reading back.
 * </ul>
 *
 * {@code toString()} names the bucket, for messages.
 *
 * <p>Conditions are always honoured. Where the endpoint ignores them, the store compares with a HEAD first
 * and then writes: that leaves a gap of one round trip, which {@link EndpointFacts} makes visible.
 */
public interface ObjectStore extends AutoCloseable {
    /** Longest object that is read or written: every object of a table is at most half of it. */
    int OBJECT_BYTES_MAX = 32 << 20;

    /**
     * The whole object, never a part of it: a body that ends early is an {@link IOException}.
     *
     * @return empty if there is no such object
     */
    Optional<StoredObject> get(String key) throws IOException;

    /**
     * What there is under a key, without its body. A missing bucket looks like a missing object here:
     * the answer to HEAD has no room for the difference.
     */
    Optional<ObjectVersion> head(String key) throws IOException;

    /**
     * Writes a whole object. When {@link PutAnswer.Stored} is returned, the object is durable.
     *
     * @param metadata user metadata: lower-case names, ASCII values; some endpoints drop it
     */
    PutAnswer put(String key, byte[] body, Condition condition, Map<String, String> metadata)
            throws IOException;

    /**
     * Removes an object, if it is there.
     *
     * @param condition {@link Condition.IfMatch} or {@link Condition.Always}
     */
    DeleteAnswer delete(String key, Condition condition) throws IOException;

    /**
     * Copies an object inside the bucket, if it is still what it was, over whatever lies there. To be repeated
     * after an exception: what it leaves is the copy, or what was there. One that lands late copies what is
     * there then, on endpoints that ignore conditions on a source: the ETag of the copy tells.
     *
     * @param etag of the object
     * @return {@link PutAnswer.Stored} with the ETag of the copy, or ConditionFailed: the object is another, or
     *     gone; the copy may be there all the same
     */
    default PutAnswer copy(String key, String etag, String copyKey) throws IOException {
        StoredObject found = get(key).orElse(null);
        return found == null || !found.version().etag().equals(etag)
                ? new PutAnswer.ConditionFailed()
                : put(copyKey, found.body(), Condition.always(), found.version().metadata());
    }

    /** Visits every object whose key starts with {@code prefix}, in no promised order. */
    void list(String prefix, Consumer<ListedObject> visitor) throws IOException;

    /**
     * The folders that start with a prefix, cut after the next slash: {@code db/} gives {@code db/t1/}, {@code
     * db/t2#P#p0/}; {@code db/t2#P#} only the latter. The cost grows with their number, not with that of
     * the objects in them.
     */
    List<String> folders(String prefix) throws IOException;

    @Override
    void close();
}
