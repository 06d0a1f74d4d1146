package aria.s3batch.s3block;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;

/** Another store, but for what a test overrides. */
public abstract class ForwardingObjectStore implements ObjectStore {
    protected final ObjectStore store;

    protected ForwardingObjectStore(ObjectStore store) {
        this.store = store;
    }

    @Override
    public Optional<StoredObject> get(String key) throws IOException {
        return store.get(key);
    }

    @Override
    public Optional<ObjectVersion> head(String key) throws IOException {
        return store.head(key);
    }

    @Override
    public PutAnswer put(String key, byte[] body, Condition condition, Map<String, String> metadata)
            throws IOException {
        return store.put(key, body, condition, metadata);
    }

    @Override
    public DeleteAnswer delete(String key, Condition condition) throws IOException {
        return store.delete(key, condition);
    }

    @Override
    public void list(String prefix, Consumer<ListedObject> visitor) throws IOException {
        store.list(prefix, visitor);
    }

    @Override
    public List<String> folders(String prefix) throws IOException {
        return store.folders(prefix);
    }

    @Override
    public void close() {
        store.close();
    }

    @Override
    public String toString() {
        return store.toString();
    }
}
