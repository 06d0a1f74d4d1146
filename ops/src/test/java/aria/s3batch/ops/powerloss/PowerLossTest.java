package aria.s3batch.ops.powerloss;

import aria.s3batch.format.Fixture;
import aria.s3batch.format.Numbers;
import aria.s3batch.ops.demo.Bucket;
import aria.s3batch.ops.demo.DaemonProcess;
import aria.s3batch.ops.demo.EmbeddedS3Process;
import aria.s3batch.ops.process.FixtureTable;
import aria.s3batch.ops.server.NeedsFuse;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;
import java.util.random.RandomGenerator;

/**
 * The real daemon, with cache directory and journal on a disk that loses power: at every sync, before it
 * takes effect and after, at random calls, while it recovers, and after commits are answered. An answered
 * commit is never lost, any other is all or nothing, nothing is left, and the daemon always starts.
 *
 * <p>{@code -Dcut.seed=N} repeats one {@link Life}, {@code -Dcut.minutes=N} goes on for so long.
 */
@NeedsFuse
final class PowerLossTest {
    private static final int CUTS_PER_LIFE = 4;
    private static final int LIVES = Numbers.areLong() ? 14 : 1;
    private static final int SCENES = 2;
    private static final int TABLES = 2;
    private static final int SEED_MAX = 1_000_000;

    private final Path directory;
    private volatile boolean failed;

    PowerLossTest(@TempDir Path directory) {
        this.directory = directory;
    }

    @Test
    void answeredCommitsSurviveAndNothingElseIsLeft() throws Exception {
        boolean one = System.getProperty("cut.seed") != null;
        long first = Long.getLong("cut.seed", RandomGenerator.getDefault().nextInt(SEED_MAX));
        long minutes = Long.getLong("cut.minutes", 0);
        long end = System.nanoTime() + Duration.ofMinutes(minutes).toNanos();
        var next = new AtomicLong(first);
        int lives = one ? 1 : LIVES;
        int threads = Math.min(SCENES, minutes > 0 ? SCENES : lives);
        List<Callable<Void>> scenes = new ArrayList<>();
        for (int scene = 0; scene < threads; scene++) {
            Path home = directory.resolve("s" + scene);
            scenes.add(
                    () -> {
                        lives(home, next, minutes > 0 ? Long.MAX_VALUE : first + lives, end);
                        return null;
                    });
        }
        try (ExecutorService executor = Executors.newFixedThreadPool(threads)) {
            for (Future<Void> scene : executor.invokeAll(scenes)) {
                scene.get();
            }
        }
    }

    /** One life after the other, on an object store of their own. */
    private void lives(Path home, AtomicLong next, long seedMax, long end) throws Exception {
        try (EmbeddedS3Process s3 = EmbeddedS3Process.start(home.resolve("s3"));
                var bucket = new Bucket(s3)) {
            for (long seed = next.getAndIncrement();
                    seed < seedMax && !failed;
                    seed = next.getAndIncrement()) {
                live(seed, home.resolve("d" + seed), s3, bucket);
                if (seedMax == Long.MAX_VALUE && System.nanoTime() > end) {
                    return;
                }
            }
        } catch (Throwable e) {
            failed = true;
            throw e;
        }
    }

    private static void live(long seed, Path directory, EmbeddedS3Process s3, Bucket bucket)
            throws Exception {
        var chance = new SplittableRandom(seed);
        bucket.versions("").keySet().forEach(bucket::delete);
        List<String> names = new ArrayList<>(Fixture.names());
        List<FixtureTable> tables = new ArrayList<>();
        for (int i = 0; i < TABLES; i++) {
            tables.add(new FixtureTable(names.remove(chance.nextInt(names.size())), bucket));
        }
        var home = DaemonProcess.Home.create(directory, s3, List.of("fence-wait=0.05"));
        var life = new Life(home, bucket, tables, chance);
        try {
            for (int i = 0; i < CUTS_PER_LIFE; i++) {
                life.dayWithCut(CutPoint.draw(seed * CUTS_PER_LIFE + i, chance));
            }
            life.lastDay();
        } catch (Exception | AssertionError e) {
            throw new AssertionError(
                    "%s%nmvn -pl ops -am verify -Dtest=PowerLossTest -Dsurefire.failIfNoSpecifiedTests=false -Dcut.seed=%d repeats it%n%s"
                            .formatted(e, seed, life.story()),
                    e);
        }
        System.out.printf("-Dcut.seed=%d %s%n%s%n", seed, tables, life.story());
    }
}
