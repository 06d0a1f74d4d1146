package aria.s3batch.ops.server;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Path;

/** SQL of a real server on the tables of an open batch. */
@NeedsMariaDb
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class MountOnARealServerTest {
    private final ServerScene scene;

    MountOnARealServerTest(@TempDir Path directory) throws IOException {
        scene = new ServerScene(directory);
        scene.server.query("CREATE DATABASE live; CREATE DATABASE copy");
    }

    @AfterAll
    void stop() throws IOException {
        scene.close();
    }

    private void makeTable(String name, String columns, String rows) throws IOException {
        for (String database : new String[] {"live", "copy"}) {
            scene.server.query(
                    "CREATE TABLE %s.%s (%s) ENGINE=Aria TRANSACTIONAL=0"
                            .formatted(database, name, columns));
            scene.server.query("INSERT INTO %s.%s %s".formatted(database, name, rows));
        }
        scene.server.query(
                "ALTER TABLE live.%s ENGINE=S3 S3_BLOCK_SIZE=65536 COMPRESSION_ALGORITHM=zlib"
                        .formatted(name));
    }

    @Test
    void whatTheServerDoesInTheMountIsWhatItDoesToALocalTable() throws Exception {
        makeTable(
                "orders",
                "id INT PRIMARY KEY, a VARCHAR(200), b INT, KEY(a)",
                "SELECT seq, md5(seq), seq FROM copy.seq_1_to_20000");
        scene.server.query("CREATE DATABASE work");
        String batch = scene.batch("begin", "live.orders");
        scene.batch("mount", batch, scene.dataDirectory.resolve("work").toString());

        String[] statements = {
            "UPDATE %s.orders SET a=concat('x', a) WHERE id MOD 100 = 0",
            "DELETE FROM %s.orders WHERE id BETWEEN 500 AND 9000",
            "INSERT INTO %s.orders SELECT seq, repeat('n', 190), 2 FROM copy.seq_30001_to_40000",
            "UPDATE %s.orders SET b=b+1"
        };
        for (String sql : statements) {
            for (String database : new String[] {"work", "copy"}) {
                scene.server.query(sql.formatted(database));
            }
        }
        assertThat(scene.server.check("work.orders")).isEqualTo("OK");
        assertThat(scene.server.checksum("work.orders"))
                .isEqualTo(scene.server.checksum("copy.orders"));
        scene.server.query("FLUSH TABLES");
        scene.batch("commit", batch);

        scene.server.query("FLUSH TABLES");
        assertThat(scene.server.check("live.orders")).isEqualTo("OK");
        assertThat(scene.server.checksum("live.orders"))
                .isEqualTo(scene.server.checksum("copy.orders"));
        assertThat(scene.dataDirectory.resolve("work").toFile().list()).containsExactly("db.opt");
    }
}
