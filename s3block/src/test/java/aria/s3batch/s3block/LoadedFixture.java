package aria.s3batch.s3block;

import aria.s3batch.format.Fixture;

import java.util.Map;

/** Fixtures as objects of a bucket. */
final class LoadedFixture {
    private LoadedFixture() {}

    static MemoryObjectStore before(Fixture fixture) {
        return load(fixture.before());
    }

    static MemoryObjectStore after(Fixture fixture) {
        return load(fixture.after());
    }

    private static MemoryObjectStore load(Map<String, byte[]> objects) {
        var store = new MemoryObjectStore();
        objects.forEach((key, body) -> replace(store, key, body));
        return store;
    }

    static void replace(MemoryObjectStore store, String key, byte[] body) {
        store.put(key, body, Condition.always(), Map.of());
    }
}
