package aria.s3batch.recovery;

import aria.s3batch.s3block.Condition;
import aria.s3batch.s3block.DeleteAnswer;
import aria.s3batch.s3block.ForwardingObjectStore;
import aria.s3batch.s3block.MemoryObjectStore;
import aria.s3batch.s3block.ObjectStore;
import aria.s3batch.s3block.ObjectVersion;
import aria.s3batch.s3block.PutAnswer;
import aria.s3batch.s3block.StoredObject;

import java.io.IOException;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.UnaryOperator;

/**
 * A store whose ETags follow from the content, as those of S3 do: who puts an object back as it was gives
 * it its old ETag. It may also drop metadata, as some endpoints do, and damage bodies behind their ETag,
 * as a failing server does. For one thread.
 */
final class ContentEtags extends ForwardingObjectStore {
    private final boolean keepsMetadata;
    private final Map<String, UnaryOperator<byte[]>> damages = new TreeMap<>();

    ContentEtags(ObjectStore store, boolean keepsMetadata) {
        super(store);
        this.keepsMetadata = keepsMetadata;
    }

    /** From now on the object's body is read so; its ETag stays. */
    void damage(String key, UnaryOperator<byte[]> damage) {
        damages.put(key, damage);
    }

    void heal() {
        damages.clear();
    }

    private ObjectVersion version(StoredObject object) {
        ObjectVersion version = object.version();
        return new ObjectVersion(
                MemoryObjectStore.etagOf(object.body()),
                version.lengthBytes(),
                version.lastModified(),
                keepsMetadata ? version.metadata() : Map.of());
    }

    @Override
    public Optional<StoredObject> get(String key) throws IOException {
        UnaryOperator<byte[]> damage = damages.getOrDefault(key, UnaryOperator.identity());
        return store.get(key)
                .map(object -> new StoredObject(version(object), damage.apply(object.body())));
    }

    @Override
    public Optional<ObjectVersion> head(String key) throws IOException {
        return store.get(key).map(this::version);
    }

    private boolean holds(String key, Condition condition) throws IOException {
        Optional<ObjectVersion> found = head(key);
        return switch (condition) {
            case Condition.IfAbsent _ -> found.isEmpty();
            case Condition.IfMatch match ->
                    found.isPresent() && found.get().etag().equals(match.etag());
            case Condition.Always _ -> true;
        };
    }

    @Override
    public PutAnswer put(String key, byte[] body, Condition condition, Map<String, String> metadata)
            throws IOException {
        if (!holds(key, condition)) {
            return new PutAnswer.ConditionFailed();
        }
        store.put(key, body, Condition.always(), metadata);
        return new PutAnswer.Stored(MemoryObjectStore.etagOf(body));
    }

    @Override
    public DeleteAnswer delete(String key, Condition condition) throws IOException {
        if (head(key).isPresent() && !holds(key, condition)) {
            return new DeleteAnswer.ConditionFailed();
        }
        return store.delete(key, Condition.always());
    }
}
