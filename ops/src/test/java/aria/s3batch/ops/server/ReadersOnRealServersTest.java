package aria.s3batch.ops.server;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.format.Numbers;
import aria.s3batch.format.TableName;
import aria.s3batch.ops.demo.EmbeddedS3Process;
import aria.s3batch.ops.demo.MariaDbServer;
import aria.s3batch.recovery.Readers;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/**
 * Two real servers on one bucket read a table while batches change all of its blocks. Their page caches are
 * smaller than the table, so that every statement asks for blocks anew.
 */
@NeedsMariaDb
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Timeout(300)
final class ReadersOnRealServersTest {
    private static final boolean FULL = Numbers.areFull();
    private static final int ROUNDS = FULL ? 25 : 2;
    private static final int ROWS = 30_000;
    private static final Duration SOON = Duration.ofSeconds(20); // less than the fence-wait of 50
    private static final String SMALL_CACHE = "--s3-pagecache-buffer-size=1M";
    private static final String NO_SUCH_TABLE = "ERROR 1146";
    private static final String COLUMNS = " (id int primary key, a char(120), b int)";

    private final EmbeddedS3Process s3;
    private final ServerScene scene;
    private final MariaDbServer other;

    ReadersOnRealServersTest(@TempDir Path directory) throws IOException {
        s3 = EmbeddedS3Process.start(directory.resolve("s3"));
        scene =
                new ServerScene(
                        directory,
                        s3,
                        List.of(SMALL_CACHE),
                        // longer than a statement takes where others use the machine, too
                        List.of("apply-concurrency=1", "fence-wait=3"));
        other =
                MariaDbServer.start(
                        MariaDbServer.Installation.find().orElseThrow(),
                        directory.resolve("o"),
                        s3,
                        List.of(SMALL_CACHE));
        scene.server.query("CREATE DATABASE live; CREATE DATABASE work");
        other.query("CREATE DATABASE live");
    }

    @AfterAll
    void stop() throws IOException {
        other.close();
        scene.close();
    }

    /** A statement, when it was asked and answered, and what with. */
    private record Answer(String reader, long asked, long answered, String text) {
        boolean isRefused() {
            return text.startsWith(NO_SUCH_TABLE);
        }
    }

    /** A batch of one round: when its commit was called, and when it had been applied. */
    private record Applied(long called, long returned) {}

    /** One session that asks again and again. */
    private static final class Reader implements AutoCloseable {
        private final String name;
        private final MariaDbServer.Session session;
        private final String sql;
        private final boolean reopens;
        private final List<Answer> answers = new ArrayList<>();
        private final CompletableFuture<Void> ended = new CompletableFuture<>();
        private volatile boolean stopping;

        /**
         * @param reopens whether the server is to forget the table before every statement
         */
        Reader(String name, MariaDbServer server, String table, boolean reopens)
                throws IOException {
            this.name = name;
            this.session = server.connect();
            this.sql = sum(table);
            this.reopens = reopens;
            Thread.ofPlatform().name(name).daemon(true).start(this::read);
        }

        private void read() {
            try {
                while (!stopping) {
                    if (reopens) {
                        session.answer("FLUSH TABLES; SELECT 1");
                    }
                    long asked = System.nanoTime();
                    String text = session.answer(sql);
                    answers.add(new Answer(name, asked, System.nanoTime(), text));
                }
                ended.complete(null);
            } catch (IOException e) {
                ended.completeExceptionally(e);
            }
        }

        /** Ends after the statement that runs; a server that hangs is a failure. */
        List<Answer> stop() throws Exception {
            stopping = true;
            ended.get(60, TimeUnit.SECONDS);
            return answers;
        }

        @Override
        public void close() {
            session.close();
        }
    }

    private static String sum(String table) {
        return "SELECT COUNT(*), SUM(b), SUM(LENGTH(a)) FROM live." + table;
    }

    /** What {@link #sum} gives when so many batches have been applied. */
    private static String expected(int rounds) {
        return "%d\t%d\t%d".formatted(ROWS, (long) ROWS * rounds, (long) ROWS * rounds);
    }

    private Path work() {
        return scene.dataDirectory.resolve("work");
    }

    /** An S3 table, and a local copy of it that is the same but for the engine. */
    private void create(String name, String partitioning, List<TableName> units)
            throws IOException {
        String table = name + COLUMNS + " engine=aria transactional=0 " + partitioning;
        scene.server.query("CREATE TABLE live." + table);
        scene.server.query(
                "INSERT INTO live.%s SELECT seq, '', 0 FROM work.seq_1_to_%d"
                        .formatted(name, ROWS));
        scene.server.query("ALTER TABLE live." + name + " ENGINE=S3 S3_BLOCK_SIZE=65536");
        scene.server.query("CREATE TABLE work." + table);
        scene.server.query("FLUSH TABLES");
        for (TableName unit : units) {
            ServerScene.writeLocal(work(), unit, scene.bucket.objects(unit.path() + "/"));
        }
    }

    /** Changes all rows of the local copy, and stages it: {@code b} counts, {@code a} gets a letter more. */
    private String stage(String name, List<TableName> units) throws IOException {
        scene.server.query("UPDATE work." + name + " SET b = b + 1, a = REPEAT('x', b)");
        scene.server.query("FLUSH TABLES");
        String batch = scene.batch("begin", "live." + name);
        for (TableName unit : units) {
            scene.batch("stage", batch, unit.path(), "--from", work().toString());
        }
        return batch;
    }

    private Applied commit(String batch, Readers readers) {
        long called = System.nanoTime();
        scene.batch("commit", batch, "--readers", readers.word());
        return new Applied(called, System.nanoTime());
    }

    private List<Reader> readers(String name) throws IOException {
        return List.of(
                new Reader("first server", scene.server, name, false),
                new Reader("other server", other, name, false),
                new Reader("other server, reopening", other, name, true));
    }

    /** Old rows until a batch is committed, new ones when it is applied, and between them nothing else. */
    private static void assertNoMixture(List<Answer> answers, List<Applied> rounds) {
        int refused = 0;
        for (Answer answer : answers) {
            int before = 0; // batches applied when it was asked
            int after = 0; // batches committed when it was answered
            for (Applied round : rounds) {
                before += round.returned() < answer.asked() ? 1 : 0;
                after += round.called() < answer.answered() ? 1 : 0;
            }
            if (answer.isRefused() && before < after) {
                refused++;
                continue;
            }
            List<String> allowed = new ArrayList<>();
            for (int round = before; round <= after; round++) {
                allowed.add(expected(round));
            }
            assertThat(answer.text())
                    .as("%s, batches %d to %d", answer.reader(), before, after)
                    .isIn(allowed);
        }
        assertThat(answers).hasSizeGreaterThan(3 * rounds.size());
        assertThat(refused).as("of %d answers, refused", answers.size()).isPositive();
    }

    private void applyUnderReaders(String name, List<TableName> units) throws Exception {
        List<Reader> readers = readers(name);
        List<Applied> rounds = new ArrayList<>();
        List<Answer> answers = new ArrayList<>();
        try {
            for (int round = 0; round < ROUNDS; round++) {
                rounds.add(commit(stage(name, units), Readers.FENCE));
            }
            for (Reader reader : readers) {
                answers.addAll(reader.stop());
            }
        } finally {
            readers.forEach(Reader::close);
        }
        assertNoMixture(answers, rounds);
        assertRead(name, ROUNDS);
    }

    private void assertRead(String name, int rounds) throws IOException {
        for (MariaDbServer server : List.of(scene.server, other)) {
            assertThat(server.query(sum(name))).isEqualTo(expected(rounds));
            assertThat(server.check("live." + name)).isEqualTo("OK");
        }
    }

    @Test
    void behindAFenceEveryAnswerIsTheOldRowsOrTheNewOnesOrError1146() throws Exception {
        List<TableName> units = List.of(new TableName("live", "fenced"));
        create("fenced", "", units);
        applyUnderReaders("fenced", units);
    }

    @Test
    void partitionsOfOneTableChangeAtOnceBehindAFence() throws Exception {
        List<TableName> units = new ArrayList<>();
        for (String partition : new String[] {"p0", "p1", "p2"}) {
            units.add(new TableName("live", "parts#P#" + partition));
        }
        create(
                "parts",
                ("PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (10000),"
                        + " PARTITION p1 VALUES LESS THAN (20000),"
                        + " PARTITION p2 VALUES LESS THAN MAXVALUE)"),
                units);
        applyUnderReaders("parts", units);
    }

    /** One partition of three: the others keep their headers, and may be read all the time. */
    @Test
    void partitionThatIsNotChangedStaysReadableByItself() throws Exception {
        List<TableName> units = new ArrayList<>();
        for (String partition : new String[] {"p0", "p1"}) {
            units.add(new TableName("live", "some#P#" + partition));
        }
        create(
                "some",
                "PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (15001),"
                        + " PARTITION p1 VALUES LESS THAN MAXVALUE)",
                units);
        assertThat(other.query(sum("some"))).isEqualTo(expected(0));
        scene.server.query("UPDATE work.some SET b = b + 1 WHERE id > 15000; FLUSH TABLES");
        String batch = scene.batch("begin", "live.some");
        for (TableName unit : units) {
            scene.batch("stage", batch, unit.path(), "--from", work().toString());
        }
        commit(batch, Readers.FENCE);
        for (MariaDbServer server : List.of(scene.server, other)) {
            assertThat(server.query("SELECT SUM(b) FROM live.some")).isEqualTo("15000");
            assertThat(server.check("live.some")).isEqualTo("OK");
        }
    }

    /** Of fence-servers, the server that runs the statement and one that runs none. */
    @Test
    void serversThatAreAskedAreWaitedForAsLongAsTheirStatementsReadAndNoLonger() throws Exception {
        List<TableName> units = List.of(new TableName("live", "asked"));
        create("asked", "", units);
        scene.restartDaemon(
                "fence-wait=50", "fence-servers=" + scene.server.socket() + ", " + other.socket());
        try (MariaDbServer.Session session = other.connect()) {
            String batch = stage("asked", units);
            String slow = "SELECT SUM(b + SLEEP(0.0001)), SUM(LENGTH(a)) FROM live.asked";
            long began = System.nanoTime();
            CompletableFuture<Answer> read =
                    CompletableFuture.supplyAsync(
                            () -> {
                                String text = answer(session, slow);
                                return new Answer("slow", began, System.nanoTime(), text);
                            });
            awaitRunning(other, slow);
            Applied first = commit(batch, Readers.FENCE);
            Answer answer = read.get(60, TimeUnit.SECONDS);
            assertThat(answer.text()).isEqualTo("0\t0"); // all of it as it was
            assertThat(answer.answered()).isBetween(first.called(), first.returned());
            assertRead("asked", 1);

            Applied idle = commit(stage("asked", units), Readers.FENCE);
            assertThat(Duration.ofNanos(idle.returned() - idle.called())).isLessThan(SOON);
            assertRead("asked", 2);
        } finally {
            scene.restartDaemon("fence-wait=3", "fence-servers=");
        }
    }

    /** A server that starts deletes the temporary tables in its directory, whosever they are. */
    @Test
    void serversOfOneMachineShareNoTemporaryDirectory() throws IOException {
        assertThat(scene.server.query("SELECT @@tmpdir"))
                .isNotEqualTo(other.query("SELECT @@tmpdir"))
                .isEqualTo(scene.dataDirectory.resolveSibling("tmp").toString());
    }

    /** One that hangs, and one that is not there. */
    @Test
    void serverThatGivesNoAnswerCostsTheWholeFenceWaitAndNoMore() throws Exception {
        List<TableName> units = List.of(new TableName("live", "mute"));
        create("mute", "", units);
        String nobody = scene.dataDirectory.resolve("nobody").toString();
        scene.restartDaemon("fence-wait=4", "fence-servers=" + other.socket() + "," + nobody);
        try {
            String batch = stage("mute", units);
            signal(other, "STOP");
            Applied round = commit(batch, Readers.FENCE);
            signal(other, "CONT");
            assertThat(Duration.ofNanos(round.returned() - round.called()))
                    .isBetween(Duration.ofSeconds(4), Duration.ofSeconds(4).plus(SOON));
            assertRead("mute", 1);
        } finally {
            scene.restartDaemon("fence-wait=3", "fence-servers=");
        }
    }

    private static String answer(MariaDbServer.Session session, String sql) {
        try {
            return session.answer(sql);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void signal(MariaDbServer server, String signal) throws Exception {
        var kill = new ProcessBuilder("kill", "-" + signal, Long.toString(server.pid()));
        assertThat(kill.start().waitFor()).isZero();
    }

    private static void awaitRunning(MariaDbServer server, String sql) throws Exception {
        long deadline = System.nanoTime() + SOON.toNanos();
        while (server.query("SELECT 1 FROM information_schema.PROCESSLIST WHERE STATE='User sleep'")
                .isEmpty()) {
            assertThat(System.nanoTime()).as(sql).isLessThan(deadline);
        }
    }

    /** The first statement after the batch, of a session that read before it; nobody flushes anything. */
    @ParameterizedTest
    @EnumSource(names = {"FENCE", "REFRESH"})
    void serverThatHasTheTableOpenSeesTheNewRowsWithItsNextStatement(Readers mode)
            throws Exception {
        String name = "open_" + mode.word();
        List<TableName> units = List.of(new TableName("live", name));
        create(name, "", units);
        try (MariaDbServer.Session first = scene.server.connect();
                MariaDbServer.Session second = other.connect()) {
            for (int round = 0; round < 3; round++) {
                assertThat(first.answer(sum(name))).isEqualTo(expected(round));
                assertThat(second.answer(sum(name))).isEqualTo(expected(round));
                commit(stage(name, units), mode);
            }
            assertThat(first.answer(sum(name))).isEqualTo(expected(3));
            assertThat(second.answer(sum(name))).isEqualTo(expected(3));
        }
        assertRead(name, 3);
    }

    /** Killed with blocks half written: nobody sees them, before the restart and after it. */
    @Test
    void daemonKilledBehindItsFenceIsFinishedByTheNextAndNobodySeesTheHalf() throws Exception {
        String name = "killed";
        List<TableName> units = List.of(new TableName("live", name));
        create(name, "", units);
        List<Reader> readers = readers(name);
        List<Answer> answers = new ArrayList<>();
        List<Applied> rounds = new ArrayList<>();
        try {
            String batch = stage(name, units);
            s3.holdAfter(2 + 5); // frm, aria and some blocks
            long called = System.nanoTime();
            scene.batch("commit", batch, "--readers", "fence", "--no-wait");
            s3.awaitHeld(Duration.ofSeconds(60));
            scene.killDaemon();
            s3.drop();
            for (MariaDbServer server : List.of(scene.server, other)) {
                try (MariaDbServer.Session session = server.connect()) {
                    assertThat(session.answer(sum(name))).startsWith(NO_SUCH_TABLE);
                }
            }
            scene.startDaemon();
            awaitApplied(batch);
            rounds.add(new Applied(called, System.nanoTime()));
            rounds.add(commit(stage(name, units), Readers.FENCE));
            for (Reader reader : readers) {
                answers.addAll(reader.stop());
            }
        } finally {
            readers.forEach(Reader::close);
        }
        assertNoMixture(answers, rounds);
        assertRead(name, 2);
    }

    private void awaitApplied(String batch) throws InterruptedException {
        while (scene.batch("list").contains(batch)) {
            TimeUnit.MILLISECONDS.sleep(50); // another process: nothing to wait on
        }
    }
}
