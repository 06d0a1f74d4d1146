package aria.s3batch.ops.server;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.format.TableName;
import aria.s3batch.ops.CommandLineRun;
import aria.s3batch.ops.demo.EmbeddedS3Process;
import aria.s3batch.ops.demo.MariaDbServer;
import aria.s3batch.ops.demo.S3Server;
import aria.s3batch.ops.process.FaultProxy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SortedMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Another real server, or {@code aria_s3_copy}, changes a table of a batch as a whole: between begin and
 * commit, and between commit and apply. Nothing foreign may be overwritten but by {@code --force}.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Timeout(300)
abstract class ForeignChanges {
    private static final int ROWS = 3_000;
    private static final int FOREIGN = 1_000;
    private static final long LIMIT_NANOS = TimeUnit.SECONDS.toNanos(60);

    private final Path directory;
    private final S3Server s3;
    private final FaultProxy wire;
    private final ServerScene scene;
    private final MariaDbServer other;
    private int tables;

    ForeignChanges(Path directory, S3Server s3) throws IOException {
        this.directory = directory;
        this.s3 = s3;
        wire = new FaultProxy(s3.port());
        scene = new ServerScene(directory, s3, List.of(), List.of("s3-port=" + wire.port()));
        other =
                MariaDbServer.start(
                        MariaDbServer.Installation.find().orElseThrow(),
                        directory.resolve("o"),
                        s3,
                        List.of());
        scene.server.query("CREATE DATABASE live; CREATE DATABASE work");
        other.query("CREATE DATABASE live");
    }

    @AfterAll
    void stop() throws IOException {
        other.close();
        scene.close();
        wire.close();
    }

    /** What the other host does to the whole table. */
    enum Change {
        ALTER,
        COPY,
        DROP,
        RENAME;

        boolean leavesATable() {
            return this == ALTER || this == COPY;
        }
    }

    private void change(Change change, TableName table) throws Exception {
        String name = table.display();
        other.query("SELECT COUNT(*) FROM " + name); // which makes the table known there
        switch (change) {
            case ALTER -> {
                other.query("ALTER TABLE " + name + " ENGINE=Aria TRANSACTIONAL=0");
                other.query("UPDATE " + name + " SET b = b + " + FOREIGN);
                other.query("ALTER TABLE " + name + " ENGINE=S3 S3_BLOCK_SIZE=65536");
            }
            case COPY -> copy(table);
            case DROP -> other.query("DROP TABLE " + name);
            case RENAME -> other.query("RENAME TABLE " + name + " TO live.r" + table.table());
        }
    }

    private void copy(TableName table) throws Exception {
        Path copies = directory.resolve("copies");
        Process process =
                new ProcessBuilder(
                                "/usr/bin/aria_s3_copy",
                                "--no-defaults",
                                "--s3-host-name=127.0.0.1",
                                "--s3-port=" + s3.port(),
                                "--s3-use-http",
                                "--s3-no-content-type",
                                "--s3-bucket=" + EmbeddedS3Process.BUCKET,
                                "--s3-region=" + EmbeddedS3Process.REGION,
                                "--s3-access-key=" + EmbeddedS3Process.ACCESS_KEY,
                                "--s3-secret-key=" + EmbeddedS3Process.SECRET_KEY,
                                "--s3-block-size=65536",
                                "--op=to_s3",
                                "--force",
                                "--database=" + table.database(),
                                copies.resolve(table.table()).toString())
                        .redirectErrorStream(true)
                        .redirectOutput(directory.resolve("copy.log").toFile())
                        .start();
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        assertThat(process.exitValue())
                .as(Files.readString(directory.resolve("copy.log")))
                .isZero();
    }

    /** An S3 table, a local copy of it with every row changed, and one for {@link #copy}. */
    private TableName create() throws IOException {
        var table = new TableName("live", "t" + ++tables);
        String name = table.table();
        String columns = " (id int primary key, a char(100), b int) engine=aria transactional=0";
        scene.server.query("CREATE TABLE live." + name + columns);
        scene.server.query(
                "INSERT INTO live.%s SELECT seq, '', 0 FROM work.seq_1_to_%d"
                        .formatted(name, ROWS));
        scene.server.query("ALTER TABLE live." + name + " ENGINE=S3 S3_BLOCK_SIZE=65536");
        scene.server.query("CREATE TABLE work." + name + columns);
        scene.server.query("FLUSH TABLES");
        ServerScene.writeLocal(work(), table, scene.bucket.objects(table.path() + "/"));
        scene.server.query("UPDATE work." + name + " SET b = " + FOREIGN);
        scene.server.query("FLUSH TABLES");
        Path copies = Files.createDirectories(directory.resolve("copies"));
        for (String suffix : List.of(".frm", ".MAI", ".MAD")) {
            Files.copy(work().resolve(name + suffix), copies.resolve(name + suffix));
        }
        scene.server.query("UPDATE work." + name + " SET b = 1, a = 'ours'");
        scene.server.query("FLUSH TABLES");
        return table;
    }

    private Path work() {
        return scene.dataDirectory.resolve("work");
    }

    private String staged(TableName table) {
        String batch = scene.batch("begin", table.display());
        scene.batch("stage", batch, table.path(), "--from", work().toString());
        return batch;
    }

    private JsonNode json(String verb, String... arguments) throws IOException {
        String[] line = new String[arguments.length + 1];
        System.arraycopy(arguments, 0, line, 0, arguments.length);
        line[arguments.length] = "--json";
        return new ObjectMapper().readTree(scene.batch(verb, line));
    }

    private String state(String batch) throws IOException {
        return json("status", batch).at("/batches/0/state").asText();
    }

    private void awaitState(String batch, String wanted) throws Exception {
        long deadline = System.nanoTime() + LIMIT_NANOS;
        for (String now = state(batch); !now.equals(wanted); now = state(batch)) {
            assertThat(System.nanoTime()).as("%s is %s", batch, now).isLessThan(deadline);
            TimeUnit.MILLISECONDS.sleep(50); // another process: nothing to wait on
        }
    }

    private SortedMap<String, byte[]> objects() {
        return scene.bucket.objects("live/");
    }

    /** Byte by byte. */
    private void assertUntouched(SortedMap<String, byte[]> before) {
        SortedMap<String, byte[]> now = objects();
        assertThat(now.keySet()).isEqualTo(before.keySet());
        now.forEach((key, bytes) -> assertThat(bytes).as(key).isEqualTo(before.get(key)));
    }

    private String rows(String table) throws IOException {
        return other.query("SELECT COUNT(*), SUM(b) FROM " + table);
    }

    private void assertForeignRows(Change change, TableName table) throws IOException {
        String foreign = ROWS + "\t" + (long) ROWS * FOREIGN;
        switch (change) {
            case ALTER, COPY -> assertThat(rows(table.display())).isEqualTo(foreign);
            case RENAME -> assertThat(rows("live.r" + table.table())).isEqualTo(ROWS + "\t0");
            case DROP -> assertThat(objects().keySet()).noneMatch(k -> k.startsWith(table.path()));
        }
    }

    @ParameterizedTest
    @EnumSource(Change.class)
    void foundAtCommitItIsRefusedAndTheBatchStaysOpen(Change change) throws Exception {
        TableName table = create();
        String batch = staged(table);
        change(change, table);
        SortedMap<String, byte[]> foreign = objects();

        CommandLineRun refused = scene.tryBatch("commit", batch);

        assertThat(refused.exitCode()).as(refused.err()).isEqualTo(3);
        assertThat(refused.err())
                .contains(table.path() + "/", "changed by another writer", "Nothing was")
                .doesNotContain("Exception");
        assertThat(state(batch)).isEqualTo("OPEN");
        assertUntouched(foreign);
        scene.batch("abort", batch);
        assertUntouched(foreign);
        assertForeignRows(change, table);
        assertThat(scene.bucket.versions("_aria_s3_batch/")).isEmpty();
    }

    /** Committed, and the daemon killed before the first write to the table. */
    private String committed(TableName table) throws Exception {
        String batch = staged(table);
        var reached = new CountDownLatch(1);
        FaultProxy.Hold hold =
                wire.hold(
                        FaultProxy.Side.BEFORE,
                        what ->
                                what.verb().equals("PUT")
                                        && what.key().startsWith("_aria_s3_batch/fence/"),
                        reached::countDown);
        scene.batch("commit", batch, "--no-wait");
        assertThat(reached.await(60, TimeUnit.SECONDS)).isTrue();
        scene.killDaemon();
        hold.end(FaultProxy.Held.DROPPED);
        return batch;
    }

    @ParameterizedTest
    @EnumSource(Change.class)
    void afterTheCommitItIsQuarantinedAndEachWayOutDoesWhatItSays(Change change) throws Exception {
        TableName table = create();
        String batch = committed(table);
        change(change, table);
        SortedMap<String, byte[]> foreign = objects();
        scene.startDaemon();
        awaitState(batch, "QUARANTINED");
        assertUntouched(foreign);
        assertThat(json("status", batch).at("/batches/0/reason").asText())
                .contains(table.path() + "/", "changed by another writer");

        JsonNode outlook = json("resolve", batch);
        JsonNode named = outlook.get(change.leavesATable() ? "changed" : "deleted");
        assertThat(named).anyMatch(key -> key.asText().equals(table.path() + "/frm"));
        assertThat(outlook.get("written").asInt()).isZero();
        assertThat(outlook.get("retry").asText()).contains("quarantined again");
        assertThat(state(batch)).isEqualTo("QUARANTINED");
        assertUntouched(foreign);

        scene.batch("resolve", batch, "--retry");
        awaitState(batch, "QUARANTINED");
        assertUntouched(foreign);

        boolean forced = change == Change.COPY || change == Change.DROP;
        if (forced) {
            scene.batch("resolve", batch, "--force");
        }
        if (change == Change.COPY) {
            assertThat(outlook.get("force").asText()).contains("their changes there are lost");
            awaitState(batch, "APPLIED");
            assertThat(rows(table.display())).isEqualTo(ROWS + "\t" + ROWS);
        } else {
            if (forced) {
                assertThat(outlook.get("force").asText()).contains("Cannot help");
                awaitState(batch, "QUARANTINED");
                assertUntouched(foreign);
            }
            assertThat(outlook.get("discard").asText()).contains("None of its objects was written");
            scene.batch("resolve", batch, "--discard");
            awaitState(batch, "ABORTED");
            assertUntouched(foreign);
            assertForeignRows(change, table);
        }
        assertThat(scene.bucket.versions("_aria_s3_batch/")).isEmpty();
    }
}
