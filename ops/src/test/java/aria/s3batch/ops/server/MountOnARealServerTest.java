package aria.s3batch.ops.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import aria.s3batch.ops.CommandLineRun;
import aria.s3batch.ops.demo.EmbeddedS3Process;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;

/**
 * SQL of a real server on the tables of an open batch. Of each table there is the one in S3, in database
 * live, and a local one that gets the same SQL, in database copy. Batches are mounted over the empty
 * databases work and other.
 */
@NeedsMariaDb
@NeedsFuse
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class MountOnARealServerTest {
    private final EmbeddedS3Process s3;
    private final ServerScene scene;
    private final List<String> begun = new ArrayList<>();
    private int tables;
    private String table = "";

    MountOnARealServerTest(@TempDir Path directory) throws IOException {
        s3 = EmbeddedS3Process.start(directory.resolve("s3"));
        scene = new ServerScene(directory, s3, List.of(), List.of());
        for (String database : List.of("live", "copy", "work", "other")) {
            scene.server.query("CREATE DATABASE " + database);
        }
    }

    @AfterAll
    void stop() throws IOException {
        scene.close();
    }

    @BeforeEach
    void nameATable() {
        table = "t" + ++tables;
    }

    /** What a test that failed has left would be in the way of the next one. */
    @AfterEach
    void abortWhatIsOpen() {
        begun.forEach(batch -> scene.tryBatch("abort", batch));
        begun.clear();
    }

    /**
     * @param inS3 its options there
     * @param partitions a clause, or nothing
     */
    private void makeTable(int rows, String inS3, String partitions) throws IOException {
        for (String database : List.of("live", "copy")) {
            String name = database + "." + table;
            scene.server.query(
                    "CREATE TABLE "
                            + name
                            + " (id INT PRIMARY KEY, a VARCHAR(200), b INT, KEY(b)) ENGINE=Aria"
                            + " TRANSACTIONAL=0 "
                            + partitions);
            scene.server.query(
                    "INSERT INTO %s SELECT seq, repeat(md5(seq), 2), seq FROM copy.seq_1_to_%d"
                            .formatted(name, rows));
        }
        scene.server.query("ALTER TABLE live.%s ENGINE=S3 %s".formatted(table, inS3));
        scene.server.query("FLUSH TABLES");
    }

    private String beginAndMount(String directory) {
        String batch = scene.batch("begin", "live." + table);
        begun.add(batch);
        scene.batch("mount", batch, directory(directory).toString());
        return batch;
    }

    private Path directory(String database) {
        return scene.dataDirectory.resolve(database);
    }

    /** In the mount and on the local table. */
    private void onBoth(String sql) throws IOException {
        scene.server.query(sql.formatted("work." + table));
        scene.server.query(sql.formatted("copy." + table));
    }

    private void commit(String batch) throws IOException {
        scene.server.query("FLUSH TABLES");
        scene.batch("commit", batch);
        scene.server.query("FLUSH TABLES");
    }

    private void assertLiveIsAsTheCopy() throws IOException {
        assertThat(scene.server.check("live." + table)).isEqualTo("OK");
        assertThat(scene.server.checksum("live." + table))
                .isEqualTo(scene.server.checksum("copy." + table));
    }

    private SortedMap<String, String> versions() {
        return scene.bucket.versions("live/" + table);
    }

    @ParameterizedTest
    @CsvSource({
        "S3_BLOCK_SIZE=65536 COMPRESSION_ALGORITHM=zlib, ''",
        "S3_BLOCK_SIZE=4194304, ''",
        "S3_BLOCK_SIZE=65536, PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (9000)"
                + " PARTITION p1 VALUES LESS THAN MAXVALUE)"
    })
    void whatTheServerDoesInTheMountIsWhatItDoesToALocalTable(String inS3, String partitions)
            throws Exception {
        makeTable(20_000, inS3, partitions.replace(") PARTITION", "), PARTITION"));
        String batch = beginAndMount("work");

        onBoth("UPDATE %s SET a=concat('x', a) WHERE id MOD 100 = 0");
        onBoth("DELETE FROM %s WHERE id BETWEEN 500 AND 9100");
        onBoth("INSERT INTO %s SELECT seq, repeat('n', 190), 2 FROM copy.seq_30001_to_40000");
        onBoth("UPDATE %s SET b=b+1");
        assertThat(scene.server.check("work." + table)).isEqualTo("OK");
        assertThat(scene.server.checksum("work." + table))
                .isEqualTo(scene.server.checksum("copy." + table));
        commit(batch);

        assertLiveIsAsTheCopy();
        assertThat(directory("work").toFile().list()).containsExactly("db.opt");
    }

    @Test
    void rowsOfAllStatementsAreThereAfterUnmountAndMount() throws Exception {
        makeTable(5_000, "S3_BLOCK_SIZE=65536", "");
        String batch = beginAndMount("work");
        onBoth("DELETE FROM %s");
        onBoth("INSERT INTO %s SELECT seq, 'first', 1 FROM copy.seq_1_to_3000");
        assertThat(scene.tryBatch("umount", batch).exitCode()).as("files are open").isEqualTo(3);
        scene.server.query("FLUSH TABLES");
        scene.batch("umount", batch);

        scene.batch("mount", batch, directory("work").toString());
        onBoth("INSERT INTO %s SELECT seq, 'second', 2 FROM copy.seq_3001_to_9000");
        commit(batch);

        assertLiveIsAsTheCopy();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "ALTER TABLE %s ADD COLUMN c INT",
                "ALTER TABLE %s COMMENT 'x'",
                "ALTER TABLE %s ENGINE=InnoDB",
                "RENAME TABLE %s TO work.u",
                "RENAME TABLE %s TO copy.u",
                "DROP TABLE %s",
                "CREATE TABLE work.u (i INT)",
                "CREATE OR REPLACE TABLE %s (i INT) ENGINE=Aria",
                "CREATE VIEW work.v AS SELECT 1",
                "DROP DATABASE work",
            })
    void whatIsNoDmlIsRefusedAndTheTableIsUnharmed(String sql) throws Exception {
        makeTable(2_000, "S3_BLOCK_SIZE=65536", "");
        String batch = beginAndMount("work");
        onBoth("UPDATE %s SET b=b+1 WHERE id < 1000");

        assertThatThrownBy(() -> scene.server.query(sql.formatted("work." + table)))
                .hasMessageContaining("ERROR");

        assertThat(scene.server.check("work." + table)).isEqualTo("OK");
        onBoth("UPDATE %s SET b=b+1 WHERE id > 1000");
        commit(batch);
        assertLiveIsAsTheCopy();
    }

    @ParameterizedTest
    @CsvSource({
        "OPTIMIZE TABLE %s, damaged",
        "REPAIR TABLE %s, damaged",
        "TRUNCATE %s, DELETE without WHERE",
        "ALTER TABLE %s DISABLE KEYS, ENABLE KEYS"
    })
    void whatCannotBeCommittedIsRefusedThereAndTheBucketIsAsItWas(String sql, String told)
            throws Exception {
        makeTable(2_000, "S3_BLOCK_SIZE=65536", "");
        SortedMap<String, String> before = versions();
        String batch = beginAndMount("work");
        TimeUnit.SECONDS.sleep(1); // create_time counts in seconds
        scene.server.query(sql.formatted("work." + table));
        scene.server.query("FLUSH TABLES");

        CommandLineRun refused = scene.tryBatch("commit", batch);

        assertThat(refused.exitCode()).as(refused.out()).isEqualTo(3);
        assertThat(refused.err()).contains(told);
        scene.batch("abort", batch);
        assertThat(versions()).isEqualTo(before);
        scene.server.query("FLUSH TABLES");
        assertLiveIsAsTheCopy();
    }

    @Test
    void openTableIsNotCommitted() throws Exception {
        makeTable(2_000, "S3_BLOCK_SIZE=65536", "");
        String batch = beginAndMount("work");
        onBoth("UPDATE %s SET b=b+1");

        CommandLineRun refused = scene.tryBatch("commit", batch);

        assertThat(refused.exitCode()).isEqualTo(3);
        assertThat(refused.err()).contains("FLUSH TABLES");
        commit(batch);
        assertLiveIsAsTheCopy();
    }

    @Test
    void twoBatchesAreMountedAtOnce() throws Exception {
        makeTable(2_000, "S3_BLOCK_SIZE=65536", "");
        String first = table;
        String batch = beginAndMount("work");
        nameATable();
        makeTable(2_000, "S3_BLOCK_SIZE=65536", "");
        String second = beginAndMount("other");
        scene.server.query(
                "UPDATE work.%s JOIN other.%s USING (id) SET work.%1$s.b=-1, other.%2$s.b=-2"
                        .formatted(first, table));
        scene.server.query("UPDATE copy.%s SET b=-1".formatted(first));
        scene.server.query("UPDATE copy.%s SET b=-2".formatted(table));
        assertThat(scene.batch("status")).contains("mounted at " + directory("other"));

        commit(batch);
        scene.batch("commit", second);

        scene.server.query("FLUSH TABLES");
        assertLiveIsAsTheCopy();
        table = first;
        assertLiveIsAsTheCopy();
    }

    @Test
    void updateByKeyFetchesOnlyTheBlocksThatItNeeds() throws Exception {
        makeTable(60_000, "S3_BLOCK_SIZE=65536", "");
        long blocks = versions().size();
        String batch = beginAndMount("work");
        s3.forgetRequests();

        onBoth("UPDATE %s SET a='changed' WHERE id BETWEEN 30001 AND 30100");
        scene.server.query("FLUSH TABLES");

        List<String> requests = s3.requests();
        assertThat(blocks).isGreaterThan(100);
        assertThat(requests).as("each once").doesNotHaveDuplicates();
        // Data: the bitmap in the first block, and the rows, which may lie across two; index: the
        // root,
        // and a leaf. The other key is not touched.
        assertThat(requests).hasSizeLessThanOrEqualTo(6);
        commit(batch);
        assertLiveIsAsTheCopy();
    }

    @Test
    void everyBlockOfAScannedTableIsFetchedOnce() throws Exception {
        makeTable(60_000, "S3_BLOCK_SIZE=65536", "");
        String batch = beginAndMount("work");
        s3.forgetRequests();

        onBoth("SELECT SUM(LENGTH(a)) FROM %s");
        onBoth("UPDATE %s SET a=reverse(a)");

        assertThat(s3.requests()).doesNotHaveDuplicates();
        commit(batch);
        assertLiveIsAsTheCopy();
    }

    /** A table that the server had open there is closed with an error, once. */
    private void flushAfterTheMountDied() throws IOException {
        try {
            scene.server.query("FLUSH TABLES");
        } catch (IOException e) {
            assertThat(e).hasMessageContainingAll("Error on close", "Errcode: 107");
            scene.server.query("FLUSH TABLES");
        }
    }

    @Test
    void daemonKilledUnderAStatementLeavesTheTableAsItWasAndNoMount() throws Exception {
        makeTable(5_000, "S3_BLOCK_SIZE=65536", "");
        SortedMap<String, String> before = versions();
        beginAndMount("work");
        String slow = "UPDATE work.%s SET b=b+1+SLEEP(0.01)".formatted(table);
        CompletableFuture<String> statement =
                CompletableFuture.supplyAsync(
                        () -> {
                            try {
                                return scene.server.query(slow);
                            } catch (IOException e) {
                                throw new UncheckedIOException(e);
                            }
                        });
        String running =
                "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'UPDATE"
                        + " work%'";
        while (!statement.isDone() && scene.server.query(running).equals("0")) {
            Thread.onSpinWait();
        }

        scene.killDaemon();

        assertThatThrownBy(statement::get).isInstanceOf(ExecutionException.class);
        scene.startDaemon();
        assertThat(Files.readString(Path.of("/proc/self/mountinfo")))
                .doesNotContain(" " + directory("work") + " ");
        assertThat(scene.batch("status")).contains("batches   none");
        assertThat(versions()).isEqualTo(before);
        flushAfterTheMountDied();
        assertLiveIsAsTheCopy();
        String again = beginAndMount("work");
        onBoth("UPDATE %s SET b=b+1");
        commit(again);
        assertLiveIsAsTheCopy();
    }

    @Test
    @Tag("alone")
    void updateOfAllRowsTakesAboutAsLongAsOnALocalTable() throws Exception {
        makeTable(100_000, "", "");
        String batch = beginAndMount("work");
        scene.server.query("SELECT SUM(LENGTH(a)) FROM work." + table);
        long mounted = Long.MAX_VALUE;
        long local = Long.MAX_VALUE;
        for (int i = 0; i < 10; i++) {
            mounted = Math.min(mounted, nanos("UPDATE work.%s SET b=b+1; FLUSH TABLES"));
            local = Math.min(local, nanos("UPDATE copy.%s SET b=b+1; FLUSH TABLES"));
        }
        System.out.printf(
                "UPDATE of all rows: %d ms in the mount, %d ms on a local table, ratio %.2f%n",
                mounted / 1_000_000, local / 1_000_000, (double) mounted / local);

        assertThat((double) mounted / local).isLessThan(1.3);
        commit(batch);
        assertLiveIsAsTheCopy();
    }

    private long nanos(String sql) throws IOException {
        long start = System.nanoTime();
        scene.server.query(sql.formatted(table));
        return System.nanoTime() - start;
    }
}
