package aria.s3batch.ops.server;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.format.Fixture;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;

import com.fasterxml.jackson.databind.ObjectMapper;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;

/** What a batch leaves in S3 is, to a real server, what the same SQL leaves in a local table. */
@NeedsMariaDb
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class BatchesOnARealServerTest {
    private static final byte[] NO_OBJECT = {};

    @TempDir Path copies;

    private final ServerScene scene;

    BatchesOnARealServerTest(@TempDir Path directory) throws IOException {
        scene = new ServerScene(directory);
        scene.server.query("CREATE DATABASE fx_shared; CREATE DATABASE live; CREATE DATABASE work");
    }

    @AfterAll
    void stop() throws IOException {
        scene.close();
    }

    static List<Fixture> fixtures() {
        return Fixture.all();
    }

    @ParameterizedTest
    @MethodSource("fixtures")
    void everyFixtureBecomesWhatMariaDbMadeOfIt(Fixture fixture) throws Exception {
        scene.bucket.putAll(fixture.before());
        TableName table = fixture.table();
        // A table whose name needs encoding cannot be opened by the S3 engine itself.
        boolean serverOpensIt = !fixture.name().contains("@");
        if (serverOpensIt) {
            assertServerReads(fixture.rowsBefore(), fixture.checksumBefore(), table);
        }
        SortedMap<String, String> versionsBefore = scene.bucket.versions(table.database() + "/");
        for (TableName unit : fixture.units()) {
            byte[] index = fixture.local(unit, TableFile.INDEX, true);
            byte[] data = fixture.local(unit, TableFile.DATA, true);
            ServerScene.writeLocal(copies, unit, index, data);
        }

        scene.runBatch(table, fixture.units(), copies);

        SortedMap<String, byte[]> expected = new TreeMap<>(fixture.after());
        SortedMap<String, byte[]> found = scene.bucket.objects(table.database() + "/");
        found.keySet().removeIf(key -> !expected.containsKey(key) && !isOf(fixture, key));
        assertThat(found.keySet()).isEqualTo(expected.keySet());
        for (TableName unit : fixture.units()) {
            for (TableFile file : TableFile.values()) {
                assertThat(Fixture.assemble(unit, file, found))
                        .isEqualTo(fixture.local(unit, file, true));
            }
        }
        assertUntouchedObjectsAreAsTheyWere(fixture, versionsBefore);
        if (serverOpensIt) {
            assertServerReads(fixture.rowsAfter(), fixture.checksumAfter(), table);
        }
    }

    private static boolean isOf(Fixture fixture, String key) {
        return fixture.units().stream().anyMatch(unit -> key.startsWith(unit.path() + "/"));
    }

    /** ETag and Last-Modified of every block whose bytes the SQL did not change. */
    private void assertUntouchedObjectsAreAsTheyWere(
            Fixture fixture, SortedMap<String, String> versionsBefore) throws IOException {
        SortedMap<String, String> versionsNow =
                scene.bucket.versions(fixture.table().database() + "/");
        Map<String, byte[]> before = fixture.before();
        for (Map.Entry<String, byte[]> object : fixture.after().entrySet()) {
            String key = object.getKey();
            boolean same = Arrays.equals(before.getOrDefault(key, NO_OBJECT), object.getValue());
            if (same && !key.endsWith("/frm") && !key.endsWith("/aria")) {
                assertThat(versionsNow.get(key)).as(key).isEqualTo(versionsBefore.get(key));
            }
        }
    }

    private void assertServerReads(long rows, String checksum, TableName table) throws IOException {
        String name = table.database() + "." + table.table();
        assertThat(scene.server.check(name)).as(name).isEqualTo("OK");
        assertThat(scene.server.query("SELECT COUNT(*) FROM " + name)).isEqualTo("" + rows);
        assertThat(scene.server.checksum(name)).as(name).isEqualTo(checksum);
    }

    /**
     * One table through all that SQL does to file lengths, a batch a statement, both servers asked; each is
     * undone, and the undo undone.
     */
    @ParameterizedTest
    @ValueSource(strings = {"none", "zlib"})
    void tableThatGrowsShrinksIsEmptiedAndGrowsAgainStaysWhatTheLocalTableIs(String compression)
            throws Exception {
        String name = "t_" + compression;
        var table = new TableName("live", name);
        String columns =
                " (id int primary key, a varchar(200), b int, key(a))"
                        + " engine=aria transactional=0";
        scene.server.query("CREATE TABLE live." + name + columns);
        scene.server.query(
                "INSERT INTO live.%s SELECT seq, md5(seq), seq FROM work.seq_1_to_2000"
                        .formatted(name));
        scene.server.query(
                "ALTER TABLE live.%s ENGINE=S3 S3_BLOCK_SIZE=65536 COMPRESSION_ALGORITHM=%s"
                        .formatted(name, compression));
        scene.server.query("CREATE TABLE work." + name + columns);
        scene.server.query("FLUSH TABLES");
        Path work = scene.dataDirectory.resolve("work");
        ServerScene.writeLocal(work, table, scene.bucket.objects("live/" + name + "/"));
        long blocksBefore = blocks(name);

        inABatch(table, "INSERT INTO work.%s SELECT seq, md5(seq), seq FROM work.seq_2001_to_9000");
        assertThat(blocks(name)).as("grown by blocks").isGreaterThan(blocksBefore + 3);
        inABatch(table, "UPDATE work.%s SET a=concat('x', a) WHERE id MOD 1000 = 0");
        inABatch(table, "DELETE FROM work.%s WHERE id BETWEEN 100 AND 6000");
        inABatch(table, "DELETE FROM work.%s");
        assertThat(blocks(name)).as("emptied: one bitmap page").isEqualTo(1);
        inABatch(table, "INSERT INTO work.%s SELECT seq, md5(seq), 1 FROM work.seq_1_to_3000");
        assertThat(blocks(name)).as("grown from empty").isGreaterThan(3);
        inABatch(
                table,
                "DELETE FROM work.%1$s; INSERT INTO work.%1$s SELECT seq, repeat('y', 190), 2 FROM"
                        + " work.seq_1_to_400");
        inABatch(table, "DELETE FROM work.%1$s; INSERT INTO work.%1$s VALUES (1, 'only', 1)");
        assertThat(blocks(name)).as("shrunk to one block a file").isEqualTo(2);
        assertThat(scene.batch("history", "--table=live." + name).lines())
                .filteredOn(line -> line.contains("APPLIED"))
                .as("each statement, undone, and that undone")
                .hasSize(21);
    }

    private long blocks(String name) {
        return scene.bucket.objects("live/" + name + "/").keySet().stream()
                .filter(key -> key.contains("/data/") || key.contains("/index/"))
                .count();
    }

    private void inABatch(TableName table, String sql) throws IOException {
        scene.server.query(sql.formatted(table.table()));
        scene.server.query("FLUSH TABLES");
        String inS3 = "live." + table.table();
        String before = scene.server.checksum(inS3);
        String batch =
                scene.runBatch(
                        table, List.of(table), scene.dataDirectory.resolve("work"), "--keep-undo");
        String after = scene.server.checksum("work." + table.table());
        assertServerHas(sql, inS3, after);
        String undoing = undone(batch);
        assertServerHas("undone: " + sql, inS3, before);
        assertThat(scene.tryBatch("undo", batch).exitCode()).as("undone already").isEqualTo(3);
        undone(undoing);
        assertServerHas("the undo undone: " + sql, inS3, after);
    }

    private void assertServerHas(String what, String inS3, String checksum) throws IOException {
        assertThat(scene.server.check(inS3)).as(what).isEqualTo("OK");
        assertThat(scene.server.checksum(inS3)).as(what).isEqualTo(checksum);
    }

    /** The batch that has undone another. */
    private String undone(String batch) throws IOException {
        String json = scene.batch("undo", batch, "--keep-undo", "--json");
        return new ObjectMapper().readTree(json).get("batch").asText();
    }

    @ParameterizedTest
    @CsvSource({
        "altered, ALTER TABLE work.altered ADD COLUMN c INT, definition",
        "truncated, TRUNCATE work.truncated, DELETE without WHERE"
    })
    void copyThatIsAnotherTableNowIsRefusedAndNothingChanges(String name, String sql, String told)
            throws Exception {
        var table = new TableName("live", name);
        String columns = " (id int primary key, a varchar(20)) engine=aria transactional=0";
        scene.server.query("CREATE TABLE live." + name + columns);
        scene.server.query("INSERT INTO live.%s VALUES (1, 'one')".formatted(name));
        scene.server.query("ALTER TABLE live." + name + " ENGINE=S3");
        scene.server.query("CREATE TABLE work." + name + columns);
        scene.server.query("FLUSH TABLES");
        Path work = scene.dataDirectory.resolve("work");
        ServerScene.writeLocal(work, table, scene.bucket.objects("live/" + name + "/"));
        TimeUnit.SECONDS.sleep(1); // create_time counts in seconds
        scene.server.query(sql);
        scene.server.query("FLUSH TABLES");
        SortedMap<String, String> versions = scene.bucket.versions("live/" + name + "/");
        String batch = scene.batch("begin", "live." + name);

        var refused = scene.tryBatch("stage", batch, "live." + name, "--from", work.toString());

        assertThat(refused.exitCode()).isEqualTo(3);
        assertThat(refused.err()).contains(told);
        scene.batch("abort", batch);
        assertThat(scene.bucket.versions("live/" + name + "/")).isEqualTo(versions);
    }
}
