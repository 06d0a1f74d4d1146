package aria.s3batch.ops.process;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.format.Numbers;
import aria.s3batch.ops.demo.Bucket;
import aria.s3batch.ops.demo.S3Server;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Rounds of {@link KillRound}, several at a time: every {@link KillPoint} where it can be, in the life in
 * which the batch is made and in replay, then random ones. In small numbers some of them, drawn from the
 * seed.
 *
 * <p>{@code -Dkill.seed=N} gives the rounds of that seed, {@code -Dkill.round=N} only one of them; {@code
 * -Dkill.rounds=N} another number.
 */
final class KillRounds {
    static final boolean LONG = Numbers.areLong();
    static final int FULL_ROUNDS = 100;
    private static final int ONLY_ROUND = Integer.getInteger("kill.round", 0);
    private static final int LANES = 3;

    /** A point may be missed, for the weather made the script give up: the last attempt is a fine day. */
    private static final int ATTEMPTS = 4;

    private final String test;
    private final Path directory;
    private final S3Server store;
    private final long seed =
            Long.getLong("kill.seed", ThreadLocalRandom.current().nextLong(1, 1_000_000));
    private final List<Planned> plan = new ArrayList<>();
    private final Map<String, Integer> reached = Collections.synchronizedMap(new TreeMap<>());
    private final List<String> missed = Collections.synchronizedList(new ArrayList<>());
    private final AtomicInteger next = new AtomicInteger();
    private final AtomicInteger ids = new AtomicInteger();

    /**
     * A round to be run.
     *
     * @param number counted from 1
     */
    private record Planned(int number, @Nullable KillPoint point, boolean inReplay) {
        String name() {
            return point == null ? "random" : point + (inReplay ? " in replay" : "");
        }
    }

    /**
     * @param longRounds how many under {@code --long}, where each point is tried at least; under {@code --full} it
     *     is {@link #FULL_ROUNDS}
     */
    KillRounds(String test, Path directory, S3Server store, int longRounds) {
        this.test = test;
        this.directory = directory;
        this.store = store;
        List<Planned> named = new ArrayList<>();
        for (KillPoint point : KillPoint.values()) {
            if (point.isInFirstLife() && !point.isAnyTime()) {
                named.add(new Planned(0, point, false));
            }
            if (point.isInReplay() && !point.isAnyTime()) {
                named.add(new Planned(0, point, true));
            }
        }
        Collections.shuffle(named, new Random(seed));
        int full = Numbers.areFull() ? FULL_ROUNDS : Math.max(longRounds, named.size());
        int rounds = Integer.getInteger("kill.rounds", LONG ? full : 6);
        for (int number = 1; number <= rounds; number++) {
            boolean random = LONG ? number > named.size() : number % 3 == 0;
            Planned one = named.get((number - 1) % named.size());
            plan.add(new Planned(number, random ? null : one.point(), !random && one.inReplay()));
        }
        if (ONLY_ROUND > 0) {
            plan.removeIf(round -> round.number() != ONLY_ROUND);
        }
    }

    void run() throws Exception {
        long begun = System.nanoTime();
        System.out.printf("%s: -Dkill.seed=%d, %d rounds%n", test, seed, plan.size());
        List<KillLane> lanes = new ArrayList<>();
        ExecutorService threads = Executors.newFixedThreadPool(LANES);
        try (var bucket = new Bucket(store)) {
            for (int i = 0; i < Math.min(LANES, plan.size()); i++) {
                int concurrency = 1 + i * i;
                lanes.add(new KillLane(directory.resolve("l" + i), store, bucket, concurrency));
            }
            List<Future<?>> ends = new ArrayList<>();
            for (KillLane lane : lanes) {
                ends.add(threads.submit(() -> runLane(lane, bucket)));
            }
            for (Future<?> end : ends) {
                try {
                    end.get();
                } catch (ExecutionException e) {
                    next.set(plan.size()); // the others end
                    if (e.getCause() instanceof Error error) {
                        throw error;
                    }
                    throw e;
                }
            }
            assertOneProbeEach(lanes, bucket);
        } finally {
            threads.shutdownNow();
            lanes.forEach(KillLane::close);
            report(lanes, begun);
        }
        if (!missed.isEmpty()) {
            throw new AssertionError("kill points that no round reached: " + missed);
        }
    }

    private @Nullable Void runLane(KillLane lane, Bucket bucket) throws Exception {
        for (int i = next.getAndIncrement(); i < plan.size(); i = next.getAndIncrement()) {
            Planned planned = plan.get(i);
            boolean done = false;
            for (int attempt = 1; attempt <= ATTEMPTS && !done; attempt++) {
                done = runRound(lane, bucket, planned, attempt);
            }
            if (!done) {
                missed.add(planned.name());
            }
        }
        return null;
    }

    /** A kill in mid-probe leaves up to three objects, which the next start of that daemon finds. */
    private static void assertOneProbeEach(List<KillLane> lanes, Bucket bucket) {
        assertThat(bucket.versions("_aria_s3_batch/probe/"))
                .hasSizeLessThanOrEqualTo(3 * lanes.size());
    }

    /** Whether the planned point was reached. */
    private boolean runRound(KillLane lane, Bucket bucket, Planned planned, int attempt)
            throws Exception {
        long roundSeed = new Random(seed * 1_000_003 + planned.number() * 31L + attempt).nextLong();
        var round =
                new KillRound(
                        lane,
                        bucket,
                        roundSeed,
                        "k" + ids.incrementAndGet(),
                        planned.point(),
                        planned.inReplay(),
                        attempt == ATTEMPTS);
        List<KillPoint> points;
        try {
            points = round.run();
        } catch (Exception | AssertionError e) {
            throw new AssertionError(failure(lane, planned, round, e), e);
        }
        System.out.printf("%d: %s, reached %s%n", planned.number(), round, points);
        for (int i = 0; i < points.size(); i++) {
            reached.merge(points.get(i) + (i == 0 ? "" : " in replay"), 1, Integer::sum);
        }
        return planned.point() == null
                || points.size() > (planned.inReplay() ? 1 : 0) && points.contains(planned.point());
    }

    private String failure(KillLane lane, Planned planned, KillRound round, Throwable cause)
            throws IOException {
        return """
        %s
        in round %d: %s
        Again: mvn -B -pl ops -am verify -Dtest=%s -Dsurefire.failIfNoSpecifiedTests=false \
        -Dkill.seed=%d -Dkill.round=%d %s
        %s
        """
                .formatted(
                        cause.getMessage(),
                        planned.number(),
                        round,
                        test,
                        seed,
                        planned.number(),
                        Numbers.option(),
                        lane.story());
    }

    private void report(List<KillLane> lanes, long begun) {
        Map<Fault, Integer> faults = new EnumMap<>(Fault.class);
        for (KillLane lane : lanes) {
            lane.proxy().counts().forEach((fault, n) -> faults.merge(fault, n, Integer::sum));
        }
        System.out.printf(
                "%s: %d rounds, %d kills, %d starts, %d s%nkills: %s%nfaults: %s%n",
                test,
                plan.size(),
                reached.values().stream().mapToInt(n -> n).sum(),
                lanes.stream().mapToInt(KillLane::starts).sum(),
                (System.nanoTime() - begun) / 1_000_000_000,
                reached,
                faults);
        assert Arrays.stream(Fault.values()).anyMatch(faults::containsKey);
    }
}
