package aria.s3batch.ops;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import aria.s3batch.format.BatchId;
import aria.s3batch.format.Fixture;
import aria.s3batch.format.FrmImage;
import aria.s3batch.format.TableName;
import aria.s3batch.ops.demo.Bucket;
import aria.s3batch.ops.demo.EmbeddedS3Process;
import aria.s3batch.s3block.AwsObjectStore;
import aria.s3batch.s3block.BatchLocks;
import aria.s3batch.s3block.FenceCopies;
import aria.s3batch.s3block.LockLostException;
import aria.s3batch.s3block.LockOwner;
import aria.s3batch.s3block.StoreSettings;
import aria.s3batch.s3block.TableLocks;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicReference;

/** {@code lock list} and {@code lock break} on a real S3 server, of locks as a daemon writes them. */
class LockVerbsTest {
    private static final TableName ORDERS = new TableName("shop", "orders");
    private static final String LOCK = "_aria_s3_batch/locks/shop/orders";
    private static final BatchId BATCH = BatchId.of(1_700_000_000_000L, 42, 7);

    @TempDir static Path directory;
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
                lock-lease=1
                """
                        .formatted(
                                server.port(),
                                EmbeddedS3Process.BUCKET,
                                EmbeddedS3Process.REGION,
                                EmbeddedS3Process.ACCESS_KEY,
                                EmbeddedS3Process.SECRET_KEY));
    }

    @AfterEach
    void unlock() {
        bucket.versions("_aria_s3_batch/locks/").keySet().forEach(bucket::delete);
    }

    @AfterAll
    static void stopServer() {
        store.close();
        bucket.close();
        server.close();
    }

    private static CommandLineRun run(String... args) {
        String[] all = new String[args.length + 1];
        System.arraycopy(args, 0, all, 0, args.length);
        all[args.length] = "--defaults-file=" + options;
        return CommandLineRun.of(all);
    }

    private static BatchLocks locked() throws IOException {
        var owner = new LockOwner("0123456789abcdef", "db7", 812, "boot");
        var locks =
                new TableLocks(
                        store,
                        owner,
                        Duration.ofSeconds(1),
                        System::nanoTime,
                        InstantSource.system());
        return locks.acquire(BATCH, List.of(ORDERS));
    }

    private static boolean isLocked() {
        return bucket.versions("_aria_s3_batch/locks/").containsKey(LOCK);
    }

    @Test
    void listShowsWhoHasWhich() throws Exception {
        assertThat(run("lock", "list").out()).isEmpty();
        BatchLocks locks = locked();
        assertThat(run("lock", "list").out())
                .contains("shop.orders open", BATCH.toString(), "process 812 on db7", "lease 1 s");
        locks.commit("00112233aabbccdd");
        assertThat(run("lock", "list").out()).contains("committed", "copy in the bucket");
        var lock = run("lock", "list", "--json").json().at("/locks/0");
        assertThat(lock.get("table").asText()).isEqualTo("shop.orders");
        assertThat(lock.get("state").asText()).isEqualTo("committed");
        assertThat(lock.get("batch").asText()).isEqualTo(BATCH.toString());
        assertThat(lock.get("copy").asBoolean()).isTrue();
        assertThat(isLocked()).as("a list changes nothing").isTrue();
    }

    @Test
    void openLockOfADaemonThatIsGoneIsBrokenAfterItsLease() throws Exception {
        BatchLocks locks = locked();
        CommandLineRun broken = run("lock", "break", "shop.orders#P#p3");
        assertThat(broken.exitCode()).as(broken.err()).isZero();
        assertThat(broken.err()).contains("watching", "shop.orders", BATCH.toString(), "db7");
        assertThat(isLocked()).isFalse();
        assertThat(locks.lost()).isNull();
        assertThat(catchThrowable(locks::renew)).isInstanceOf(LockLostException.class);
        assertThat(run("lock", "break", "shop.orders").err()).contains("not locked");
    }

    @Test
    void openLockOfALiveDaemonStays() throws Exception {
        BatchLocks locks = locked();
        var renewal = new AtomicReference<IOException>();
        Thread daemon =
                Thread.ofPlatform()
                        .start(
                                () -> {
                                    try {
                                        while (!Thread.currentThread().isInterrupted()) {
                                            locks.renew();
                                        }
                                    } catch (IOException e) {
                                        renewal.set(e);
                                    }
                                });
        CommandLineRun refused = run("lock", "break", "shop.orders");
        daemon.interrupt();
        daemon.join();
        assertThat(refused.exitCode()).isEqualTo(3);
        assertThat(refused.err()).contains("alive", "Nothing was changed", BATCH.toString());
        assertThat(isLocked()).isTrue();
        assertThat(locks.lost()).as(String.valueOf(renewal.get())).isNull();
    }

    @Test
    void committedLockIsBrokenByForceAloneAndWhatIsLostIsSaid() throws Exception {
        BatchLocks locks = locked();
        locks.commit("");
        CommandLineRun refused = run("lock", "break", "shop.orders");
        assertThat(refused.exitCode()).isEqualTo(3);
        assertThat(refused.err())
                .contains("committed", "db7", "--force", "lost", "Start the daemon there");
        assertThat(isLocked()).isTrue();
        CommandLineRun broken = run("lock", "break", "--force", "shop.orders", "--json");
        assertThat(broken.exitCode()).as(broken.err()).isZero();
        assertThat(broken.json().get("broken").asBoolean()).isTrue();
        assertThat(isLocked()).isFalse();
    }

    @Test
    void whatIsNoLockIsNamedAndRemovedByForceAlone() throws Exception {
        bucket.put(LOCK, "not a lock".getBytes(StandardCharsets.UTF_8));
        CommandLineRun list = run("lock", "list");
        assertThat(list.exitCode()).isEqualTo(4);
        assertThat(list.out()).contains("shop.orders damaged", LOCK);
        CommandLineRun refused = run("lock", "break", "shop.orders");
        assertThat(refused.exitCode()).isEqualTo(4);
        assertThat(refused.err()).contains(LOCK, "Nothing was changed", "--force");
        assertThat(isLocked()).isTrue();
        assertThat(run("lock", "break", "--force", "shop.orders").exitCode()).isZero();
        assertThat(isLocked()).isFalse();
    }

    /** The host is lost in mid-apply: readers find the table again, its header as it was. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void fenceOfALostBatchIsLoweredByForce(boolean locked) throws Exception {
        Map<String, byte[]> before = Fixture.of("plain").before();
        byte[] aria = Objects.requireNonNull(before.get("fx_shared/plain/aria"));
        byte[] frm = Objects.requireNonNull(before.get("fx_shared/plain/frm"));
        bucket.put(FenceCopies.key(BATCH, "shop/orders/aria"), aria);
        bucket.put(FenceCopies.key(BATCH, "shop/orders/frm"), frm);
        if (locked) {
            locked().commit("");
        }
        CommandLineRun broken = run("lock", "break", "--force", "shop.orders", "--json");
        assertThat(broken.exitCode()).as(broken.err()).isZero();
        assertThat(broken.err()).contains("behind the fence of batch " + BATCH, "after 1 s");
        assertThat(broken.json().get("broken").asBoolean()).isEqualTo(locked);
        assertThat(broken.json().get("fenceLowered").asBoolean()).isTrue();
        assertThat(bucket.get("shop/orders/aria")).isEqualTo(aria);
        byte[] opened = bucket.get("shop/orders/frm");
        assertThat(FrmImage.parse(opened, "frm").version())
                .as("servers are to open it anew")
                .isNotEqualTo(FrmImage.parse(frm, "frm").version());
        assertThat(bucket.versions("_aria_s3_batch/")).isEmpty();
        bucket.versions("shop/").keySet().forEach(bucket::delete);
        assertThat(run("lock", "break", "--force", "shop.orders").err())
                .contains("is not locked")
                .doesNotContain("fence");
    }
}
