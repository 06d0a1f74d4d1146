package aria.s3batch.ops.process;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.daemon.api.BatchDocument;
import aria.s3batch.daemon.api.StatusDocument;
import aria.s3batch.ops.demo.Bucket;
import aria.s3batch.ops.demo.DaemonProcess;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * One batch of one or two tables, begun, staged and committed in bad weather by a script, in a daemon that
 * is killed once or several times on the way; then a fine day. In the end the tables are as committed if
 * commit was answered, as before if it was not sent, one of both otherwise; no batch is quarantined, for
 * there is no foreign writer; nothing is left of it on disk and in the bucket, and no table has ever {@code
 * frm} without {@code aria} after a kill.
 *
 * <p>All that is random is drawn from the seed; what a real process, a real clock and several threads make of
 * it differs.
 */
final class KillRound {
    private static final Duration LIMIT = Duration.ofSeconds(90);
    private static final int EXIT_UNREACHABLE = 5;

    /** Of starts that find the object store out of reach; then the weather clears. */
    private static final int STARTS_MAX = 6;

    /** A late DELETE takes effect no later after the start: see BatchWork.LATE_WRITE. */
    private static final int STRANDED_MILLIS_MAX = 1_200;

    private static final double[] RATES = {0, 0.08, 0.16, 0.25};

    /** Beyond those that the plan names. */
    private static final int MORE_KILLS_MAX = KillRounds.LONG ? 3 : 0;

    private final ObjectMapper mapper =
            new ObjectMapper().disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES);
    private final KillLane lane;
    private final FaultProxy proxy;
    private final Random random;
    private final List<Kill> kills = new ArrayList<>();
    private final List<FixtureTable> tables = new ArrayList<>();
    private final String database;
    private final String readers;
    private final boolean calm;
    private boolean unfinished;

    /** The kill that is next, and its point's hold once that is set. */
    private @Nullable Kill next;

    /** One kill. */
    private static final class Kill {
        final KillPoint point;
        private volatile boolean reached;
        private FaultProxy.@Nullable Hold hold;

        Kill(KillPoint point) {
            this.point = point;
        }

        void reached() {
            reached = true;
        }

        boolean isReached() {
            return reached;
        }
    }

    /**
     * @param point to be among the kills; null: at random
     * @param inReplay the point is to be reached in the life after another kill
     * @param calm without faults but the kills
     */
    KillRound(
            KillLane lane,
            Bucket bucket,
            long seed,
            String database,
            @Nullable KillPoint point,
            boolean inReplay,
            boolean calm) {
        this.lane = lane;
        this.proxy = lane.proxy();
        this.random = new Random(seed);
        this.database = database;
        this.calm = calm;
        plan(point, inReplay);
        List<String> names = new ArrayList<>();
        names.add(oneOf(fixtures()));
        String second = oneOf(KillPoint.ANY_TIME.tables());
        if (random.nextInt(3) == 0 && !names.contains(second)) {
            names.add(second);
        }
        for (String name : names) {
            tables.add(new FixtureTable(name, bucket, database));
        }
        boolean fenced = point != null && (inReplay || point.needsFence());
        readers = fenced || random.nextInt(3) > 0 ? "fence" : oneOf(List.of("refresh", "none"));
    }

    private void plan(@Nullable KillPoint point, boolean inReplay) {
        if (point == null) {
            kills.add(
                    new Kill(
                            random.nextInt(3) == 0
                                    ? KillPoint.ANY_TIME
                                    : KillPoint.ANY_TIME_FROM_COMMIT));
        } else if (inReplay) {
            kills.add(new Kill(KillPoint.COMMIT_IS_ANSWERED));
            kills.add(new Kill(point));
        } else {
            kills.add(new Kill(point));
        }
        for (int i = 0; i < MORE_KILLS_MAX && random.nextInt(5) < 2; i++) {
            List<String> fixtures = fixtures();
            List<KillPoint> more =
                    Stream.of(KillPoint.values())
                            .filter(KillPoint::isInReplay)
                            .filter(other -> other.tables().size() > 1)
                            .filter(other -> !Collections.disjoint(other.tables(), fixtures))
                            .toList();
            kills.add(new Kill(random.nextBoolean() ? oneOf(more) : KillPoint.ANY_TIME_OF_REPLAY));
        }
    }

    /** Those whose batches have all points of this round. */
    private List<String> fixtures() {
        return kills.stream()
                .map(kill -> kill.point.tables())
                .reduce((a, b) -> a.stream().filter(b::contains).toList())
                .orElseThrow();
    }

    private <T> T oneOf(List<T> choice) {
        return choice.get(random.nextInt(choice.size()));
    }

    @Override
    public String toString() {
        return "%s of %s, readers=%s, killed at %s"
                .formatted(
                        database, tables, readers, kills.stream().map(kill -> kill.point).toList());
    }

    /** The points at which it killed, in order; fewer than planned if the batch was done before. */
    List<KillPoint> run() throws Exception {
        proxy.note("round " + this);
        tables.forEach(FixtureTable::reset);
        List<KillPoint> reached = new ArrayList<>();
        newWeather();
        BatchScript.Answer answer = firstLife(reached);
        boolean seen = false;
        for (Kill kill : kills.subList(1, kills.size())) {
            if (unfinished) {
                seen |= killedInReplay(kill, reached);
            }
        }
        proxy.holdNothing();
        proxy.weather(Weather.CALM);
        proxy.note("fine");
        DaemonProcess daemon = lane.daemon();
        if (daemon == null || random.nextInt(4) == 0) {
            lane.kill();
            daemon = lane.launch();
            daemon.awaitSocket();
        }
        seen |= awaitAllApplied(daemon);
        proxy.awaitQuiet();
        assertEnd(daemon, seen ? BatchScript.Answer.COMMITTED : answer);
        if (proxy.deliver()) {
            assertEnd(daemon, seen ? BatchScript.Answer.COMMITTED : answer);
        }
        return reached;
    }

    private void newWeather() {
        double rate = calm ? 0 : RATES[random.nextInt(RATES.length)];
        proxy.note("weather " + rate);
        proxy.weather(new Weather(random.nextLong(), rate));
    }

    // ---- the life in which the batch is made ---------------------------------------------------

    private BatchScript.Answer firstLife(List<KillPoint> reached) throws Exception {
        Kill kill = kills.getFirst();
        next = kill;
        DaemonProcess daemon = lane.daemon();
        if (daemon == null) {
            daemon = startedInAnyWeather();
        }
        var script = new BatchScript(daemon, tables, readers, this::arm, this::passed, proxy::note);
        int pagesMax = 1 + random.nextInt(8);
        boolean inHalves = kill.point == KillPoint.STAGE_READS_THE_BASE || random.nextInt(3) == 0;
        CompletableFuture<Void> ended =
                CompletableFuture.runAsync(
                        () -> {
                            try {
                                script.run(pagesMax, inHalves);
                            } catch (IOException e) {
                                throw new UncheckedIOException(e);
                            }
                        },
                        task -> Thread.ofPlatform().daemon().name("script").start(task));
        long deadline = System.nanoTime() + LIMIT.toNanos();
        while (!kill.isReached()) {
            if (ended.isDone()) {
                ended.get(); // it threw: the daemon died by itself, or refused what it must not
                if (batches(daemon).isEmpty()) {
                    proxy.note("not reached: " + kill.point);
                    return script.answer();
                }
            }
            assertThat(System.nanoTime()).as("script hangs").isLessThan(deadline);
            TimeUnit.MILLISECONDS.sleep(5); // another process: nothing to wait on
        }
        kill(kill, reached);
        unfinished = true;
        try {
            ended.get(LIMIT.toSeconds(), TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            if (!(e.getCause() instanceof UncheckedIOException)) {
                throw e;
            }
            proxy.note("script: " + e.getCause().getMessage()); // its daemon was killed
        }
        proxy.note("script knows: " + script.answer());
        return script.answer();
    }

    private void arm(KillPoint.Phase phase) {
        Kill kill = next;
        if (kill == null || kill.point.side() == null) {
            return;
        }
        KillPoint.Phase wanted = kill.point.phase();
        if (wanted == phase || wanted == KillPoint.Phase.APPLY && phase == KillPoint.Phase.COMMIT) {
            hold(kill);
        } else {
            proxy.holdNothing();
        }
    }

    private void hold(Kill kill) {
        FaultProxy.Side side = kill.point.side();
        if (side == null) {
            return;
        }
        kill.hold = proxy.hold(side, kill.point::isAt, kill::reached);
    }

    private void passed(KillPoint point) {
        Kill kill = next;
        if (kill != null && kill.point == point) {
            kill.reached();
        }
    }

    // ---- the lives after it --------------------------------------------------------------------

    /** Whether the batch was seen as committed. */
    private boolean killedInReplay(Kill kill, List<KillPoint> reached) throws Exception {
        newWeather();
        next = kill;
        hold(kill);
        DaemonProcess daemon = lane.launch();
        long launched = System.nanoTime();
        long deliverAt = launched + millis(random.nextInt(STRANDED_MILLIS_MAX));
        boolean deliver = random.nextBoolean() || proxy.strandsADelete();
        if (kill.point.side() == null) {
            kill.reached();
        }
        boolean seen = false;
        int starts = 1;
        while (!kill.isReached()) {
            if (deliver && System.nanoTime() > deliverAt) {
                proxy.deliver();
            }
            if (!daemon.isAlive()) {
                requireUnreachable(daemon);
                if (++starts > STARTS_MAX) {
                    proxy.weather(Weather.CALM);
                }
                daemon = lane.launch();
            } else if (daemon.accepts()) {
                List<BatchDocument> batches = batches(daemon);
                seen |= isCommitted(batches);
                if (batches.isEmpty()) {
                    proxy.note("not reached: " + kill.point);
                    proxy.holdNothing();
                    unfinished = false;
                    return seen;
                }
            }
            assertThat(System.nanoTime() - launched).as("replay hangs").isLessThan(LIMIT.toNanos());
            TimeUnit.MILLISECONDS.sleep(5); // another process: nothing to wait on
        }
        kill(kill, reached);
        return seen;
    }

    private DaemonProcess startedInAnyWeather() throws Exception {
        for (int starts = 1; ; starts++) {
            DaemonProcess daemon = lane.launch();
            while (daemon.isAlive()) {
                if (daemon.accepts()) {
                    return daemon;
                }
                TimeUnit.MILLISECONDS.sleep(5); // another process: nothing to wait on
            }
            requireUnreachable(daemon);
            if (starts == STARTS_MAX) {
                proxy.weather(Weather.CALM);
            }
        }
    }

    /** A start that fails says that the object store is out of reach, nothing else. */
    private static void requireUnreachable(DaemonProcess daemon) {
        assertThat(daemon.exitValue()).as("exit code").isEqualTo(EXIT_UNREACHABLE);
    }

    private void kill(Kill kill, List<KillPoint> reached) throws Exception {
        int lag = kill.point.lagMillisMax();
        FaultProxy.Hold hold = kill.hold;
        if (lag > 0) {
            if (hold != null) {
                hold.end(FaultProxy.Held.GOES_ON);
            }
            // the time of the kill; most of what a batch does, it does at once
            boolean even = kill.point.isInReplay();
            TimeUnit.MILLISECONDS.sleep(
                    (long) (even ? random.nextInt(lag) : Math.pow(lag, random.nextDouble())));
        }
        lane.kill();
        proxy.note("killed at " + kill.point);
        reached.add(kill.point);
        if (hold != null) {
            hold.end(oneOf(List.of(FaultProxy.Held.values())));
        }
        proxy.holdNothing();
        proxy.awaitQuiet();
        tables.forEach(FixtureTable::assertNoFrmAlone);
    }

    // ---- the end -------------------------------------------------------------------------------

    private boolean awaitAllApplied(DaemonProcess daemon) throws Exception {
        long started = System.nanoTime();
        long deliverAt = started + millis(random.nextInt(STRANDED_MILLIS_MAX));
        boolean deliver = random.nextBoolean() || proxy.strandsADelete();
        boolean seen = false;
        while (true) {
            List<BatchDocument> batches = batches(daemon);
            seen |= isCommitted(batches);
            if (batches.isEmpty()) {
                return seen;
            }
            if (deliver && System.nanoTime() > deliverAt) {
                proxy.deliver();
            }
            assertThat(System.nanoTime() - started)
                    .as("still %s", batches)
                    .isLessThan(LIMIT.toNanos());
            TimeUnit.MILLISECONDS.sleep(10); // another process: nothing to wait on
        }
    }

    private static boolean isCommitted(List<BatchDocument> batches) {
        return batches.stream()
                .anyMatch(
                        batch ->
                                batch.state().equals("COMMITTED")
                                        || batch.state().equals("APPLYING"));
    }

    private List<BatchDocument> batches(DaemonProcess daemon) throws IOException {
        List<BatchDocument> batches = status(daemon).batches();
        assertThat(batches).noneMatch(batch -> batch.state().equals("QUARANTINED"));
        return batches;
    }

    private StatusDocument status(DaemonProcess daemon) throws IOException {
        return mapper.readValue(request(daemon, "GET", "/v1/status", ""), StatusDocument.class);
    }

    private static String request(DaemonProcess daemon, String method, String path, String body)
            throws IOException {
        DaemonProcess.Answer answer =
                daemon.request(
                        method, path, body.getBytes(java.nio.charset.StandardCharsets.UTF_8));
        assertThat(answer.status()).as("%s %s: %s", method, path, answer.text()).isLessThan(300);
        return answer.text();
    }

    private void assertEnd(DaemonProcess daemon, BatchScript.Answer answer) throws IOException {
        switch (answer) {
            case NONE -> tables.forEach(FixtureTable::assertIsAsBefore);
            case COMMITTED -> tables.forEach(FixtureTable::assertIsAsCommitted);
            case UNKNOWN -> assertIsOneOfBoth();
        }
        StatusDocument status = status(daemon);
        assertThat(status.batches()).isEmpty();
        assertThat(status.daemon().cacheBytesUsed()).isZero();
        Path batches = lane.home().cacheDir().resolve("batches");
        if (Files.exists(batches)) {
            try (Stream<Path> left = Files.list(batches)) {
                assertThat(left).isEmpty();
            }
        }
        for (FixtureTable table : tables) {
            String begun =
                    request(
                            daemon,
                            "POST",
                            "/v1/batches",
                            "{\"tables\":[\"" + table.path() + "\"]}");
            String batch = mapper.readTree(begun).get("batch").asText();
            request(daemon, "POST", "/v1/batches/" + batch + "/abort", "");
        }
        lane.assertNoCopiesOf(database);
    }

    private void assertIsOneOfBoth() {
        try {
            tables.forEach(FixtureTable::assertIsAsBefore);
            proxy.note("unanswered commit: as before");
        } catch (AssertionError notBefore) {
            proxy.note("unanswered commit: not as before");
            tables.forEach(FixtureTable::assertIsAsCommitted);
        }
    }

    private static long millis(int millis) {
        return TimeUnit.MILLISECONDS.toNanos(millis);
    }
}
