package aria.s3batch.ops.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import aria.s3batch.format.Fixture;
import aria.s3batch.ops.CommandLineRun;
import aria.s3batch.ops.demo.Bucket;
import aria.s3batch.ops.demo.EmbeddedS3Process;
import aria.s3batch.ops.demo.MariaDbServer;
import aria.s3batch.ops.demo.S3Server;
import aria.s3batch.ops.process.FaultProxy;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SortedMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * A real MariaDB opens what {@code pull} wrote, as Aria tables, and reads what {@code push} put into the bucket,
 * by its S3 engine; and both are what MariaDB's own {@code aria_s3_copy} makes.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class CopyOnARealServer {
    private static final int BLOCK_BYTES = 65536;

    private final Path directory;
    private final S3Server s3;
    private final FaultProxy wire;
    private final Bucket bucket;
    private final MariaDbServer server;
    private final Path data;
    private final Path options;

    CopyOnARealServer(Path directory, S3Server s3) throws IOException {
        this.directory = directory;
        this.s3 = s3;
        wire = new FaultProxy(s3.port());
        bucket = new Bucket(s3);
        server =
                MariaDbServer.start(
                        MariaDbServer.Installation.find().orElseThrow(),
                        directory.resolve("m"),
                        s3);
        data = directory.resolve("m").resolve("data");
        options = directory.resolve("my.cnf");
        Files.writeString(
                options,
                """
                [aria_s3_batchd]
                s3-host-name=127.0.0.1
                s3-port=%d
                s3-use-http=ON
                s3-bucket=%s
                s3-region=%s
                s3-access-key=%s
                s3-secret-key=%s
                lock-lease=2
                """
                        .formatted(
                                wire.port(),
                                EmbeddedS3Process.BUCKET,
                                EmbeddedS3Process.REGION,
                                EmbeddedS3Process.ACCESS_KEY,
                                EmbeddedS3Process.SECRET_KEY));
    }

    @BeforeAll
    void makeDatabases() throws IOException {
        server.query(
                "CREATE DATABASE fx_shared; CREATE DATABASE pushed; CREATE DATABASE tool;"
                        + " CREATE DATABASE work");
    }

    @AfterAll
    void stop() {
        server.close();
        bucket.close();
        wire.close();
        s3.close();
    }

    private CommandLineRun tryRun(String... words) {
        return CommandLineRun.of(line(words).toArray(String[]::new));
    }

    private List<String> line(String... words) {
        var line = new ArrayList<>(List.of(words));
        line.add("--defaults-file=" + options);
        return line;
    }

    private void run(String... words) {
        CommandLineRun run = tryRun(words);
        assertThat(run.exitCode()).as(run.err()).isZero();
    }

    static Stream<String> fixturesThatAServerCanOpen() {
        return Fixture.names().stream().filter(name -> !name.contains("@"));
    }

    @ParameterizedTest
    @MethodSource("fixturesThatAServerCanOpen")
    void pulledTableIsAnAriaTableAndPushedAgainAnS3TableOfTheSameRows(String name)
            throws IOException {
        Fixture fixture = Fixture.of(name);
        bucket.putAll(fixture.before());

        run("pull", "fx_shared." + name, "--to", data.toString());

        assertThat(engine("fx_shared", name)).isEqualTo("Aria");
        assertReads("fx_shared." + name, fixture);
        server.query("FLUSH TABLES fx_shared." + name);
        run("push", data.resolve("fx_shared").resolve(name).toString(), "pushed." + name);
        assertReads("pushed." + name, fixture);
        assertThat(engine("pushed", name)).isEqualTo("S3");
    }

    /** Of a partitioned table, that of its partitions. */
    private String engine(String database, String table) throws IOException {
        String shown = server.query("SHOW CREATE TABLE %s.%s".formatted(database, table));
        assertThat(shown).contains("ENGINE");
        boolean aria = shown.matches("(?s).*ENGINE ?= ?Aria.*");
        boolean s3Engine = shown.matches("(?s).*ENGINE ?= ?S3.*");
        assertThat(aria).isNotEqualTo(s3Engine);
        return aria ? "Aria" : "S3";
    }

    private void assertReads(String table, Fixture fixture) throws IOException {
        assertThat(server.check(table)).isEqualTo("OK");
        assertThat(server.query("SELECT COUNT(*) FROM " + table))
                .isEqualTo(Long.toString(fixture.rowsBefore()));
        assertThat(server.checksum(table)).isEqualTo(fixture.checksumBefore());
    }

    // ---- beside MariaDB's own tool ----------------------------------------------------------

    private void copyTool(Path table, String... words) throws Exception {
        var command =
                new ArrayList<>(
                        List.of(
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
                                "--s3-block-size=" + BLOCK_BYTES));
        command.addAll(List.of(words));
        command.add(table.toString());
        Path log = directory.resolve("copy.log");
        Process process =
                new ProcessBuilder(command)
                        .redirectErrorStream(true)
                        .redirectOutput(log.toFile())
                        .start();
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        assertThat(process.exitValue()).as(Files.readString(log)).isZero();
    }

    /** A local Aria table of so many rows, that no server has open. */
    private Path create(String name, int rows) throws IOException {
        server.query(
                ("CREATE TABLE work.%s (id int primary key, a char(200), b int, key(b)) engine=aria"
                     + " transactional=0; INSERT INTO work.%s SELECT seq, repeat('x', 150), seq %%"
                     + " 100 FROM work.seq_1_to_%d; FLUSH TABLES work.%s")
                        .formatted(name, name, rows, name),
                Duration.ofSeconds(60));
        return data.resolve("work").resolve(name);
    }

    @Test
    void pushAndPullMakeWhatAriaS3CopyMakesButForTheNameOfTheEngine() throws Exception {
        Path local = create("orders", 2_000);

        run("push", local.toString(), "pushed.orders", "--s3-block-size=" + BLOCK_BYTES);
        copyTool(local, "--op=to_s3", "--database=tool");

        SortedMap<String, byte[]> ours = bucket.objects("pushed/orders/");
        SortedMap<String, byte[]> theirs = bucket.objects("tool/orders/");
        assertThat(ours.keySet().stream().map(key -> key.replace("pushed/", "tool/")).toList())
                .isEqualTo(List.copyOf(theirs.keySet()));
        assertThat(ours).hasSizeGreaterThan(5);
        ours.forEach(
                (key, body) -> {
                    if (!key.endsWith("/frm")) {
                        assertThat(body)
                                .as(key)
                                .isEqualTo(theirs.get(key.replace("pushed/", "tool/")));
                    }
                });
        byte[] frm = Files.readAllBytes(Path.of(local + ".frm"));
        frm[3] = 41;
        assertThat(theirs.get("tool/orders/frm")).as("what it does with a frm").isEqualTo(frm);
        byte[] ourFrm = ours.get("pushed/orders/frm");
        assertThat(ourFrm).hasSize(frm.length - 2).startsWith(Arrays.copyOf(frm, 4));

        // theirs is pulled and opened, ours is read by them
        Path pulled = directory.resolve("pulled");
        run("pull", "tool.orders", "--to", pulled.toString());
        Path theirCopy = Files.createDirectories(directory.resolve("theirs").resolve("pushed"));
        copyTool(theirCopy.resolve("orders"), "--op=from_s3");
        for (String extension : List.of(".MAI", ".MAD")) {
            byte[] expected = Files.readAllBytes(Path.of(local + extension));
            assertThat(pulled.resolve("tool").resolve("orders" + extension))
                    .hasBinaryContent(expected);
            assertThat(theirCopy.resolve("orders" + extension)).hasBinaryContent(expected);
        }
        assertThat(pulled.resolve("tool").resolve("orders.frm"))
                .hasBinaryContent(Files.readAllBytes(Path.of(local + ".frm")));
        // and what they downloaded, with their frm, is pushed
        run("push", theirCopy.resolve("orders").toString(), "pushed.again");
        assertThat(server.checksum("pushed.again")).isEqualTo(server.checksum("work.orders"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"--compress", "--no-compress"})
    void roundTripThroughS3KeepsEveryByte(String compress) throws IOException {
        String name = "trip" + compress.length();
        Path local = create(name, 1_000);
        run("push", local.toString(), "pushed." + name, compress);
        assertThat(server.checksum("pushed." + name)).isEqualTo(server.checksum("work." + name));
        Path pulled = directory.resolve("trips");
        run("pull", "pushed." + name, "--to", pulled.toString());
        for (String extension : List.of(".MAI", ".MAD", ".frm")) {
            byte[] expected = Files.readAllBytes(Path.of(local + extension));
            byte[] found = Files.readAllBytes(pulled.resolve("pushed").resolve(name + extension));
            if (extension.equals(".frm")) {
                Arrays.fill(expected, 66, 82, (byte) 0); // the version is new
                Arrays.fill(found, 66, 82, (byte) 0);
            }
            assertThat(found).as(extension).isEqualTo(expected);
        }
        run("drop", "pushed." + name, "--yes");
        assertThatThrownBy(() -> server.query("SELECT COUNT(*) FROM pushed." + name))
                .hasMessageContaining("1146");
    }

    @Test
    void openTableIsRefusedUntilItIsFlushed() throws IOException {
        Path local = create("open_one", 10);
        server.query("UPDATE work.open_one SET b = 7");

        CommandLineRun refused = tryRun("push", local.toString(), "pushed.open_one");

        assertThat(refused.exitCode()).isEqualTo(3);
        assertThat(refused.err()).contains("open_count 1", "FLUSH TABLES");
        server.query("FLUSH TABLES work.open_one");
        run("push", local.toString(), "pushed.open_one");
        assertThat(server.query("SELECT SUM(b) FROM pushed.open_one")).isEqualTo("70");
    }

    // ---- replacing what servers read ---------------------------------------------------------

    @Test
    void readersSeeTheOldTableOrNoneOrTheNewOneAndAKilledPushIsEndedByTheNext() throws Exception {
        Path local = create("live", 2_000);
        String sum = "SELECT SUM(b) FROM pushed.live";
        run("push", local.toString(), "pushed.live", "--s3-block-size=" + BLOCK_BYTES);
        String old = server.query(sum);
        server.query("UPDATE work.live SET b = b + 1; FLUSH TABLES work.live");

        var reached = new CountDownLatch(1);
        FaultProxy.Hold hold =
                wire.hold(
                        FaultProxy.Side.BEFORE,
                        what -> what.verb().equals("PUT") && what.key().endsWith("/data/000003"),
                        reached::countDown);
        List<String> line = line("push", local.toString(), "pushed.live", "--force");
        ClientProcess push = ClientProcess.start(line, directory);
        assertThat(reached.await(60, TimeUnit.SECONDS)).isTrue();

        assertThat(old).isEqualTo("99000");
        assertThatThrownBy(() -> server.query(sum)).hasMessageContaining("1146");
        push.process().destroyForcibly().waitFor();
        hold.end(FaultProxy.Held.DROPPED);
        assertThatThrownBy(() -> server.query(sum)).hasMessageContaining("1146");
        CommandLineRun pull =
                tryRun("pull", "pushed.live", "--to", directory.resolve("half").toString());
        assertThat(pull.exitCode()).isEqualTo(1);
        run("push", local.toString(), "pushed.live");

        assertThat(server.query(sum)).as("without FLUSH").isEqualTo("101000");
        assertThat(server.check("pushed.live")).isEqualTo("OK");
        run("check", "pushed.live");
        assertThat(bucket.versions("_aria_s3_batch/").keySet())
                .noneMatch(key -> key.contains("/locks/"));
    }
}
