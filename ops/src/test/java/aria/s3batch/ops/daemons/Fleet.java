package aria.s3batch.ops.daemons;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.ops.CommandLineRun;
import aria.s3batch.ops.demo.Bucket;
import aria.s3batch.ops.demo.DaemonProcess;
import aria.s3batch.ops.demo.S3Server;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorCompletionService;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Daemons that work on the same tables, each for a client that begins random batches, adds each to the list
 * of its tables ({@link LedgerTable}), and commits most; and each with a {@link Fate}: it is killed, and
 * paused, some longer than the lease of its locks. In the end every batch whose commit was answered is in S3
 * exactly once, wholly, behind the batches that it had read; nothing of others is; nothing of ours is left.
 *
 * <p>All that is random is drawn from the seed; what real processes and clocks make of it differs.
 */
final class Fleet implements AutoCloseable {
    private static final Duration LIMIT = Duration.ofMinutes(1);
    private static final int LEASE_SECONDS = 1;
    private static final String OWN = "_aria_s3_batch/";
    private static final Pattern TAKEN_OVER =
            Pattern.compile("lock is taken over .*from=\"?batch ([0-9A-Z]{26}) ");

    /**
     * How large a run is.
     *
     * @param restart whether all daemons are started once more at the end
     */
    record Size(int daemons, int tables, int commits, boolean restart) {}

    private final Size size;
    private final Bucket bucket;
    private final List<LedgerTable> tables = new ArrayList<>();
    private final List<FleetDaemon> daemons = new ArrayList<>();
    private final Queue<Attempt> attempts = new ConcurrentLinkedQueue<>();
    private final Map<String, Integer> counts = new TreeMap<>();
    private final AtomicInteger commits = new AtomicInteger();
    private volatile boolean failed;

    Fleet(Size size, long seed, Path directory, S3Server store) throws IOException {
        this.size = size;
        this.bucket = new Bucket(store);
        var random = new Random(seed);
        for (int i = 0; i < size.tables(); i++) {
            tables.add(new LedgerTable("t%02d".formatted(i), bucket));
        }
        List<String> options = List.of("lock-lease=" + LEASE_SECONDS, "fence-wait=0.02");
        for (int i = 0; i < size.daemons(); i++) {
            var home = DaemonProcess.Home.create(directory.resolve("f" + i), store, options);
            daemons.add(new FleetDaemon(this, i, home, random.nextLong()));
        }
    }

    // ---- for the daemons -------------------------------------------------------------------

    Duration lease() {
        return Duration.ofSeconds(LEASE_SECONDS);
    }

    Collection<LedgerTable> tables() {
        return tables;
    }

    boolean wantsMore() {
        return !failed && commits.get() < size.commits();
    }

    void began(Attempt attempt) {
        attempts.add(attempt);
    }

    void committed() {
        commits.incrementAndGet();
    }

    synchronized void count(String what) {
        counts.merge(what, 1, Integer::sum);
    }

    // ---- the run ---------------------------------------------------------------------------

    void run() throws Exception {
        tables.forEach(LedgerTable::load);
        each(FleetDaemon::start);
        long begun = System.nanoTime();
        each(
                daemon -> {
                    daemon.work();
                    daemon.endFate();
                    daemon.revive();
                    daemon.awaitIdle(System.nanoTime() + LIMIT.toNanos());
                });
        double seconds = (System.nanoTime() - begun) / 1e9;
        LedgerTable.assertAllThereOnce(tables, attempts);
        System.out.printf(
                "%d commits in %.0f s, %.1f a second; %s%n",
                commits.get(), seconds, commits.get() / seconds, counts());
        if (size.restart()) {
            each(
                    daemon -> {
                        daemon.stop();
                        daemon.start();
                        daemon.awaitIdle(System.nanoTime() + LIMIT.toNanos());
                    });
        }
        awaitNothingOfOurs();
        each(FleetDaemon::stop);
        assertThat(bucket.versions(OWN).keySet()).as("left in the bucket").isEmpty();
        assertTablesAreWhole();
        LedgerTable.assertAllThereOnce(tables, attempts);
    }

    private interface Step {
        void with(FleetDaemon daemon) throws Exception;
    }

    /** All at once; the first failure ends the others. */
    private void each(Step step) throws Exception {
        try (ExecutorService threads = Executors.newFixedThreadPool(daemons.size())) {
            var ends = new ExecutorCompletionService<FleetDaemon>(threads);
            for (FleetDaemon daemon : daemons) {
                var _ =
                        ends.submit(
                                () -> {
                                    step.with(daemon);
                                    return daemon;
                                });
            }
            for (int i = 0; i < daemons.size(); i++) {
                try {
                    ends.take().get();
                } catch (ExecutionException e) {
                    failed = true;
                    throw new AssertionError(String.valueOf(e.getCause()), e.getCause());
                }
            }
        }
    }

    /** What the last processes left is released in the background. */
    private void awaitNothingOfOurs() throws InterruptedException {
        long deadline = System.nanoTime() + LIMIT.toNanos();
        while (!bucket.versions(OWN).isEmpty()) {
            assertThat(System.nanoTime() - deadline)
                    .as("left in the bucket: %s", bucket.versions(OWN).keySet())
                    .isNegative();
            TimeUnit.MILLISECONDS.sleep(50); // other processes: nothing to wait on
        }
    }

    private void assertTablesAreWhole() {
        CommandLineRun check =
                CommandLineRun.of(
                        Stream.concat(
                                        Stream.of(
                                                "check",
                                                "--defaults-file="
                                                        + daemons.getFirst().home().optionFile()),
                                        tables.stream().map(LedgerTable::display))
                                .toArray(String[]::new));
        assertThat(check.exitCode()).as(check.out() + check.err()).isZero();
    }

    // ---- numbers ---------------------------------------------------------------------------

    int commits() {
        return commits.get();
    }

    /** What happened, and how often; takeovers of locks of other daemons as their logs tell. */
    synchronized Map<String, Integer> counts() throws IOException {
        Map<String, Integer> all = new TreeMap<>(counts);
        all.put("takeovers", takeovers());
        return all;
    }

    private int takeovers() throws IOException {
        Map<String, Integer> daemonOf = new TreeMap<>();
        attempts.forEach(attempt -> daemonOf.put(attempt.batch(), attempt.daemon()));
        int takeovers = 0;
        for (FleetDaemon daemon : daemons) {
            for (String line : daemon.log()) {
                Matcher taken = TAKEN_OVER.matcher(line);
                if (taken.find()
                        && daemonOf.getOrDefault(taken.group(1), daemon.number())
                                != daemon.number()) {
                    takeovers++;
                }
            }
        }
        return takeovers;
    }

    /** What all of them said last, for a failure's message. */
    String story() throws IOException {
        var story = new StringBuilder(counts().toString());
        for (FleetDaemon daemon : daemons) {
            story.append('\n').append(daemon.story());
        }
        return story.toString();
    }

    @Override
    public void close() {
        daemons.forEach(FleetDaemon::close);
        bucket.close();
    }
}
