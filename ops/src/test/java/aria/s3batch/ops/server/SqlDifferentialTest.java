package aria.s3batch.ops.server;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.format.Numbers;
import aria.s3batch.ops.demo.EmbeddedS3Process;
import aria.s3batch.ops.demo.S3Server;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/**
 * Random statements run with {@code sql} on a table in S3, and on a local copy of it: after every batch
 * both are the same table. {@code -Ddml.seed=N} starts with another table; every failure names its seed.
 */
@NeedsMariaDb
final class SqlDifferentialTest {
    private static final boolean FULL = Numbers.areFull();
    private static final long FIRST_SEED = Long.getLong("dml.seed", 1);

    /** In the full run 8 settings, 5 tables each, 5 batches each: 200 batches. */
    private static final int TABLES = FULL ? 5 : 1;

    private static final int BATCHES = FULL ? 5 : 3;

    @TempDir Path directory;

    @Test
    void tableInS3BecomesWhatTheLocalTableBecomes() throws Exception {
        sameBatchesOnBoth(EmbeddedS3Process.start(directory.resolve("s3")), false);
    }

    @NeedsCeph
    @Test
    void tableInCephBecomesWhatTheLocalTableBecomes() throws Exception {
        sameBatchesOnBoth(CephGateway.start(directory.resolve("c")), true);
    }

    /** In the short run two of the four settings, the other two on the other store. */
    private void sameBatchesOnBoth(S3Server store, boolean smallAreCompressed) throws Exception {
        try (var scene = new ServerScene(directory, store, List.of(), List.of("fence-wait=0"))) {
            scene.server.query("CREATE DATABASE live; CREATE DATABASE work");
            for (String compression : List.of("none", "zlib")) {
                for (int blockBytes : new int[] {64 << 10, 4 << 20}) {
                    boolean small = blockBytes < 1 << 20;
                    boolean compressed = !compression.equals("none");
                    if (FULL || (small == smallAreCompressed) == compressed) {
                        sameBatchesOnBoth(scene, compression, blockBytes);
                    }
                }
            }
        }
    }

    private static void sameBatchesOnBoth(ServerScene scene, String compression, int blockBytes)
            throws Exception {
        for (long seed = FIRST_SEED; seed < FIRST_SEED + TABLES; seed++) {
            String table = "t%d_%s_%d".formatted(seed, compression, blockBytes);
            var dml = new RandomDml(seed * 31 + (compression + blockBytes).hashCode());
            System.out.printf("%s: -Ddml.seed=%d%n", table, seed);
            String create = dml.createTable(table);
            String first = dml.batch(table);
            for (String database : List.of("work", "live")) {
                scene.server.script(database, create + ";" + (seed % 3 == 0 ? "" : first));
            }
            scene.server.query(
                    "ALTER TABLE live.%s ENGINE=S3 S3_BLOCK_SIZE=%d COMPRESSION_ALGORITHM=%s"
                            .formatted(table, blockBytes, compression));
            if (seed % 3 == 0) {
                inABatch(
                        scene,
                        table,
                        first,
                        "%s, seed %d, first batch".formatted(table, seed)); // on an empty table
            }
            for (int batch = 1; batch <= BATCHES; batch++) {
                inABatch(
                        scene,
                        table,
                        dml.batch(table),
                        "%s, seed %d, batch %d".formatted(table, seed, batch));
            }
        }
    }

    private static void inABatch(ServerScene scene, String table, String sql, String what)
            throws Exception {
        scene.batch("sql", "live." + table, "--execute=" + sql);
        scene.server.script("work", sql);
        assertThat(scene.server.check("live." + table)).as(what).isEqualTo("OK");
        assertThat(scene.server.check("work." + table)).as(what).isEqualTo("OK");
        assertThat(rows(scene, "live", table)).as(what).isEqualTo(rows(scene, "work", table));
        assertThat(scene.server.checksum("live." + table))
                .as(what)
                .isEqualTo(scene.server.checksum("work." + table));
    }

    /** The rows in the order of their key: the start of every value, and a digest of the row. */
    private static List<String> rows(ServerScene scene, String database, String table)
            throws IOException {
        String columns =
                scene.server.query(
                        ("SELECT GROUP_CONCAT(CONCAT('IFNULL(HEX(', column_name, '),\\'NULL\\')')"
                             + " ORDER BY ordinal_position) FROM information_schema.columns WHERE"
                             + " table_schema='%s' AND table_name='%s'")
                                .formatted(database, table));
        String rows =
                scene.server.query(
                        "SELECT id, MD5(CONCAT_WS('|', %s)), LEFT(CONCAT_WS('|', LEFT(%s, 30)), 900) FROM %s.%s ORDER BY id"
                                .formatted(
                                        columns,
                                        columns.replace(",IFNULL", ", 30), LEFT(IFNULL"),
                                        database,
                                        table));
        return Stream.of(rows.split("\n", -1)).toList();
    }
}
