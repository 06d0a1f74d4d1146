package aria.s3batch.ops.server;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.ops.CommandLineRun;
import aria.s3batch.ops.demo.EmbeddedS3Process;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SortedMap;
import java.util.concurrent.TimeUnit;

/** {@code sql} does to an S3 table what the same SQL does to a local one, or nothing at all. */
@NeedsMariaDb
@NeedsFuse
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class SqlOnARealServerTest {
    private static final String COLUMNS =
            "id INT PRIMARY KEY, a VARCHAR(200), b INT, KEY(a), KEY(b)";

    private final ServerScene scene;

    SqlOnARealServerTest(@TempDir Path directory) throws IOException {
        scene =
                new ServerScene(
                        directory,
                        EmbeddedS3Process.start(directory.resolve("s3")),
                        List.of(),
                        List.of("fence-wait=0")); // nobody else reads here
        scene.server.query(
                "CREATE DATABASE live; CREATE DATABASE copy; CREATE DATABASE local; CREATE TABLE"
                        + " local.news (id INT, a VARCHAR(40)); INSERT INTO local.news SELECT seq,"
                        + " md5(seq) FROM local.seq_50001_to_51000");
    }

    @AfterAll
    void stop() throws IOException {
        scene.close();
    }

    /** In S3, and the same as a local Aria table. */
    private void makeTable(String name, String columns, String partitions, String rows)
            throws IOException {
        for (String database : new String[] {"live", "copy"}) {
            scene.server.query(
                    "CREATE TABLE %s.%s (%s) ENGINE=Aria TRANSACTIONAL=0 %s"
                            .formatted(database, name, columns, partitions));
            scene.server.query("INSERT INTO %s.%s %s".formatted(database, name, rows));
        }
        scene.server.query(
                "ALTER TABLE live.%s ENGINE=S3 S3_BLOCK_SIZE=65536 COMPRESSION_ALGORITHM=zlib"
                        .formatted(name));
    }

    private void makeOrders(String name) throws IOException {
        makeTable(name, COLUMNS, "", "SELECT seq, md5(seq), seq FROM local.seq_1_to_5000");
    }

    /** The same SQL on both; then both must be the same. */
    private void onBoth(String sql, String... tables) throws IOException {
        String[] arguments = new String[tables.length + 2];
        for (int i = 0; i < tables.length; i++) {
            arguments[i] = "live." + tables[i];
        }
        arguments[tables.length] = "-e";
        arguments[tables.length + 1] = sql;
        scene.batch("sql", arguments);
        scene.server.query("USE copy; " + sql);
        for (String table : tables) {
            assertSame(table);
        }
        assertNothingIsLeft();
    }

    private void assertSame(String table) throws IOException {
        scene.server.query("FLUSH TABLES");
        assertThat(scene.server.check("live." + table)).isEqualTo("OK");
        assertThat(scene.server.check("copy." + table)).isEqualTo("OK");
        assertThat(scene.server.checksum("live." + table))
                .isEqualTo(scene.server.checksum("copy." + table));
        String rows = "SELECT * FROM %s." + table + " ORDER BY id";
        assertThat(scene.server.query(rows.formatted("live")))
                .isEqualTo(scene.server.query(rows.formatted("copy")));
    }

    private void assertNothingIsLeft() throws IOException {
        assertThat(scene.batch("list")).isEmpty();
        assertThat(scene.server.query("SHOW DATABASES LIKE 'aria%'")).isEmpty();
        assertThat(Files.readString(Path.of("/proc/self/mountinfo")))
                .doesNotContain(scene.dataDirectory.toString());
    }

    @Test
    void insertUpdateAndDeleteDoWhatTheyDoToALocalTable() throws IOException {
        makeOrders("orders");
        onBoth("UPDATE orders SET a=concat('x', a), b=b+1 WHERE id MOD 100 = 0", "orders");
        onBoth("INSERT INTO orders VALUES (60001,'a',1),(60002,'b',NULL),(60003,'',3)", "orders");
        onBoth("INSERT INTO orders SELECT id, a, 1 FROM local.news", "orders");
        onBoth("DELETE FROM orders WHERE id BETWEEN 100 AND 3000", "orders");
        onBoth("UPDATE orders SET b=b+1; REPLACE INTO orders VALUES (1, 'new', 0)", "orders");
        onBoth("DELETE FROM orders", "orders");
        onBoth("INSERT INTO orders SELECT seq, md5(seq), 1 FROM local.seq_1_to_3000", "orders");
    }

    @Test
    void loadDataReadsFilesOfTheClientAndOfTheServer(@TempDir Path directory) throws IOException {
        makeOrders("loaded");
        Path file = directory.resolve("rows.tsv");
        Files.writeString(file, "70001\tone\t1\n70002\tzwölf\t\\N\n");
        onBoth(
                "LOAD DATA LOCAL INFILE '%s' INTO TABLE loaded CHARACTER SET utf8mb4"
                        .formatted(file),
                "loaded");
        Path ofServer = scene.dataDirectory.resolve("rows.tsv");
        Files.writeString(ofServer, "70003\tthree\t3\n");
        onBoth("LOAD DATA INFILE '%s' INTO TABLE loaded".formatted(ofServer), "loaded");
    }

    @Test
    void partitionedTableIsOneTable() throws IOException {
        makeTable(
                "parts",
                "id INT PRIMARY KEY, a VARCHAR(50)",
                "PARTITION BY RANGE(id) (PARTITION p0 VALUES LESS THAN (1000), PARTITION p1 VALUES"
                        + " LESS THAN MAXVALUE)",
                "SELECT seq, md5(seq) FROM local.seq_1_to_2000");
        onBoth("UPDATE parts SET id=id+5000 WHERE id BETWEEN 900 AND 950", "parts");
        onBoth("DELETE FROM parts WHERE id < 500; INSERT INTO parts VALUES (7, 'x')", "parts");
    }

    @Test
    void twoTablesAreOneBatch() throws IOException {
        makeOrders("head");
        makeOrders("line");
        onBoth(
                "UPDATE head, line SET head.b=0, line.b=7 WHERE head.id=line.id AND head.id < 50",
                "head",
                "line");

        SortedMap<String, String> versions = scene.bucket.versions("live/head/");
        ClientProcess.Ended ended =
                scene.client(
                                "sql",
                                "live.head",
                                "live.line",
                                "-e",
                                "UPDATE head SET b=1; INSERT INTO line VALUES (1, 'there', 1)")
                        .end();
        assertThat(ended.exitCode()).isEqualTo(1);
        assertThat(scene.bucket.versions("live/head/")).isEqualTo(versions);
        assertSame("head");
        assertSame("line");
        assertNothingIsLeft();
    }

    @Test
    void statementsComeFromStdinAndResultsGoToStdout() throws Exception {
        makeOrders("piped");
        ClientProcess client = scene.client("sql", "live.piped", "--check");
        client.type("-- a comment; with a semicolon\nUPDATE piped SET b=-1\n WHERE id=1;\n");
        client.type("SELECT id, a, b FROM piped WHERE id IN (1, 2); SELECT NULL AS 'n;n'");
        ClientProcess.Ended ended = client.end();

        assertThat(ended.exitCode()).as(ended.err()).isZero();
        assertThat(ended.out())
                .isEqualTo(
                        """
                        id\ta\tb
                        1\tc4ca4238a0b923820dcc509a6f75849b\t-1
                        2\tc81e728d9d4c2f636f067f89cc14862c\t2
                        n;n
                        NULL
                        """);
        assertThat(ended.err()).contains("Query OK, 1 row affected", "is applied");
        assertNothingIsLeft();
    }

    @Test
    void jsonIsOneDocument() throws Exception {
        makeOrders("shown");
        String out =
                scene.run(
                        "sql",
                        "live.shown",
                        "--json",
                        "-e",
                        "UPDATE IGNORE shown SET b='7x' WHERE id=1; SELECT b, a FROM shown WHERE"
                                + " id<2");

        JsonNode document = new ObjectMapper().readTree(out);
        assertThat(document.get("state").asText()).isEqualTo("APPLIED");
        assertThat(document.get("batch").asText()).hasSize(26);
        JsonNode update = document.get("results").get(0);
        assertThat(update.get("rowsAffected").asInt()).isEqualTo(1);
        assertThat(update.get("warnings").get(0).get("level").asText()).isEqualTo("Warning");
        assertThat(document.get("results").get(1).get("rows").toString())
                .isEqualTo("[[7,\"c4ca4238a0b923820dcc509a6f75849b\"]]");
    }

    @Test
    void dryRunShowsThePlanAndChangesNothing() throws IOException {
        makeOrders("dry");
        SortedMap<String, String> versions = scene.bucket.versions("live/dry/");

        String out = scene.run("sql", "live.dry", "--dry-run", "-e", "UPDATE dry SET b=b+1");

        assertThat(out).contains("live.dry: ", "blocks written", "requests");
        assertThat(scene.bucket.versions("live/dry/")).isEqualTo(versions);
        assertSame("dry");
        assertNothingIsLeft();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "UPDATE live.refused SET b=1       | 1 | bare name",
                "TRUNCATE refused                  | 3 | DELETE without WHERE",
                "ALTER TABLE refused ADD c INT     | 1 | Only rows can change",
                "DROP TABLE refused                | 1 | Only rows can change",
                "RENAME TABLE refused TO other     | 1 | Only rows can change",
                "CREATE TABLE other (a INT)        | 1 | Only rows can change",
                "OPTIMIZE TABLE refused            | 3 | damaged",
                "REPAIR TABLE refused              | 3 | damaged",
                "UPDATE refused SET b=1 WHERE      | 1 | ERROR 1064 (42000) at line 1",
                "INSERT INTO refused VALUES (1,1,1)| 1 | ERROR 1062 (23000) at line 1: Duplicate",
                "KILL CONNECTION_ID()              | 5 | ended the connection",
                "SELECT 'open                      | 1 | inside quotes",
                "-- nothing                        | 2 | no statement"
            })
    void whatFailsLeavesNothing(String sql, int exitCode, String told) throws Exception {
        if (scene.server.query("SHOW TABLES FROM copy LIKE 'refused'").isEmpty()) {
            makeOrders("refused");
            TimeUnit.SECONDS.sleep(1); // create_time, which betrays TRUNCATE, counts in seconds
        }
        SortedMap<String, String> versions = scene.bucket.versions("live/refused/");

        String before = sql.startsWith("--") ? "" : "UPDATE refused SET b=9;";
        CommandLineRun ended = scene.tryBatch("sql", "live.refused", "-e", before + sql);

        assertThat(ended.exitCode()).as(ended.err()).isEqualTo(exitCode);
        assertThat(ended.err()).contains(told, "Nothing was changed", "is aborted");
        assertThat(scene.bucket.versions("live/refused/")).isEqualTo(versions);
        assertNothingIsLeft();
    }

    @Test
    void sigTermAbortsAndLeavesNothing() throws Exception {
        makeOrders("stopped");
        ClientProcess client = startAndHang("stopped");

        client.process().destroy();
        ClientProcess.Ended ended = client.end();

        assertThat(ended.exitCode()).isEqualTo(143);
        assertThat(ended.err()).contains("interrupted. Nothing was changed");
        assertSame("stopped");
        assertNothingIsLeft();
    }

    @Test
    void killedClientIsCleanedUpByTheDaemonAndTheNextSql() throws Exception {
        makeOrders("killed");
        ClientProcess client = startAndHang("killed");

        client.process().destroyForcibly();
        client.end();
        awaitNoBatch();

        onBoth("UPDATE killed SET b=5 WHERE id < 10", "killed");
    }

    @Test
    void killedDaemonIsToldAndTheNextSqlWorks() throws Exception {
        makeOrders("orphan");
        ClientProcess client = scene.client("sql", "live.orphan");
        client.type("UPDATE orphan SET b=3;\n");
        client.awaitErr("Query OK");

        scene.killDaemon();
        client.type("UPDATE orphan SET b=b+1;\n");
        ClientProcess.Ended ended = client.end();

        assertThat(ended.exitCode()).as(ended.err()).isEqualTo(5);
        assertThat(ended.err())
                .contains("Nothing was changed", "was not committed", "aria_s3_batchd")
                .contains("the next `aria_s3_batch sql` drops it");
        scene.startDaemon();
        onBoth("UPDATE orphan SET b=5 WHERE id < 10", "orphan");
    }

    @Test
    void killedServerIsToldAndTheNextSqlWorks() throws Exception {
        makeOrders("crashed");
        ClientProcess client = scene.client("sql", "live.crashed");
        client.type("UPDATE crashed SET b=3;\n");
        client.awaitErr("Query OK");

        scene.killServer();
        client.type("UPDATE crashed SET b=b+1;\n");
        ClientProcess.Ended ended = client.end();

        assertThat(ended.exitCode()).as(ended.err()).isEqualTo(5);
        assertThat(ended.err())
                .contains("ended the connection at line 2", "Nothing was changed", "is aborted")
                .contains("the next `aria_s3_batch sql` drops it");
        assertThat(scene.batch("list")).isEmpty();
        scene.startServer();
        onBoth("UPDATE crashed SET b=5 WHERE id < 10", "crashed");
    }

    /** The daemon has no sign of the end of another process but to look whether it is there. */
    private void awaitNoBatch() throws InterruptedException {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
        while (!scene.batch("list").isEmpty()) {
            assertThat(System.nanoTime()).as("still open").isLessThan(deadline);
            TimeUnit.MILLISECONDS.sleep(20);
        }
    }

    /** Returns when the first statement is through; the second lasts. */
    private ClientProcess startAndHang(String table) throws Exception {
        ClientProcess client =
                scene.client(
                        "sql",
                        "live." + table,
                        "-e",
                        "UPDATE %s SET b=3; DO SLEEP(100)".formatted(table));
        client.awaitErr("Query OK");
        return client;
    }

    @Test
    void shellAsksAndCommitsOrAborts() throws Exception {
        makeOrders("asked");
        for (String answer : List.of("abort", "", "commit")) {
            ClientProcess client = scene.client("shell", "live.asked");
            client.type("UPDATE asked SET b=77 WHERE id=1;\nquit\n");
            client.awaitErr("commit or abort?");
            client.type(answer.isEmpty() ? "" : answer + "\n");
            ClientProcess.Ended ended = client.end();

            assertThat(ended.exitCode()).as(ended.err()).isZero();
            assertThat(ended.err()).contains(answer.equals("commit") ? "is applied" : "is aborted");
            scene.server.query("FLUSH TABLES");
            assertThat(scene.server.query("SELECT b FROM live.asked WHERE id=1"))
                    .isEqualTo(answer.equals("commit") ? "77" : "1");
            assertNothingIsLeft();
        }
    }

    @Test
    void twoTablesOfOneNameAreRefusedBeforeAnythingIsBegun() throws IOException {
        ClientProcess.Ended ended =
                scene.client("sql", "live.orders", "copy.orders", "-e", "SELECT 1").end();
        assertThat(ended.exitCode()).isEqualTo(2);
        assertThat(ended.err()).contains("one bare name");
    }
}
