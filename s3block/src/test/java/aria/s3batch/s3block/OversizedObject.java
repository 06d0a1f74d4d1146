package aria.s3batch.s3block;

import aria.s3batch.format.DamagedTableException;

import java.io.IOException;
import java.util.Optional;

/** A store of which one object is larger than any of a table may be: no store in memory takes such a thing. */
public final class OversizedObject extends ForwardingObjectStore {
    private final String key;

    public OversizedObject(ObjectStore store, String key) {
        super(store);
        this.key = key;
    }

    @Override
    public Optional<StoredObject> get(String wanted) throws IOException {
        if (wanted.equals(key)) {
            throw new DamagedTableException(
                    "object " + key, "at most " + OBJECT_BYTES_MAX + " bytes", "more");
        }
        return super.get(wanted);
    }
}
