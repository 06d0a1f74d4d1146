package aria.s3batch.ops.badinput;

import aria.s3batch.format.Fixture;
import aria.s3batch.format.TableName;
import aria.s3batch.ops.demo.Bucket;
import aria.s3batch.ops.demo.EmbeddedS3Process;

import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.SortedMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;

/**
 * One object store for all test classes of this package, started for the first that asks for it in its
 * constructor. Tests share its bucket and must not share a table: each loads its own.
 */
final class SharedStore implements AutoCloseable {
    private final Path directory;
    private final EmbeddedS3Process s3;
    private final Bucket bucket;
    private final AtomicInteger names = new AtomicInteger();

    /** Gives the store to constructors of test classes. */
    static final class Resolver implements ParameterResolver {
        @Override
        public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
            return parameter.getParameter().getType() == SharedStore.class;
        }

        @Override
        public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
            return context.getRoot()
                    .getStore(ExtensionContext.Namespace.GLOBAL)
                    .getOrComputeIfAbsent(
                            SharedStore.class, type -> SharedStore.start(), SharedStore.class);
        }
    }

    private SharedStore(Path directory, EmbeddedS3Process s3) {
        this.directory = directory;
        this.s3 = s3;
        this.bucket = new Bucket(s3);
    }

    private static SharedStore start() {
        try {
            Path directory = Files.createTempDirectory("aria"); // short, for sockets
            return new SharedStore(directory, EmbeddedS3Process.start(directory.resolve("s3")));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    EmbeddedS3Process s3() {
        return s3;
    }

    Bucket bucket() {
        return bucket;
    }

    /** A new, empty directory with a path short enough for a socket. */
    Path newDirectory() throws IOException {
        return Files.createDirectory(directory.resolve("d" + names.incrementAndGet()));
    }

    /** Loads a fixture's table before its batch, under a name that no other test uses. */
    TableName load(String fixture) {
        return load(Fixture.of(fixture).table(), Fixture.of(fixture).before());
    }

    /** Loads the objects of a table under a name that no other test uses. */
    TableName load(TableName table, Map<String, byte[]> objects) {
        var loaded = new TableName("bad", "t" + names.incrementAndGet());
        objects.forEach(
                (key, object) ->
                        bucket.put(loaded.path() + key.substring(table.path().length()), object));
        return loaded;
    }

    /** ETag and Last-Modified of every object of a table and its partitions: equal means untouched. */
    SortedMap<String, String> versions(TableName table) {
        SortedMap<String, String> versions = bucket.versions(table.path() + "/");
        versions.putAll(bucket.versions(table.partitionPrefix()));
        return versions;
    }

    @Override
    public void close() throws IOException {
        bucket.close();
        s3.close();
        try (Stream<Path> left = Files.walk(directory)) {
            for (Path path : left.sorted((a, b) -> b.compareTo(a)).toList()) {
                Files.delete(path);
            }
        }
    }
}
