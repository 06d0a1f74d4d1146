package aria.s3batch.s3block;

final class MemoryObjectStoreTest extends ObjectStoreContract {
    private final ObjectStore store = new MemoryObjectStore();

    @Override
    ObjectStore store() {
        return store;
    }
}
