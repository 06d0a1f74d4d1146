package aria.s3batch.ops.daemons;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.format.BlockName;
import aria.s3batch.format.Numbers;
import aria.s3batch.format.ObjectNames;
import aria.s3batch.format.SyntheticTable;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;
import aria.s3batch.ops.CommandLineRun;
import aria.s3batch.ops.demo.Bucket;
import aria.s3batch.ops.demo.DaemonProcess;
import aria.s3batch.ops.demo.S3Server;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.SortedMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;

/**
 * What daemons with cache directories of their own owe each other on one bucket: real processes, killed with
 * SIGKILL and paused with SIGSTOP. Subclasses bring the object store.
 */
@Tag("alone") // its leases last a second: beside another fleet they lapse, and all is done twice
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class DaemonsOfOneBucket {
    private static final boolean FULL = Numbers.areFull();
    private static final Fleet.Size SIZE =
            FULL ? new Fleet.Size(8, 40, 500, true) : new Fleet.Size(4, 12, 30, false);
    private static final Duration LIMIT = Duration.ofSeconds(60);
    private static final String OWN = "_aria_s3_batch/";
    private static final int BLOCK_PAGES = 4;
    private static final int BLOCKS = 60;
    private static final int PAGES = BLOCKS * BLOCK_PAGES;

    private Path directory;
    private S3Server store;
    private Bucket bucket;
    private int names;

    /**
     * @param place for its files; with a short path
     */
    abstract S3Server startStore(Path place) throws IOException;

    @BeforeAll
    void start(@TempDir Path place) throws IOException {
        directory = place;
        store = startStore(place.resolve("s3"));
        bucket = new Bucket(store);
    }

    @AfterAll
    void stop() {
        bucket.close();
        store.close();
    }

    /** What a test that failed has left is not the next one's business. */
    @AfterEach
    void sweep() {
        bucket.versions(OWN).keySet().forEach(bucket::delete);
    }

    // ---- the fleet -------------------------------------------------------------------------

    /**
     * {@code -Ddaemons.seed=N} repeats what was drawn; {@code -Ddaemons.minutes=N} goes on for so long, with
     * the next seeds.
     */
    @Test
    void batchesOfManyDaemonsAreThereOnceAndNothingIsLeft() throws Exception {
        long seed = Long.getLong("daemons.seed", ThreadLocalRandom.current().nextLong(1_000_000));
        long minutes = Long.getLong("daemons.minutes", 0);
        long end = System.nanoTime() + Duration.ofMinutes(minutes).toNanos();
        do {
            System.out.printf("%s: -Ddaemons.seed=%d%n", getClass().getSimpleName(), seed);
            try (var fleet = new Fleet(SIZE, seed, directory.resolve("s" + seed), store)) {
                try {
                    fleet.run();
                    if (FULL) {
                        assertThat(fleet.counts())
                                .containsKeys("KILL", "SLEEP", "refused, locked by another daemon");
                        assertThat(fleet.counts().get("takeovers")).isPositive();
                    }
                } catch (Exception | AssertionError e) {
                    throw new AssertionError(failure(seed, fleet, e), e);
                }
            }
            seed++;
        } while (System.nanoTime() - end < 0);
    }

    private String failure(long seed, Fleet fleet, Throwable cause) throws IOException {
        return """
        %s
        Again: mvn -B -pl ops -am verify -Dtest=%s -Dsurefire.failIfNoSpecifiedTests=false \
        -Ddaemons.seed=%d %s
        %s
        """
                .formatted(
                        cause.getMessage(),
                        getClass().getSimpleName(),
                        seed,
                        Numbers.option(),
                        fleet.story());
    }

    // ---- two of them -----------------------------------------------------------------------

    private Peer peer(String... options) throws IOException {
        names++;
        return new Peer(directory.resolve("p" + names), store, List.of(options));
    }

    private TableName load() {
        names++;
        var table = new TableName("pair", "t" + names);
        SyntheticTable.of(table, BLOCK_PAGES * SyntheticTable.PAGE_BYTES, false, 0, PAGES, names)
                .objects()
                .forEach(bucket::put);
        return table;
    }

    /** All pages of the data file, other ones for each seed. */
    private static byte[] allPages(long seed) {
        var images = new ByteArrayOutputStream();
        for (int page = 0; page < PAGES; page++) {
            images.writeBytes(SyntheticTable.page(TableFile.DATA, page, seed));
        }
        return images.toByteArray();
    }

    private static byte[] onePage(int page, long seed) {
        return SyntheticTable.page(TableFile.DATA, page, seed);
    }

    private SortedMap<String, String> versions(TableName table) {
        return bucket.versions(table.path() + "/");
    }

    private boolean isLocked(TableName table) {
        return !bucket.versions(lockKey(table)).isEmpty();
    }

    private static String lockKey(TableName table) {
        return OWN + "locks/" + table.path();
    }

    private static void await(String what, Callable<Boolean> reached) throws Exception {
        long deadline = System.nanoTime() + LIMIT.toNanos();
        while (!reached.call()) {
            assertThat(System.nanoTime() - deadline).as(what).isNegative();
            TimeUnit.MILLISECONDS.sleep(5); // other processes: nothing to wait on
        }
    }

    private static void awaitIdle(Peer peer) throws Exception {
        await("all batches have ended", () -> peer.batches().isEmpty());
    }

    private static void assertRefused(DaemonProcess.Answer answer, String... words) {
        assertThat(answer.status()).as(answer.text()).isEqualTo(409);
        assertThat(answer.text()).contains(words);
    }

    /** Tries to begin until the lock of a daemon that gives no sign of life can be taken over. */
    private static String takeOver(Peer peer, TableName table, String holder) throws Exception {
        assertRefused(peer.tryBegin(table), "is locked by batch " + holder);
        DaemonProcess.Answer[] last = {peer.tryBegin(table)};
        await(
                "the lock expires",
                () -> {
                    if (last[0].status() == 409) {
                        last[0] = peer.tryBegin(table);
                    }
                    return last[0].status() != 409;
                });
        return peer.batchIn(last[0]);
    }

    /** Commits a batch that rewrites all blocks, one at a time; returns when some of them are written. */
    private void commitToMidApply(Peer peer, String batch, TableName table) throws Exception {
        String first = new ObjectNames(table).block(new BlockName(TableFile.DATA, 1));
        SortedMap<String, String> before = bucket.versions(first);
        peer.commit(batch, "none");
        await("the first block is written", () -> !bucket.versions(first).equals(before));
    }

    private void assertNothingOfOursIsLeft() {
        assertThat(bucket.versions(OWN).keySet()).isEmpty();
    }

    @Test
    void killedWithAnOpenBatchItHasItsTablesBackAtOnce() throws Exception {
        TableName table = load();
        try (Peer owner = peer();
                Peer other = peer()) {
            String lost = owner.begin(table);
            owner.stage(lost, table, 1, onePage(1, 1));
            owner.process().kill();
            assertRefused(other.tryBegin(table), "is locked by batch " + lost);
            owner.restart();
            String next = owner.begin(table);
            assertRefused(other.tryBegin(table), "is locked by batch " + next);
            owner.process().kill();
            owner.restart();
            await("what it left is released", () -> !isLocked(table));
            assertThat(other.run("abort", other.begin(table)).exitCode()).isZero();
        }
        assertNothingOfOursIsLeft();
    }

    @Test
    void committedLockOutlivesItsLeaseUntilItsOwnerHasRecovered() throws Exception {
        TableName table = load();
        try (Peer owner = peer("lock-lease=1", "apply-concurrency=1");
                Peer other = peer("lock-lease=1")) {
            String batch = owner.begin(table);
            owner.stage(batch, table, 0, allPages(1));
            commitToMidApply(owner, batch, table);
            owner.process().kill();
            long killed = System.nanoTime();
            while (System.nanoTime() - killed < Duration.ofSeconds(3).toNanos()) {
                assertRefused(other.tryBegin(table), "is locked by batch " + batch, "committed");
                TimeUnit.MILLISECONDS.sleep(200); // three leases go by
            }
            owner.restart();
            awaitIdle(owner);
            assertThat(isLocked(table)).isFalse();
            assertThat(other.run("abort", other.begin(table)).exitCode()).isZero();
            assertThat(other.run("check", table.display()).exitCode()).isZero();
        }
        assertNothingOfOursIsLeft();
    }

    @Test
    void pausedPastItsLeaseItsOpenBatchIsRefusedAndChangesNothing() throws Exception {
        TableName table = load();
        try (Peer owner = peer("lock-lease=1");
                Peer other = peer("lock-lease=1")) {
            String late = owner.begin(table);
            owner.stage(late, table, 1, onePage(1, 1));
            owner.process().freeze();
            String winner = takeOver(other, table, late);
            other.stage(winner, table, 1, onePage(1, 2));
            other.commit(winner, "fence");
            awaitIdle(other);
            String next = other.begin(table);
            SortedMap<String, String> after = versions(table);
            owner.process().thaw();

            CommandLineRun commit = owner.run("commit", late);
            assertThat(commit.err()).contains("has lost its lock", next);
            assertThat(commit.exitCode()).isEqualTo(3);
            assertThat(owner.batch(late).get("state").asText()).isEqualTo("OPEN");
            assertThat(owner.batch(late).get("reason").asText()).contains(next, "Abort it");
            assertRefused(owner.tryStage(late, table, 2, onePage(2, 1)), "has lost its lock");
            assertThat(owner.run("abort", late).exitCode()).isZero();

            assertThat(versions(table)).isEqualTo(after);
            other.stage(next, table, 1, onePage(1, 3));
            other.commit(next, "fence");
            awaitIdle(other);
            assertThat(owner.batches()).isEmpty();
            assertThat(other.run("check", table.display()).exitCode()).isZero();
        }
        assertNothingOfOursIsLeft();
    }

    @Test
    void pausedPastItsLeaseItIsRefusedWhenTheOtherIsLongDoneToo() throws Exception {
        TableName table = load();
        try (Peer owner = peer("lock-lease=1");
                Peer other = peer("lock-lease=1")) {
            String late = owner.begin(table);
            owner.stage(late, table, 1, onePage(1, 1));
            owner.process().freeze();
            String winner = takeOver(other, table, late);
            other.stage(winner, table, 1, onePage(1, 2));
            other.commit(winner, "none");
            awaitIdle(other);
            SortedMap<String, String> after = versions(table);
            owner.process().thaw();

            CommandLineRun commit = owner.run("commit", late);
            assertThat(commit.err()).contains("has lost its lock");
            assertThat(commit.exitCode()).isEqualTo(3);
            assertThat(owner.run("abort", late).exitCode()).isZero();
            assertThat(versions(table)).isEqualTo(after);
        }
        assertNothingOfOursIsLeft();
    }

    /** The pages of its batch are half in S3, and so they stay: the operator has broken the lock by force. */
    @Test
    void pausedInMidApplyAndItsLockBrokenItWritesNothingMore() throws Exception {
        TableName table = load();
        try (Peer owner = peer("lock-lease=1", "apply-concurrency=1");
                Peer other = peer("lock-lease=1")) {
            SortedMap<String, String> before = versions(table);
            String late = owner.begin(table);
            owner.stage(late, table, 0, allPages(1));
            commitToMidApply(owner, late, table);
            owner.process().freeze();
            SortedMap<String, String> half = versions(table);
            assertThat(half.entrySet().stream().filter(before.entrySet()::contains))
                    .as("objects that are not written yet")
                    .hasSizeGreaterThan(3);
            assertThat(isLocked(table)).isTrue();
            TimeUnit.MILLISECONDS.sleep(1_500); // longer than the lease
            bucket.delete(lockKey(table));

            String winner = other.begin(table);
            other.stage(winner, table, 0, allPages(2));
            other.commit(winner, "none");
            awaitIdle(other);
            SortedMap<String, String> after = versions(table);
            owner.process().thaw();

            await(
                    "it finds that its lock is gone",
                    () -> owner.batch(late).get("state").asText().equals("QUARANTINED"));
            // one write may have been on its way when it was stopped, and have met its If-Match
            assertThat(owner.batch(late).get("reason").asText())
                    .containsAnyOf("has lost its lock", "was changed by another writer");
            assertThat(versions(table)).isEqualTo(after);
            CommandLineRun discard = owner.run("resolve", late, "--discard");
            assertThat(discard.exitCode()).as(discard.err()).isZero();
            awaitIdle(owner);
            assertThat(versions(table)).isEqualTo(after);
            assertThat(other.run("check", table.display()).exitCode()).isZero();
        }
        assertNothingOfOursIsLeft();
    }
}
