package aria.s3batch.ops;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.format.AriaHeader;
import aria.s3batch.format.BatchId;
import aria.s3batch.format.Fixture;
import aria.s3batch.format.FrmImage;
import aria.s3batch.format.HeaderField;
import aria.s3batch.format.ParImage;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;
import aria.s3batch.ops.demo.Bucket;
import aria.s3batch.ops.demo.EmbeddedS3Process;
import aria.s3batch.ops.process.FaultProxy;
import aria.s3batch.s3block.AwsObjectStore;
import aria.s3batch.s3block.BatchLocks;
import aria.s3batch.s3block.LockOwner;
import aria.s3batch.s3block.StoreSettings;
import aria.s3batch.s3block.TableLocks;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** {@code pull}, {@code push} and {@code drop} on a real S3 server; whether MariaDB reads it is tested with one. */
class CopyVerbsTest {
    @TempDir static Path directory;
    @TempDir Path local;
    private static EmbeddedS3Process server;
    private static Bucket bucket;
    private static AwsObjectStore store;
    private static Path options;

    @BeforeAll
    static void startServer() throws IOException {
        server = EmbeddedS3Process.start(directory.resolve("s3"));
        bucket = new Bucket(server);
        store =
                AwsObjectStore.connect(
                        new StoreSettings(
                                "127.0.0.1",
                                server.port(),
                                true,
                                false,
                                EmbeddedS3Process.BUCKET,
                                EmbeddedS3Process.REGION,
                                EmbeddedS3Process.ACCESS_KEY,
                                EmbeddedS3Process.SECRET_KEY,
                                StoreSettings.ProtocolVersion.AUTO,
                                4),
                        new SplittableRandom(1));
        options = directory.resolve("my.cnf");
        Files.writeString(
                options,
                """
                [mariadbd]
                s3-host-name=127.0.0.1
                s3-port=%d
                s3-use-http=ON
                s3-bucket=%s
                s3-region=%s
                s3-access-key=%s
                s3-secret-key=%s
                [aria_s3_batchd]
                lock-lease=2
                fence-wait=0
                """
                        .formatted(
                                server.port(),
                                EmbeddedS3Process.BUCKET,
                                EmbeddedS3Process.REGION,
                                EmbeddedS3Process.ACCESS_KEY,
                                EmbeddedS3Process.SECRET_KEY));
    }

    @BeforeEach
    void emptyTheBucket() {
        bucket.versions("").keySet().forEach(bucket::delete);
    }

    @AfterAll
    static void stopServer() {
        store.close();
        bucket.close();
        server.close();
    }

    private static CommandLineRun run(String... args) {
        return CommandLineRun.of(with(args));
    }

    private static String[] with(String... args) {
        var all = new ArrayList<>(List.of(args));
        all.add("--defaults-file=" + options);
        return all.toArray(String[]::new);
    }

    private static Fixture loaded(String name) {
        Fixture fixture = Fixture.of(name);
        bucket.putAll(fixture.before());
        return fixture;
    }

    private static CommandLineRun ok(CommandLineRun run) {
        assertThat(run.exitCode()).as(run.err()).isZero();
        return run;
    }

    private List<String> names(Path folder) throws IOException {
        try (Stream<Path> paths = Files.list(folder)) {
            return paths.map(path -> path.getFileName().toString()).sorted().toList();
        }
    }

    // ---- pull -------------------------------------------------------------------------------

    @ParameterizedTest
    @ValueSource(strings = {"plain", "zlib", "wide", "empty", "sp@002d@0k@0020x"})
    void pulledFilesAreThoseOfTheLocalTable(String name) throws Exception {
        Fixture fixture = loaded(name);

        CommandLineRun run = ok(run("pull", fixture.table().path(), "--to", local.toString()));

        Path files = local.resolve("fx_shared");
        assertThat(names(files)).containsExactly(name + ".MAD", name + ".MAI", name + ".frm");
        for (TableFile file : TableFile.values()) {
            assertThat(files.resolve(name + "." + file.extension()))
                    .hasBinaryContent(fixture.local(fixture.table(), file, false));
        }
        byte[] frm = fixture.before(fixture.table().path() + "/frm");
        assertThat(files.resolve(name + ".frm"))
                .hasBinaryContent(FrmImage.parse(frm, "frm").toAria().bytes());
        assertThat(run.err()).contains("pulled", fixture.table().display(), ".MAI");
        assertThat(bucket.versions("_aria_s3_batch/")).as("nothing is written").isEmpty();
    }

    @Test
    void partitionedTableIsPulledWithAllItsPartitionsAndJsonListsTheFiles() throws Exception {
        Fixture part = loaded("part");

        var json = ok(run("pull", "fx_shared.part", "--to", local.toString(), "--json")).json();

        Path files = local.resolve("fx_shared");
        assertThat(names(files))
                .containsExactly(
                        "part#P#p0.MAD",
                        "part#P#p0.MAI",
                        "part#P#p1.MAD",
                        "part#P#p1.MAI",
                        "part.frm",
                        "part.par");
        byte[] par = part.before("fx_shared/part/par");
        assertThat(files.resolve("part.par"))
                .hasBinaryContent(ParImage.parse(par, "par").toAria().bytes());
        assertThat(json.at("/tables/0/files")).hasSize(6);
        assertThat(json.at("/tables/0/files/5").asText()).endsWith("part.frm");
        ok(run("pull", "fx_shared.part#P#p1", "--to", local.resolve("one").toString()));
        assertThat(names(local.resolve("one/fx_shared")))
                .containsExactly("part#P#p1.MAD", "part#P#p1.MAI");
    }

    @Test
    void filesThatAreThereAreReplacedByForceAlone() throws Exception {
        loaded("plain");
        Path folder = Files.createDirectories(local.resolve("fx_shared"));
        Path there = folder.resolve("plain.MAD");
        Files.writeString(there, "mine");

        CommandLineRun refused = run("pull", "fx_shared.plain", "--to", local.toString());

        assertThat(refused.exitCode()).isEqualTo(3);
        assertThat(refused.err()).contains(there.toString(), "--force");
        assertThat(there).hasContent("mine");
        assertThat(names(folder)).containsExactly("plain.MAD");
        ok(run("pull", "fx_shared.plain", "--to", local.toString(), "--force"));
        assertThat(names(folder)).hasSize(3);
    }

    @Test
    void damagedTableIsNamedAndLeavesNoFile() throws Exception {
        Fixture plain = loaded("plain");
        byte[] block = plain.before("fx_shared/plain/data/000003").clone();
        block[5000] ^= 1;
        bucket.put("fx_shared/plain/data/000003", block);

        CommandLineRun run = run("pull", "fx_shared.plain", "--to", local.toString());

        assertThat(run.exitCode()).isEqualTo(4);
        assertThat(run.err()).contains("fx_shared/plain/data/000003", "data page 16");
        assertThat(names(local.resolve("fx_shared"))).isEmpty();
    }

    @Test
    void whatAKilledPullHasLeftIsReplaced() throws Exception {
        Fixture plain = loaded("plain");
        Path folder = Files.createDirectories(local.resolve("fx_shared"));
        Path left = folder.resolve(".plain.MAD.pull");
        Files.write(left, new byte[10_000_000]);

        ok(run("pull", "fx_shared.plain", "--to", local.toString()));

        assertThat(names(folder)).hasSize(3);
        assertThat(left.resolveSibling("plain.MAD"))
                .hasBinaryContent(plain.local(plain.table(), TableFile.DATA, false));
    }

    @Test
    void tableOfACommittedBatchIsNotPulled() throws Exception {
        loaded("plain");
        BatchLocks locks = locked("fx_shared", "plain");
        locks.commit("");

        CommandLineRun run = run("pull", "fx_shared.plain", "--to", local.toString());

        assertThat(run.exitCode()).isEqualTo(3);
        assertThat(run.err()).contains("fx_shared.plain is locked by batch", "committed");
        locks.release();
    }

    // ---- push -------------------------------------------------------------------------------

    /** The local table before the batch, as files of the directory of a database. */
    private Path files(Fixture fixture) throws IOException {
        Path folder = Files.createDirectories(local.resolve(fixture.database()));
        String path = fixture.table().path();
        byte[] frm = FrmImage.parse(fixture.before(path + "/frm"), "frm").toAria().bytes();
        Files.write(folder.resolve(fixture.name() + ".frm"), frm);
        byte[] par = fixture.before().get(path + "/par");
        if (par != null) {
            Files.write(
                    folder.resolve(fixture.name() + ".par"),
                    ParImage.parse(par, "par").toAria().bytes());
        }
        for (TableName unit : fixture.units()) {
            for (TableFile file : TableFile.values()) {
                Files.write(
                        folder.resolve(unit.table() + "." + file.extension()),
                        fixture.local(unit, file, false));
            }
        }
        return folder.resolve(fixture.name());
    }

    private static void assertIsBefore(Fixture fixture) {
        Map<String, byte[]> found = bucket.objects("");
        assertThat(found.keySet()).isEqualTo(fixture.before().keySet());
        found.forEach(
                (key, body) -> {
                    byte[] expected = fixture.before(key).clone();
                    if (key.endsWith("/frm")) {
                        Arrays.fill(expected, 66, 82, (byte) 0); // the version is a new one
                        assertThat(body).isNotEqualTo(fixture.before(key));
                        Arrays.fill(body, 66, 82, (byte) 0);
                    }
                    assertThat(body).as(key).isEqualTo(expected);
                });
    }

    @ParameterizedTest
    @ValueSource(strings = {"plain", "wide", "empty", "part", "noidx"})
    void pushedTableIsWhatTheServerItselfPutThere(String name) throws Exception {
        Fixture fixture = Fixture.of(name);
        Path files = files(fixture);
        int blockBytes = fixture.headerBefore(fixture.units().getFirst()).s3BlockBytes();

        CommandLineRun run =
                ok(run("push", files.toString(), "--s3-block-size=" + blockBytes, "--json"));

        assertIsBefore(fixture);
        assertThat(run.json().get("replaced").asBoolean()).isFalse();
        assertThat(run.json().get("table").asText()).isEqualTo("fx_shared." + name);
    }

    @Test
    void tableThatIsThereIsReplacedByForceAloneAndKeepsItsBlockSizeAndCompression()
            throws Exception {
        Fixture zlib = loaded("zlib");
        Path files = files(zlib);
        var before = bucket.versions("");

        CommandLineRun refused = run("push", files + ".MAI");

        assertThat(refused.exitCode()).isEqualTo(3);
        assertThat(refused.err()).contains("in the bucket already", "--force");
        assertThat(bucket.versions("")).isEqualTo(before);
        CommandLineRun run = ok(run("push", files + ".MAI", "--force", "--json"));
        assertThat(run.json().get("replaced").asBoolean()).isTrue();
        assertThat(run.json().get("compressed").asBoolean()).isTrue();
        AriaHeader header =
                AriaHeader.parse(bucket.get("fx_shared/zlib/aria"), "fx_shared/zlib/aria");
        assertThat(header).isEqualTo(zlib.headerBefore(zlib.table()));
        for (TableFile file : TableFile.values()) {
            assertThat(Fixture.assemble(zlib.table(), file, bucket.objects("fx_shared/")))
                    .isEqualTo(zlib.local(zlib.table(), file, false));
        }
        ok(run("check", "fx_shared"));
    }

    @Test
    void tableIsPushedUnderAnotherNameCompressedInLargeBlocks() throws Exception {
        Fixture plain = Fixture.of("plain");

        ok(run("push", files(plain).toString(), "archive.orders", "--compress"));

        assertThat(bucket.versions("").keySet())
                .containsExactly(
                        "archive/orders/aria",
                        "archive/orders/data/000001",
                        "archive/orders/frm",
                        "archive/orders/index/000001");
        AriaHeader header = AriaHeader.parse(bucket.get("archive/orders/aria"), "aria");
        assertThat(header.compressed()).isTrue();
        assertThat(header.s3BlockBytes()).isEqualTo(4 << 20);
        ok(run("check", "archive.orders"));
    }

    @Test
    void tableThatCannotBePublishedIsRefusedWithTheReason() throws Exception {
        Fixture plain = Fixture.of("plain");
        Path files = files(plain);
        Path index = Path.of(files + ".MAI");
        byte[] whole = Files.readAllBytes(index);
        AriaHeader header = plain.headerBefore(plain.table()).asLocal();

        write(index, header.with(HeaderField.OPEN_COUNT, 1));
        assertRefused(run("push", files.toString()), "open_count 1", "FLUSH TABLES");
        write(index, header.with(HeaderField.BORN_TRANSACTIONAL, 1));
        assertRefused(run("push", files.toString()), "TRANSACTIONAL=0");
        Files.write(index, whole);
        Path frm = Path.of(files + ".frm");
        byte[] aria = Files.readAllBytes(frm);
        aria[3] = 12;
        Files.write(frm, aria);
        assertRefused(run("push", files.toString()), "expected engine 42 named 'Aria'");
        Files.delete(frm);
        assertRefused(run("push", files.toString()), "no file " + frm);
    }

    private static void write(Path index, AriaHeader header) throws IOException {
        try (var file = new RandomAccessFile(index.toFile(), "rw")) {
            file.write(header.bytes());
        }
    }

    private static void assertRefused(CommandLineRun run, String... words) {
        assertThat(run.exitCode()).as(run.err()).isEqualTo(3);
        assertThat(run.err()).contains("Nothing was changed").contains(words);
        assertThat(bucket.versions("")).isEmpty();
    }

    @Test
    void damagedLocalPageIsFoundAndTheTableInS3Stays() throws Exception {
        Fixture plain = loaded("plain");
        Path files = files(plain);
        try (var file = new RandomAccessFile(files + ".MAD", "rw")) {
            file.seek(5 * 8192 + 300);
            file.write(0x5a);
        }
        var before = bucket.versions("fx_shared/");

        CommandLineRun run = run("push", files.toString(), "--force");

        assertThat(run.exitCode()).isEqualTo(4);
        assertThat(run.err()).contains("plain.MAD", "data page 5", "can be read");
        assertThat(bucket.versions("fx_shared/")).isEqualTo(before);
        assertThat(bucket.versions("_aria_s3_batch/")).as("the lock is released").isEmpty();
    }

    @Test
    void wrongUseIsTwo() throws Exception {
        Path files = files(Fixture.of("part"));
        assertThat(run("push", files.toString(), "--s3-block-size=16777216").exitCode())
                .isEqualTo(2);
        CommandLineRun partition = run("push", files + "#P#p0");
        assertThat(partition.exitCode()).isEqualTo(2);
        assertThat(partition.err()).contains("a partition is pushed with its table", "part");
        assertThat(run("drop", "fx_shared.part#P#p0", "--yes").exitCode()).isEqualTo(2);
        assertThat(run("drop", "fx_shared.part").exitCode()).as("nobody to ask").isEqualTo(2);
        assertThat(run("check").exitCode()).isEqualTo(2);
        assertThat(run("check", "a.b", "--all").exitCode()).isEqualTo(2);
    }

    // ---- locks ------------------------------------------------------------------------------

    private static BatchLocks locked(String database, String table) throws IOException {
        var locks =
                new TableLocks(
                        store,
                        new LockOwner("0123456789abcdef", "db7", 812, "boot"),
                        Duration.ofSeconds(2),
                        System::nanoTime,
                        InstantSource.system());
        return locks.acquire(BatchId.of(1, 2, 3), List.of(new TableName(database, table)));
    }

    @Test
    void tableOfABatchIsNeitherReplacedNorDropped() throws Exception {
        Fixture plain = loaded("plain");
        Path files = files(plain);
        var before = bucket.versions("fx_shared/");
        BatchLocks locks = locked("fx_shared", "plain");
        locks.commit("");
        for (CommandLineRun refused :
                List.of(
                        run("push", files.toString(), "--force"),
                        run("drop", "fx_shared.plain", "--yes"))) {
            assertThat(refused.exitCode()).isEqualTo(3);
            assertThat(refused.err()).contains("locked by batch", "db7", "Nothing was changed");
        }
        assertThat(bucket.versions("fx_shared/")).isEqualTo(before);
        locks.release();
    }

    @Test
    void lockOfALiveDaemonIsWatchedUntilItIsRenewed() throws Exception {
        loaded("plain");
        BatchLocks locks = locked("fx_shared", "plain");
        Thread daemon =
                Thread.ofPlatform()
                        .start(
                                () -> {
                                    try {
                                        while (!Thread.currentThread().isInterrupted()) {
                                            locks.renew();
                                        }
                                    } catch (IOException e) {
                                        Thread.currentThread().interrupt();
                                    }
                                });
        CommandLineRun refused = run("drop", "fx_shared.plain", "--yes");
        daemon.interrupt();
        daemon.join();
        assertThat(refused.exitCode()).isEqualTo(3);
        assertThat(refused.err()).contains("watching", "locked by batch");
        assertThat(bucket.versions("fx_shared/")).isNotEmpty();
        assertThat(locks.lost()).isNull();
    }

    @Test
    void lockOfOneThatWasKilledExpires() throws Exception {
        Fixture plain = loaded("plain");
        locked("fx_shared", "plain");

        ok(run("push", files(plain).toString(), "--force"));

        assertIsBefore(plain);
    }

    // ---- drop -------------------------------------------------------------------------------

    @Test
    void droppedTableIsGoneAndItsNeighboursStay() throws Exception {
        loaded("plain");
        loaded("part");
        bucket.put("fx_shared/plain2/aria", "x".getBytes(StandardCharsets.UTF_8));

        CommandLineRun run = ok(run("drop", "fx_shared.plain", "fx_shared.part", "--yes"));

        assertThat(bucket.versions("").keySet()).containsExactly("fx_shared/plain2/aria");
        assertThat(run.err()).contains("fx_shared.plain: 10 objects", "in 2 partitions", "dropped");
        assertThat(run("drop", "fx_shared.plain", "--yes").exitCode()).isEqualTo(1);
    }

    @Test
    void dropAsksAndOnlyYesDeletes() throws Exception {
        loaded("plain");
        String[] line = with("drop", "fx_shared.plain");
        for (String answer : List.of("no\n", "\n", "", "y\n", "yes please\n")) {
            CommandLineRun no =
                    CommandLineRun.withInput(answer.getBytes(StandardCharsets.UTF_8), true, line);
            assertThat(no.exitCode()).isEqualTo(1);
            assertThat(no.err()).contains("fx_shared.plain: 10 objects", "stays");
        }
        assertThat(bucket.versions("fx_shared/")).hasSize(10);
        ok(CommandLineRun.withInput("yes\n".getBytes(StandardCharsets.UTF_8), true, line));
        assertThat(bucket.versions("")).isEmpty();
    }

    @Test
    void whatAKilledDropHasLeftIsDropped() throws Exception {
        loaded("plain");
        bucket.delete("fx_shared/plain/frm");
        bucket.delete("fx_shared/plain/aria");
        assertThat(run("check", "fx_shared").exitCode()).isEqualTo(4);

        assertThat(ok(run("drop", "fx_shared.plain", "--yes")).err()).contains("what is left");

        assertThat(bucket.versions("")).isEmpty();
    }

    @Test
    void dropThatTheStoreLeavesSaysThatItIsToBeRepeated() throws Exception {
        loaded("plain");
        var wire = new FaultProxy(server.port());
        var reached = new CountDownLatch(1);
        FaultProxy.Hold hold =
                wire.hold(
                        FaultProxy.Side.BEFORE,
                        what -> what.verb().equals("DELETE") && what.key().contains("/data/"),
                        reached::countDown);
        var drop =
                CompletableFuture.supplyAsync(
                        () -> run("drop", "fx_shared.plain", "--yes", "--s3-port=" + wire.port()));
        assertThat(reached.await(60, TimeUnit.SECONDS)).isTrue();
        wire.close();
        hold.end(FaultProxy.Held.DROPPED);

        CommandLineRun broken = drop.get(120, TimeUnit.SECONDS);

        assertThat(broken.exitCode()).isEqualTo(5);
        assertThat(broken.err()).contains("drop fx_shared.plain again");
        ok(run("drop", "fx_shared.plain", "--yes"));
        assertThat(bucket.versions("fx_shared/")).isEmpty();
    }

    // ---- check of databases -----------------------------------------------------------------

    @Test
    void wholeDatabasesAreCheckedTableByTable() throws Exception {
        for (String name : List.of("plain", "zlib", "part")) {
            loaded(name);
        }
        bucket.putAll(
                Map.of(
                        "other/t/frm", new byte[1],
                        "_aria_s3_batch/probe/x", new byte[1],
                        "fx_shared/#sql-alter-1/frm", new byte[1]));

        CommandLineRun database = run("check", "fx_shared");
        CommandLineRun all = run("check", "--all", "--json");
        CommandLineRun fast = run("check", "fx_shared", "--fast");

        assertThat(database.exitCode()).as(database.err()).isZero();
        assertThat(database.out().lines())
                .satisfiesExactly(
                        line -> assertThat(line).startsWith("fx_shared.part#P#p0: OK, "),
                        line -> assertThat(line).startsWith("fx_shared.part#P#p1: OK, "),
                        line -> assertThat(line).startsWith("fx_shared.plain: OK, "),
                        line -> assertThat(line).startsWith("fx_shared.zlib: OK, "));
        assertThat(database.err()).contains("fx_shared/#sql-alter-1/ is not checked");
        assertThat(all.exitCode()).isEqualTo(4);
        assertThat(all.json().get("tables")).hasSize(5);
        assertThat(all.json().at("/tables/4/table").asText()).isEqualTo("other.t");
        assertThat(all.json().at("/tables/4/state").asText()).isEqualTo("DAMAGED");
        assertThat(all.json().at("/tables/0/state").asText()).isEqualTo("OK");
        assertThat(fast.out().lines()).hasSize(4).allMatch(line -> line.contains("not read"));
        assertThat(run("check", "nobody").exitCode()).isEqualTo(1);
    }
}
