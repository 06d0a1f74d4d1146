package aria.s3batch.ops.daemons;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.ops.demo.DaemonProcess;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/**
 * One daemon of a {@link Fleet} with its cache directory, its client, and its {@link Fate}, which has a thread
 * of its own. What the client draws, it draws from the seed.
 */
final class FleetDaemon implements AutoCloseable {
    private static final byte[] NOTHING = {};
    private static final int TABLES_MAX = 3;
    private static final int THINK_MILLIS_MAX = 60;
    private static final int REFUSED_MILLIS_MAX = 300;
    private static final int LOG_LINES = 80;
    private static final int EXIT_BY_SIGTERM = 143;

    private final ObjectMapper mapper = new ObjectMapper();
    private final Fleet fleet;
    private final int number;
    private final DaemonProcess.Home home;
    private final Random random;
    private final ScheduledThreadPoolExecutor fates = new ScheduledThreadPoolExecutor(1);
    private final List<Future<?>> befallen = new ArrayList<>();
    private volatile @Nullable DaemonProcess process;

    /** The last one that fate killed. */
    private volatile @Nullable DaemonProcess killed;

    /** Refused last time: somebody else has one of them, perhaps not for long. */
    private List<LedgerTable> again = List.of();

    private Fate fate = Fate.NONE;

    /** The batch that the client works on; null before its begin is answered. */
    private @Nullable Attempt latest;

    FleetDaemon(Fleet fleet, int number, DaemonProcess.Home home, long seed) {
        this.fleet = fleet;
        this.number = number;
        this.home = home;
        this.random = new Random(seed);
    }

    DaemonProcess.Home home() {
        return home;
    }

    // ---- the process -----------------------------------------------------------------------

    /** Until it is up; it may be killed on the way, and is launched again then. */
    void start() throws IOException {
        while (true) {
            fleet.count("starts");
            DaemonProcess launched = DaemonProcess.starting(home);
            process = launched;
            try {
                launched.awaitSocket();
                return;
            } catch (IOException e) {
                if (killed != launched) {
                    throw e;
                }
                launched.kill();
            }
        }
    }

    /** Starts it again if it was killed. */
    void revive() throws IOException {
        while (running() == killed) {
            running().kill(); // until it is gone, its socket may still take connections
            start();
            try {
                settle();
            } catch (IOException e) {
                if (running() != killed) {
                    throw e;
                }
            }
        }
    }

    private DaemonProcess running() {
        DaemonProcess running = process;
        if (running == null) {
            throw new AssertionError("daemon " + number + " was never started");
        }
        return running;
    }

    private Future<?> schedule() {
        Fate drawn = fate;
        long delay = drawn.isWhenStaged() ? 0 : drawn.when().toMillis();
        Future<?> end =
                fates.schedule(
                        () -> {
                            befall(drawn);
                            return null;
                        },
                        delay,
                        TimeUnit.MILLISECONDS);
        befallen.add(end);
        return end;
    }

    private void befall(Fate drawn) throws IOException, InterruptedException {
        DaemonProcess daemon = running();
        fleet.count(drawn.kind().name());
        switch (drawn.kind()) {
            case NOTHING -> {}
            case KILL -> {
                killed = daemon;
                daemon.kill();
            }
            case NAP, SLEEP -> {
                daemon.freeze();
                try {
                    TimeUnit.MILLISECONDS.sleep(drawn.length().toMillis()); // the pause itself
                } finally {
                    daemon.thaw();
                }
            }
        }
    }

    /** Ends fate: from now on the daemon is as it is. */
    void endFate() throws Exception {
        fates.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
        fates.shutdown();
        assertThat(fates.awaitTermination(1, TimeUnit.MINUTES)).isTrue();
        for (Future<?> end : befallen) {
            if (!end.isCancelled()) {
                end.get();
            }
        }
    }

    void stop() throws IOException {
        assertThat(running().stop())
                .as("exit code of daemon %d", number)
                .isEqualTo(EXIT_BY_SIGTERM);
    }

    // ---- the client ------------------------------------------------------------------------

    /** Batch after batch, as long as the fleet wants more. */
    void work() throws Exception {
        while (fleet.wantsMore()) {
            try {
                Attempt attempt = begin();
                if (attempt != null) {
                    finish(attempt);
                }
            } catch (IOException e) {
                if (running() != killed) {
                    throw e;
                }
                revive();
            }
            pause(THINK_MILLIS_MAX);
        }
    }

    /** A client thinks. */
    private void pause(int millisMax) throws InterruptedException {
        TimeUnit.MILLISECONDS.sleep(random.nextInt(millisMax));
    }

    private List<LedgerTable> draw() {
        if (!again.isEmpty() && random.nextInt(3) > 0) {
            return again;
        }
        List<LedgerTable> drawn = new ArrayList<>(fleet.tables());
        Collections.shuffle(drawn, random);
        return drawn.subList(0, 1 + random.nextInt(TABLES_MAX));
    }

    /** Null: refused. */
    private @Nullable Attempt begin() throws Exception {
        latest = null;
        List<LedgerTable> tables = List.copyOf(draw());
        again = List.of();
        Map<LedgerTable, List<String>> acknowledged = new HashMap<>();
        tables.forEach(table -> acknowledged.put(table, table.acknowledged()));
        String names =
                tables.stream()
                        .map(table -> '"' + table.path() + '"')
                        .collect(Collectors.joining(","));
        DaemonProcess.Answer begun =
                ask("POST", "/v1/batches", bytes("{\"tables\":[" + names + "]}"));
        if (begun.status() >= 300) {
            countRefusal(begun);
            again = tables;
            pause(REFUSED_MILLIS_MAX);
            return null;
        }
        String batch = mapper.readTree(begun.text()).get("batch").asText();
        var attempt = new Attempt(batch, number, tables);
        fleet.began(attempt);
        latest = attempt;
        fate = Fate.draw(random, fleet.lease());
        if (fate.kind() != Fate.Kind.NOTHING && !fate.isWhenStaged()) {
            var _ = schedule();
        }
        for (LedgerTable table : tables) {
            List<String> ledger = read(attempt, table);
            if (!attempt.isTorn()) {
                assertThat(ledger)
                        .as("%s, as read by %s", table, attempt)
                        .containsAll(acknowledged.getOrDefault(table, List.of()));
            }
            attempt.read(table, ledger);
        }
        return attempt;
    }

    private void countRefusal(DaemonProcess.Answer begun) {
        assertThat(begun.status()).as(begun.text()).isEqualTo(409);
        if (begun.text().contains("the fence of ")) {
            fleet.count("refused, fenced");
        } else if (begun.text().contains("is locked by batch")
                && begun.text().contains("process")) {
            fleet.count("refused, locked by another daemon");
        } else {
            assertThat(begun.text()).contains("is locked by batch");
            fleet.count("refused, locked here");
        }
    }

    private List<String> read(Attempt attempt, LedgerTable table) throws IOException {
        List<List<String>> ledgers = new ArrayList<>();
        for (int page : LedgerTable.PAGES) {
            DaemonProcess.Answer answer = ask("GET", pagePath(attempt, table, page), NOTHING);
            assertThat(answer.status()).as(answer.text()).isEqualTo(200);
            ledgers.add(LedgerTable.batchesIn(answer.text()));
        }
        if (!ledgers.getFirst().equals(ledgers.getLast())) {
            attempt.torn();
        }
        return ledgers.getFirst();
    }

    private static String pagePath(Attempt attempt, LedgerTable table, int page) {
        return "/v1/batches/%s/tables/%s/data?page=%d"
                .formatted(attempt.batch(), table.path(), page);
    }

    /** Stages, then commits or aborts; what is refused because a lock was lost is aborted. */
    private void finish(Attempt attempt) throws Exception {
        boolean lost = !stage(attempt);
        if (fate.isWhenStaged() && fate.kind() != Fate.Kind.NOTHING) {
            schedule().get();
        }
        if (lost || random.nextInt(10) == 0) {
            abort(attempt);
            return;
        }
        attempt.end(Attempt.End.UNKNOWN);
        DaemonProcess.Answer committed =
                ask("POST", "/v1/batches/" + attempt.batch() + "/commit", NOTHING);
        if (committed.status() < 300) {
            assertThat(attempt.isTorn())
                    .as("%s has read half of another's batch", attempt)
                    .isFalse();
            committed(attempt);
        } else {
            requireLockLost(committed);
            attempt.end(Attempt.End.NONE);
            abort(attempt);
        }
    }

    private void committed(Attempt attempt) {
        attempt.end(Attempt.End.COMMITTED);
        attempt.tables().forEach(table -> table.acknowledge(attempt.batch()));
        fleet.committed();
    }

    /** Whether the batch has its locks still. */
    private boolean stage(Attempt attempt) throws IOException {
        for (LedgerTable table : attempt.tables()) {
            List<String> ledger = new ArrayList<>(attempt.readIn(table));
            ledger.add(attempt.batch());
            for (int page : LedgerTable.PAGES) {
                DaemonProcess.Answer staged =
                        ask("PUT", pagePath(attempt, table, page), LedgerTable.page(page, ledger));
                if (staged.status() >= 300) {
                    requireLockLost(staged);
                    return false;
                }
            }
        }
        return true;
    }

    private void requireLockLost(DaemonProcess.Answer refused) {
        assertThat(refused.status()).as(refused.text()).isEqualTo(409);
        assertThat(refused.text())
                .containsAnyOf("has lost its lock", "was changed by another writer");
        fleet.count("lost locks");
    }

    private void abort(Attempt attempt) throws IOException {
        DaemonProcess.Answer aborted =
                ask("POST", "/v1/batches/" + attempt.batch() + "/abort", NOTHING);
        assertThat(aborted.status()).as(aborted.text()).isEqualTo(200);
        fleet.count("aborts");
    }

    /** After a restart: what the daemon still knows of the batch whose answer was lost. */
    private void settle() throws IOException {
        Attempt attempt = latest;
        if (attempt == null) {
            return;
        }
        for (JsonNode batch : batches()) {
            if (batch.get("batch").asText().equals(attempt.batch())) {
                assertThat(attempt.end())
                        .as("%s is %s", attempt, batch)
                        .isNotEqualTo(Attempt.End.NONE);
                assertThat(batch.get("state").asText()).isIn("COMMITTED", "APPLYING");
                if (attempt.end() == Attempt.End.UNKNOWN) {
                    fleet.count("commits seen after a kill");
                    committed(attempt);
                }
            }
        }
    }

    // ---- talking to it ---------------------------------------------------------------------

    private DaemonProcess.Answer ask(String method, String path, byte[] body) throws IOException {
        return running().request(method, path, body);
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    JsonNode batches() throws IOException {
        DaemonProcess.Answer status = ask("GET", "/v1/status", NOTHING);
        assertThat(status.status()).as(status.text()).isEqualTo(200);
        JsonNode batches = mapper.readTree(status.text()).get("batches");
        for (JsonNode batch : batches) {
            assertThat(batch.get("state").asText())
                    .as("daemon %d: %s", number, batch)
                    .isNotEqualTo("QUARANTINED");
        }
        return batches;
    }

    /** Until it has no batch any more. */
    void awaitIdle(long deadlineNanos) throws Exception {
        for (JsonNode left = batches(); !left.isEmpty(); left = batches()) {
            assertThat(System.nanoTime() - deadlineNanos)
                    .as("daemon %d still has %s", number, left)
                    .isNegative();
            TimeUnit.MILLISECONDS.sleep(20); // another process: nothing to wait on
        }
    }

    List<String> log() throws IOException {
        return Files.exists(home.log()) ? Files.readAllLines(home.log()) : List.of();
    }

    /** What it said last. */
    String story() throws IOException {
        List<String> log = log();
        return "daemon %d:%n%s"
                .formatted(
                        number,
                        log.stream()
                                .skip(Math.max(0, log.size() - LOG_LINES))
                                .collect(Collectors.joining("\n")));
    }

    int number() {
        return number;
    }

    @Override
    public void close() {
        fates.shutdownNow();
        DaemonProcess running = process;
        if (running != null) {
            running.close();
        }
    }
}
