package aria.s3batch.s3block;

import java.io.IOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.zip.CRC32C;

/**
 * A bucket in memory, for tests and simulation. Its clock is the number of writes so far, so that the
 * same calls give the same ETags and times in every run. Its ETags are of each write, or of the content, as
 * S3's own: then who puts an object back as it was gives it its old ETag.
 */
public final class MemoryObjectStore implements ObjectStore {
    private final TreeMap<String, StoredObject> objects = new TreeMap<>();
    private final boolean etagsOfContent;
    private long writes;

    public MemoryObjectStore() {
        this(false);
    }

    public MemoryObjectStore(boolean etagsOfContent) {
        this.etagsOfContent = etagsOfContent;
    }

    /** As a store's that makes them of the content. */
    public static String etagOf(byte[] body) {
        var crc = new CRC32C();
        crc.update(body);
        return HexFormat.of().toHexDigits(crc.getValue() << 32 | body.length);
    }

    @Override
    public synchronized Optional<StoredObject> get(String key) throws IOException {
        return Optional.ofNullable(objects.get(key))
                .map(object -> new StoredObject(object.version(), object.body().clone()));
    }

    @Override
    public synchronized Optional<ObjectVersion> head(String key) {
        return Optional.ofNullable(objects.get(key)).map(StoredObject::version);
    }

    @Override
    public synchronized PutAnswer put(
            String key, byte[] body, Condition condition, Map<String, String> metadata) {
        if (body.length > OBJECT_BYTES_MAX) {
            throw new IllegalArgumentException(key + " would be " + body.length + " bytes");
        }
        if (!holds(condition, key)) {
            return new PutAnswer.ConditionFailed();
        }
        writes++;
        String etag = etagsOfContent ? etagOf(body) : "etag-%08d".formatted(writes);
        objects.put(
                key,
                new StoredObject(
                        new ObjectVersion(
                                etag, body.length, Instant.ofEpochSecond(writes), metadata),
                        body.clone()));
        return new PutAnswer.Stored(etag);
    }

    @Override
    public synchronized DeleteAnswer delete(String key, Condition condition) {
        if (condition instanceof Condition.IfAbsent) {
            throw new IllegalArgumentException("delete what is absent: " + key);
        }
        if (objects.containsKey(key) && !holds(condition, key)) {
            return new DeleteAnswer.ConditionFailed();
        }
        objects.remove(key);
        return new DeleteAnswer.Gone();
    }

    private boolean holds(Condition condition, String key) {
        StoredObject found = objects.get(key);
        return switch (condition) {
            case Condition.IfAbsent _ -> found == null;
            case Condition.IfMatch match ->
                    found != null && found.version().etag().equals(match.etag());
            case Condition.Always _ -> true;
        };
    }

    @Override
    public void list(String prefix, Consumer<ListedObject> visitor) {
        listed(prefix).forEach(visitor);
    }

    private synchronized List<ListedObject> listed(String prefix) {
        List<ListedObject> listed = new ArrayList<>();
        for (Map.Entry<String, StoredObject> object : objects.tailMap(prefix).entrySet()) {
            if (!object.getKey().startsWith(prefix)) {
                break;
            }
            ObjectVersion version = object.getValue().version();
            listed.add(new ListedObject(object.getKey(), version.lengthBytes(), version.etag()));
        }
        return listed;
    }

    @Override
    public List<String> folders(String prefix) {
        TreeSet<String> folders = new TreeSet<>();
        for (ListedObject object : listed(prefix)) {
            int slash = object.key().indexOf('/', prefix.length());
            if (slash >= 0) {
                folders.add(object.key().substring(0, slash + 1));
            }
        }
        return List.copyOf(folders);
    }

    @Override
    public String toString() {
        return "a bucket in memory";
    }

    @Override
    public void close() {
        // nothing is held open; the objects stay, as they would in a bucket
    }
}
