package aria.s3batch.ops.process;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.daemon.api.BatchDocument;
import aria.s3batch.format.Numbers;
import aria.s3batch.format.SyntheticTable;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;
import aria.s3batch.ops.CommandLineRun;
import aria.s3batch.ops.demo.Bucket;
import aria.s3batch.ops.demo.DaemonProcess;
import aria.s3batch.ops.demo.S3Server;

import com.fasterxml.jackson.databind.ObjectMapper;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;

/**
 * A batch that was committed with durability=bucket, in a real daemon whose host is lost: killed, and its
 * cache directory deleted; or stopped, and awake when the batch has been finished without it. {@code recover
 * --from-bucket} does that, with a cache directory of its own.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class LostHostContract {
    private static final Logger log = LoggerFactory.getLogger(LostHostContract.class);
    private static final String OURS = "_aria_s3_batch/";
    private static final ObjectMapper JSON = new ObjectMapper();

    /** {@code recover} waits the lease out, each time. */
    private static final List<String> OPTIONS =
            List.of("durability=bucket", "fence-wait=2", "lock-lease=1");

    @TempDir static Path directory;

    private S3Server store;
    private FaultProxy s3;
    private Bucket bucket;
    private FixtureTable table;
    private DaemonProcess.Home home;
    private int homes;

    abstract S3Server start(Path folder) throws IOException;

    @BeforeAll
    void startServer() throws IOException {
        store = start(directory.resolve("s3"));
        s3 = new FaultProxy(store.port());
        bucket = new Bucket(store);
    }

    @AfterAll
    void stopServer() {
        bucket.close();
        s3.close();
        store.close();
    }

    @BeforeEach
    void newHome() throws IOException {
        bucket.versions("").keySet().forEach(bucket::delete);
        table = new FixtureTable("plain", bucket);
        table.reset();
        home = home(OPTIONS.toArray(String[]::new));
    }

    private DaemonProcess.Home home(String... options) throws IOException {
        homes++;
        return DaemonProcess.Home.create(directory.resolve("d" + homes), s3, List.of(options));
    }

    /** A daemon with a batch that is committed. */
    private DaemonProcess committed() throws IOException {
        DaemonProcess daemon = DaemonProcess.start(home);
        String batch = table.begin(daemon);
        table.stageAll(daemon, batch);
        FixtureTable.commit(daemon, batch);
        return daemon;
    }

    private boolean isBlockPut(StoreRequest request) {
        return request.verb().equals("PUT") && request.key().startsWith(table.path() + "/data/");
    }

    private List<String> left() {
        return List.copyOf(bucket.versions(OURS).keySet());
    }

    /** The host is gone for good. */
    private void lose(DaemonProcess daemon) throws IOException {
        daemon.kill();
        try (Stream<Path> files = Files.walk(home.cacheDir())) {
            for (Path file : files.sorted(Collections.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }

    /** On another host: the same options, and a cache directory of its own. */
    private CommandLineRun recover(String... more) {
        List<String> arguments =
                new ArrayList<>(
                        List.of("recover", "--from-bucket", "--cache-dir=" + otherCacheDir()));
        arguments.addAll(Arrays.asList(more));
        return run(arguments.toArray(String[]::new));
    }

    private Path otherCacheDir() {
        return directory.resolve("other" + homes);
    }

    private CommandLineRun run(String... command) {
        List<String> arguments = new ArrayList<>(Arrays.asList(command));
        arguments.add("--defaults-file=" + home.optionFile());
        return CommandLineRun.of(arguments.toArray(String[]::new));
    }

    private static void await(String what, BooleanSupplier condition) throws Exception {
        long deadline = System.nanoTime() + FixtureTable.LIMIT.toNanos();
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).as(what).isLessThan(deadline);
            TimeUnit.MILLISECONDS.sleep(20); // another process: nothing to wait on
        }
    }

    private void assertFinishedElsewhere(CommandLineRun recovered) {
        assertThat(recovered.exitCode()).as(recovered.err() + recovered.out()).isZero();
        assertThat(recovered.out()).contains(" APPLIED ");
        table.assertIsAsCommitted();
        assertThat(left()).hasSize(1);
        assertThat(left().getFirst()).endsWith("/finished");
    }

    @Test
    void batchOfAHostThatIsLostAfterItsAnswerIsFinishedByAnother() throws Exception {
        lose(committed());
        assertThat(left()).anyMatch(key -> key.endsWith("/record"));

        assertFinishedElsewhere(recover());

        // and the tables are free
        try (DaemonProcess other = DaemonProcess.start(home("lock-lease=3"))) {
            FixtureTable.abort(other, table.begin(other));
        }
        assertThat(recover().out()).contains("nothing to recover");
    }

    @Test
    void batchOfAHostThatIsLostWhileItsFenceIsUpIsFinishedByAnother() throws Exception {
        DaemonProcess daemon = committed();
        await("fence", () -> !bucket.versions(table.path()).containsKey(table.path() + "/aria"));
        lose(daemon);

        assertFinishedElsewhere(recover());
    }

    /** As docs/recovery.md says what to do about it: run it again. */
    @Test
    void batchThatTheStoreLeavesHalfAppliedIsFinishedByTheNextRun() throws Exception {
        lose(committed());
        try (var failing = new FaultProxy(store.port())) {
            DaemonProcess.Home reachable = home;
            home = DaemonProcess.Home.create(directory.resolve("f" + homes), failing, OPTIONS);
            FaultProxy.Hold hold =
                    failing.hold(FaultProxy.Side.BEFORE, this::isBlockPut, failing::close);
            hold.end(FaultProxy.Held.DROPPED);

            CommandLineRun waiting = recover();

            assertThat(waiting.exitCode()).as(waiting.out() + waiting.err()).isEqualTo(5);
            assertThat(waiting.out()).contains(" COMMITTED ", "no answer from");
            assertThat(bucket.versions(table.path())).doesNotContainKey(table.path() + "/frm");
            home = reachable;
            assertFinishedElsewhere(recover());
        }
    }

    /** As docs/recovery.md says what to do about it: a daemon with its cache directory, then resolve. */
    @Test
    void batchThatRecoverQuarantinesIsResolvedByADaemonOnItsCacheDirectory() throws Exception {
        DaemonProcess lost = committed();
        String batch = FixtureTable.status(lost).batches().getFirst().batch();
        lose(lost);
        String foreign = table.path() + "/data/000003";
        byte[] before = bucket.get(foreign);
        byte[] bySomebodyElse = before.clone();
        bySomebodyElse[bySomebodyElse.length - 1] ^= 1;
        bucket.put(foreign, bySomebodyElse);

        CommandLineRun quarantined = recover();

        assertThat(quarantined.exitCode()).as(quarantined.out() + quarantined.err()).isEqualTo(4);
        assertThat(quarantined.out()).contains(batch + " QUARANTINED ", foreign);
        Path cache = otherCacheDir();
        home = home(OPTIONS.toArray(String[]::new));
        Files.writeString(
                home.optionFile(), "cache-dir=" + cache + "\n", StandardOpenOption.APPEND);
        try (DaemonProcess other = DaemonProcess.start(home)) {
            CommandLineRun outlook = run("resolve", batch);
            assertThat(outlook.out()).contains(foreign);
            bucket.put(foreign, before);
            CommandLineRun again = run("resolve", batch, "--retry");
            assertThat(again.exitCode()).as(again.err()).isZero();
            FixtureTable.awaitAllApplied(other);
        }
        table.assertIsAsCommitted();
        assertThat(run("check", table.path()).exitCode()).isZero();
    }

    /** As docs/recovery.md says what to do about a batch that is lost with its host: step 3. */
    @Test
    void tableThatAFenceTookAwayIsPutBackByHandWhenItsBatchIsLost() throws Exception {
        home = home("fence-wait=30", "lock-lease=3");
        DaemonProcess daemon = committed();
        String batch = FixtureTable.status(daemon).batches().getFirst().batch();
        await("fence", () -> !bucket.versions(table.path()).containsKey(table.path() + "/aria"));
        lose(daemon);
        assertThat(recover().out()).contains("nothing to recover");
        assertThat(run("lock", "list").out()).contains(table.path().replace('/', '.'), batch);
        CommandLineRun missing = run("check", table.path());
        assertThat(missing.exitCode()).isNotZero();
        assertThat(missing.out() + missing.err()).contains(batch);

        String copies = OURS + "fence/" + batch + "/";
        for (String object : List.of("/aria", "/frm")) {
            for (String copy : bucket.versions(copies).keySet()) {
                if (copy.endsWith(object)) {
                    bucket.put(copy.substring(copies.length()), bucket.get(copy));
                }
            }
        }
        CommandLineRun check = run("check", table.path());
        assertThat(check.exitCode()).as(check.out() + check.err()).isZero();
        table.assertIsAsBefore();
        assertThat(run("lock", "break", table.path()).exitCode()).isEqualTo(3);
        CommandLineRun broken = run("lock", "break", table.path(), "--force");
        assertThat(broken.exitCode()).as(broken.err()).isZero();
        bucket.versions(copies).keySet().forEach(bucket::delete);

        assertThat(left()).isEmpty();
        try (DaemonProcess other = DaemonProcess.start(home("lock-lease=3"))) {
            FixtureTable.abort(other, table.begin(other));
        }
    }

    /** The new owner writes, the old one wakes, and what it has still to write it does not. */
    @Test
    void hostThatWakesAfterItsBatchWasFinishedElsewhereChangesNothing() throws Exception {
        try (DaemonProcess daemon = committed()) {
            // not before: between a HEAD and its DELETE, where DELETE knows no condition, nothing
            // would keep it
            await(
                    "fence",
                    () -> !bucket.versions(table.path()).containsKey(table.path() + "/aria"));
            signal(daemon, "STOP");
            assertFinishedElsewhere(recover());
            var versions = bucket.versions(table.path());

            signal(daemon, "CONT");
            FixtureTable.awaitAllApplied(daemon);

            assertThat(bucket.versions(table.path())).isEqualTo(versions);
            assertThat(left()).isEmpty();
            FixtureTable.abort(daemon, table.begin(daemon));
        }
    }

    /** As above, but it is killed instead, and started again with its cache directory. */
    @Test
    void hostThatIsBackAfterItsBatchWasFinishedElsewhereForgetsIt() throws Exception {
        committed().kill();
        assertFinishedElsewhere(recover());
        var versions = bucket.versions(table.path());
        try (DaemonProcess daemon = DaemonProcess.start(home)) {
            FixtureTable.awaitAllApplied(daemon);
            assertThat(bucket.versions(table.path())).isEqualTo(versions);
            assertThat(left()).isEmpty();
        }
    }

    @Test
    void batchOfADaemonThatLivesIsNotTaken() throws Exception {
        home = home("durability=bucket", "fence-wait=12", "lock-lease=3");
        try (DaemonProcess daemon = committed()) {
            BatchDocument batch = FixtureTable.status(daemon).batches().getFirst();
            assertThat(batch.durability()).isEqualTo("bucket");

            CommandLineRun refused = recover(batch.batch());

            assertThat(refused.exitCode()).as(refused.out() + refused.err()).isEqualTo(3);
            assertThat(refused.out()).contains("LEFT", "that daemon lives", "Nothing was taken");
            FixtureTable.awaitAllApplied(daemon);
            table.assertIsAsCommitted();
            assertThat(left()).isEmpty();
        }
    }

    @Test
    void abortedBatchAndBatchAppliedAtOnceLeaveNothingInTheBucket() throws Exception {
        home = home("lock-lease=3", "fence-wait=0.05");
        try (DaemonProcess daemon = DaemonProcess.start(home)) {
            String batch = table.begin(daemon);
            table.stageAll(daemon, batch);
            FixtureTable.abort(daemon, batch);
            batch = table.begin(daemon);
            table.stageAll(daemon, batch);
            commit(daemon, batch, "bucket");
            FixtureTable.awaitAllApplied(daemon);
            table.assertIsAsCommitted();
            assertThat(left()).isEmpty();
        }
    }

    private static void commit(DaemonProcess daemon, String batch, String durability)
            throws IOException {
        byte[] body =
                "{\"readers\":\"refresh\",\"durability\":\"%s\"}"
                        .formatted(durability)
                        .getBytes(StandardCharsets.UTF_8);
        DaemonProcess.Answer answer =
                daemon.request("POST", "/v1/batches/" + batch + "/commit", body);
        assertThat(answer.status()).as(answer.text()).isEqualTo(200);
    }

    private static void signal(DaemonProcess daemon, String signal) throws Exception {
        var kill = new ProcessBuilder("kill", "-" + signal, Long.toString(daemon.pid()));
        assertThat(kill.start().waitFor()).isZero();
    }

    /** What the answer of a commit waits for; for docs/recovery.md. Alternately, so that load hits both. */
    @Test
    void commitWithACopyTakesLongerByItsBytes() throws Exception {
        var name = new TableName("cost", "t");
        var large = SyntheticTable.of(name, 4 << 20, false, 5, 1200, 1);
        large.objects().forEach(bucket::put);
        try (DaemonProcess daemon = DaemonProcess.start(home("lock-lease=30"))) {
            for (int pages : new int[] {64, 1024}) {
                List<Double> local = new ArrayList<>();
                List<Double> copied = new ArrayList<>();
                for (int round = 0; round < ROUNDS; round++) {
                    local.add(commitMillis(daemon, pages, 2 * round + pages, "local"));
                    copied.add(commitMillis(daemon, pages, 2 * round + 1 + pages, "bucket"));
                }
                Collections.sort(local);
                Collections.sort(copied);
                log.atInfo()
                        .addKeyValue("store", getClass().getSimpleName())
                        .addKeyValue("pages", pages)
                        .addKeyValue("localMs", local)
                        .addKeyValue("bucketMs", copied)
                        .log("commit");
                assertThat(copied.get(ROUNDS / 2)).isPositive();
            }
        }
        assertThat(left()).isEmpty();
    }

    private static final int ROUNDS = Numbers.areFull() ? 9 : 1;

    private static double commitMillis(
            DaemonProcess daemon, int pages, long seed, String durability) throws Exception {
        DaemonProcess.Answer begun =
                daemon.request(
                        "POST",
                        "/v1/batches",
                        "{\"tables\":[\"cost/t\"]}".getBytes(StandardCharsets.UTF_8));
        assertThat(begun.status()).as(begun.text()).isEqualTo(201);
        String batch = JSON.readTree(begun.text()).get("batch").asText();
        for (int page = 1; page <= pages; page++) {
            String path = "/v1/batches/%s/tables/cost/t/data?page=%d".formatted(batch, page);
            DaemonProcess.Answer staged =
                    daemon.request("PUT", path, SyntheticTable.page(TableFile.DATA, page, seed));
            assertThat(staged.status()).as(staged.text()).isEqualTo(204);
        }
        long begin = System.nanoTime();
        commit(daemon, batch, durability);
        double millis = (System.nanoTime() - begin) / 1e6;
        FixtureTable.awaitAllApplied(daemon);
        return millis;
    }
}
