package aria.s3batch.ops.badinput;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.format.Fixture;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;
import aria.s3batch.ops.demo.MariaDbServer;
import aria.s3batch.ops.server.NeedsMariaDb;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** What a real server makes of a local copy by ALTER, CREATE and an open table. */
@NeedsMariaDb
@ExtendWith(SharedStore.Resolver.class)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class AlteredCopyTest {
    private static final Fixture PLAIN = Fixture.of("plain");

    private final SharedStore store;

    AlteredCopyTest(SharedStore store) {
        this.store = store;
    }

    @Test
    void copiesThatAServerRedefinedOrHoldsOpenAreRefused() throws IOException {
        TableName table = store.load("plain");
        var before = store.versions(table);
        Path directory = store.newDirectory();
        try (MariaDbServer server =
                        MariaDbServer.start(
                                MariaDbServer.Installation.find().orElseThrow(),
                                directory,
                                store.s3());
                Site site = Site.start(store)) {
            Path work = directory.resolve("data/work");
            String name = "work." + table.table();
            String batch = site.begin(table);
            String[] stage = {"stage", batch, table.display(), "--from=" + work};

            server.query("CREATE DATABASE work");
            server.query(
                    "USE work; %s; RENAME TABLE plain TO %s; FLUSH TABLES"
                            .formatted(PLAIN.createTable().replaceAll(";\\s*$", ""), name));
            for (TableFile file : TableFile.values()) {
                Files.write(
                        work.resolve(table.table() + "." + file.extension()),
                        PLAIN.local(PLAIN.table(), file, true));
            }
            server.query(
                    "LOCK TABLES %s WRITE; UPDATE %s SET id = id LIMIT 1".formatted(name, name));
            server.query("FLUSH TABLES");

            server.query("ALTER TABLE %s ADD COLUMN more INT; FLUSH TABLES".formatted(name));
            site.assertFails(3, List.of("definition was changed", "Nothing was staged"), stage);
            server.query("ALTER TABLE %s TRANSACTIONAL=1; FLUSH TABLES".formatted(name));
            site.assertFails(3, List.of("transactional", "Nothing was staged"), stage);

            assertThat(site.state(batch)).isEqualTo("OPEN");
            assertThat(site.batch(batch).get("pages").asLong()).isZero();
        }
        assertThat(store.versions(table)).isEqualTo(before);
    }
}
