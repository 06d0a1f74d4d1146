package aria.s3batch.ops.server;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.format.Numbers;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;

/**
 * {@code kill -9} of each of the three that take part in {@code sql}, at random times: the table is as
 * before or as after, never between, and the next {@code sql} works.
 */
@NeedsMariaDb
final class KilledSqlTest {
    private static final int ROUNDS = Numbers.areFull() ? 20 : 3;
    private static final long SEED = Long.getLong("kill.seed", 1);
    private static final int ROWS = 5_000;
    private static final long LIMIT_SECONDS = 60;
    private static final String STATEMENT =
            "UPDATE t SET v = v + 1, w = REPEAT(CHAR(97 + v % 26), 90)";

    enum Victim {
        CLIENT,
        SERVER,
        DAEMON
    }

    private final ObjectMapper json = new ObjectMapper();

    @TempDir Path directory;

    @ParameterizedTest
    @EnumSource
    void tableIsAsBeforeOrAsAfterAndTheNextSqlWorks(Victim victim) throws Exception {
        var random = new Random(SEED * 31 + victim.name().hashCode());
        try (var scene = new ServerScene(directory)) {
            scene.server.query(
                    """
                    CREATE DATABASE live;
                    CREATE TABLE live.t (id int primary key, v int, w varchar(100), key(v))
                      ENGINE=Aria TRANSACTIONAL=0;
                    INSERT INTO live.t SELECT seq, 0, REPEAT('x', 90) FROM live.seq_1_to_%d;
                    ALTER TABLE live.t ENGINE=S3 S3_BLOCK_SIZE=65536
                    """
                            .formatted(ROWS));
            long begun = System.nanoTime();
            scene.run("sql", "live.t", "--execute=" + STATEMENT);
            long nanos = System.nanoTime() - begun;
            int version = 1;
            for (int round = 1; round <= ROUNDS; round++) {
                long pause = (long) (random.nextDouble() * nanos);
                String what =
                        "%s killed after %d ms, round %d, -Dkill.seed=%d"
                                .formatted(victim, pause / 1_000_000, round, SEED);
                ClientProcess client = scene.client("sql", "live.t", "--execute=" + STATEMENT);
                TimeUnit.NANOSECONDS.sleep(pause); // the time of the kill, not a wait for something
                boolean done = kill(scene, victim, client).exitCode() == 0;
                int found = version(scene, what);
                assertThat(found).as(what).isBetween(done ? version + 1 : version, version + 1);
                version = found;
                ClientProcess.Ended next =
                        scene.client("sql", "live.t", "--execute=" + STATEMENT).end();
                assertThat(next.exitCode()).as(what + ", the next: " + next.err()).isZero();
                version++;
                assertThat(version(scene, what)).as(what).isEqualTo(version);
                assertThat(scene.server.query("SHOW DATABASES LIKE 'aria\\_s3\\_batch\\_%'"))
                        .as(what)
                        .isEmpty();
            }
        }
    }

    private ClientProcess.Ended kill(ServerScene scene, Victim victim, ClientProcess client)
            throws Exception {
        switch (victim) {
            case CLIENT -> client.process().destroyForcibly();
            case SERVER -> scene.killServer();
            case DAEMON -> scene.killDaemon();
        }
        ClientProcess.Ended ended = client.end();
        switch (victim) {
            case CLIENT -> {}
            case SERVER -> scene.startServer();
            case DAEMON -> scene.startDaemon();
        }
        awaitNoBatch(scene);
        return ended;
    }

    /** Applied, or aborted because its client is gone. */
    private void awaitNoBatch(ServerScene scene) throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(LIMIT_SECONDS);
        while (true) {
            JsonNode batches = json.readTree(scene.batch("status", "--json")).get("batches");
            if (batches.isEmpty()) {
                return;
            }
            assertThat(System.nanoTime()).as("still there: %s", batches).isLessThan(deadline);
            TimeUnit.MILLISECONDS.sleep(20); // another process: nothing to wait on
        }
    }

    /** What all rows say; they must all say the same. */
    private static int version(ServerScene scene, String what) throws IOException {
        assertThat(scene.server.check("live.t")).as(what).isEqualTo("OK");
        List<String> row =
                List.of(
                        scene.server
                                .query(
                                        """
                                        SELECT COUNT(*), MIN(v), MAX(v),
                                          SUM(w <> REPEAT(CHAR(97 + v % 26), 90)) FROM live.t
                                        """)
                                .split("\t", -1));
        assertThat(row.get(0)).as(what).isEqualTo("" + ROWS);
        assertThat(row.get(1)).as(what).isEqualTo(row.get(2));
        if (!row.get(1).equals("0")) {
            assertThat(row.get(3)).as(what).isEqualTo("0");
        }
        return Integer.parseInt(row.get(1));
    }
}
