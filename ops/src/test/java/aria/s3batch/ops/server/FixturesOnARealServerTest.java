package aria.s3batch.ops.server;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.format.Fixture;
import aria.s3batch.ops.demo.Bucket;
import aria.s3batch.ops.demo.EmbeddedS3Process;
import aria.s3batch.ops.demo.MariaDbServer;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.Stream;

/** The fixtures are what they say, and the harness that judges our own output judges them right. */
@NeedsMariaDb
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class FixturesOnARealServerTest {
    private final EmbeddedS3Process s3;
    private final Bucket bucket;
    private final MariaDbServer server;

    FixturesOnARealServerTest(@TempDir Path directory) throws IOException {
        s3 = EmbeddedS3Process.start(directory.resolve("s3"));
        bucket = new Bucket(s3);
        server =
                MariaDbServer.start(
                        MariaDbServer.Installation.find().orElseThrow(),
                        directory.resolve("m"),
                        s3);
    }

    @BeforeAll
    void makeDatabases() throws IOException {
        server.query("CREATE DATABASE before_batch; CREATE DATABASE after_batch");
    }

    @AfterAll
    void stop() {
        server.close();
        bucket.close();
        s3.close();
    }

    /** The server itself cannot open a table whose name needs file-name encoding. */
    static Stream<String> fixturesThatAServerCanOpen() {
        return Fixture.names().stream().filter(name -> !name.contains("@"));
    }

    @ParameterizedTest
    @MethodSource("fixturesThatAServerCanOpen")
    void tableBeforeTheBatchIsWhatTheFixtureSays(String name) throws IOException {
        Fixture fixture = Fixture.of(name);
        load("before_batch", fixture, fixture.before());
        assertServerReads("before_batch." + name, fixture.rowsBefore(), fixture.checksumBefore());
    }

    @ParameterizedTest
    @MethodSource("fixturesThatAServerCanOpen")
    void tableAfterTheBatchIsWhatTheFixtureSays(String name) throws IOException {
        Fixture fixture = Fixture.of(name);
        load("after_batch", fixture, fixture.after());
        assertServerReads("after_batch." + name, fixture.rowsAfter(), fixture.checksumAfter());
    }

    private void load(String database, Fixture fixture, Map<String, byte[]> objects) {
        int prefixLength = fixture.database().length();
        objects.forEach(
                (key, object) -> bucket.put(database + key.substring(prefixLength), object));
    }

    private void assertServerReads(String table, long rows, String checksum) throws IOException {
        assertThat(server.check(table)).isEqualTo("OK");
        assertThat(server.query("SELECT COUNT(*) FROM " + table)).isEqualTo(Long.toString(rows));
        assertThat(server.checksum(table)).isEqualTo(checksum);
    }
}
