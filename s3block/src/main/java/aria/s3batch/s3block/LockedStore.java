package aria.s3batch.s3block;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * A bucket that is written only while the locks of a batch are its own: they are confirmed before each
 * PUT and DELETE. Closing it leaves the bucket's own store open.
 *
 * <p>A request that is on its way when the process is stopped may still arrive after another has taken the
 * table over: then its own condition must hold it off.
 */
public final class LockedStore implements ObjectStore {
    private final ObjectStore store;
    private final BatchLocks locks;

    public LockedStore(ObjectStore store, BatchLocks locks) {
        this.store = store;
        this.locks = locks;
    }

    @Override
    public PutAnswer put(String key, byte[] body, Condition condition, Map<String, String> metadata)
            throws IOException {
        locks.confirm();
        return store.put(key, body, condition, metadata);
    }

    @Override
    public DeleteAnswer delete(String key, Condition condition) throws IOException {
        locks.confirm();
        return store.delete(key, condition);
    }

    @Override
    public PutAnswer copy(String key, String etag, String copyKey) throws IOException {
        locks.confirm();
        return store.copy(key, etag, copyKey);
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
    public void list(String prefix, Consumer<ListedObject> visitor) throws IOException {
        store.list(prefix, visitor);
    }

    @Override
    public List<String> folders(String prefix) throws IOException {
        return store.folders(prefix);
    }

    @Override
    public void close() {}

    @Override
    public String toString() {
        return store.toString();
    }
}
