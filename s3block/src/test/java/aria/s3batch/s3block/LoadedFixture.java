package aria.s3batch.s3block;

import aria.s3batch.format.Fixture;

import java.util.Map;

/** Fixtures as objects of a bucket in memory. */
public final class LoadedFixture {
    private LoadedFixture() {}

    public static MemoryObjectStore before(Fixture fixture) {
        return load(fixture.before());
    }

    public static MemoryObjectStore after(Fixture fixture) {
        return load(fixture.after());
    }

    private static MemoryObjectStore load(Map<String, byte[]> objects) {
        var store = new MemoryObjectStore();
        objects.forEach((key, body) -> replace(store, key, body));
        return store;
    }

    public static void replace(MemoryObjectStore store, String key, byte[] body) {
        store.put(key, body, Condition.always(), Map.of());
    }
}
