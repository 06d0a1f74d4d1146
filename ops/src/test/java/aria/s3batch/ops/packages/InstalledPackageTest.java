package aria.s3batch.ops.packages;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.format.Numbers;
import aria.s3batch.ops.demo.Bucket;
import aria.s3batch.ops.demo.DemoTable;
import aria.s3batch.ops.demo.EmbeddedS3Process;

import com.fasterxml.jackson.databind.ObjectMapper;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/**
 * The package's life on a Debian that knows nothing of us: installed, upgraded under a daemon that has a
 * committed batch in mid-apply, removed, installed again, purged.
 */
@NeedsPackage
@Tag("alone")
@EnabledIfSystemProperty(named = Numbers.PROPERTY, matches = "full")
class InstalledPackageTest {
    private static final Duration LIMIT = Duration.ofSeconds(90);
    private static final String PROGRAMS = "/usr/lib/aria_s3_batch/lib";
    private static final String OPTIONS = "/etc/mysql/mariadb.conf.d/60-aria_s3_batch.cnf";
    private static final String CACHE = "/var/lib/aria_s3_batch";
    private static final String LOG = "/root/daemon.log";

    @TempDir Path directory;

    @Test
    void committedBatchOutlivesUpgradeRemovalAndPurge() throws Exception {
        try (var debian = CleanRoot.makeIfPossible(directory.resolve("root"));
                var s3 = EmbeddedS3Process.start(directory.resolve("s3"));
                var bucket = new Bucket(s3)) {
            bucket.putAll(DemoTable.load().before());
            Path copy = debian.path("/root/copy");
            DemoTable.load().writeLocalCopy(copy);

            String installed = debian.install(NeedsPackage.Condition.deb());
            assertThat(debian.path(PROGRAMS + "/aria.s3batch.ops.AriaS3Batchd.aot"))
                    .as(installed)
                    .exists();
            assertThat(installed).contains("name the bucket in " + OPTIONS);
            writeOptions(debian, s3);
            Process daemon = start(debian);
            String batch = commit(debian, s3);

            Future<String> upgrade =
                    CompletableFuture.supplyAsync(() -> upgraded(debian, "upgrade"));
            awaitLog(debian, "stopping");
            s3.release();
            assertThat(upgrade.get()).contains("start it again");
            assertThat(daemon.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS)).isTrue();
            assertThat(daemon.exitValue()).isEqualTo(143); // 128 + SIGTERM
            assertThat(debian.path(CACHE + "/batches/" + batch)).exists();
            assertThat(debian.path(OPTIONS)).content().contains("s3-bucket=");
            assertThat(debian.path(PROGRAMS + "/aria.s3batch.ops.AriaS3Batchd.aot")).exists();

            assertThat(debian.run("apt-get", "-qq", "-y", "purge", "aria-s3-batch"))
                    .contains(CACHE + " is left as it is");
            assertThat(debian.path(CACHE + "/batches/" + batch)).exists();
            assertThat(debian.path("/usr/lib/aria_s3_batch")).doesNotExist();

            debian.install(NeedsPackage.Condition.deb());
            writeOptions(debian, s3);
            Process next = start(debian);
            awaitNoBatch(debian);
            assertThat(blocks(bucket, "archive/orders/data/"))
                    .isEqualTo(Files.readAllBytes(copy.resolve("orders.MAD")));
            debian.run("aria_s3_batch", "check", DemoTable.NAME);

            debian.run("apt-get", "-qq", "-y", "purge", "aria-s3-batch");
            assertThat(next.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS)).isTrue();
            assertThat(debian.run("find", "/", "-xdev", "-name", "*aria?s3?batch*")).isEmpty();
        }
    }

    /** The same package under a higher version. */
    private String upgraded(CleanRoot debian, String name) {
        try {
            Path tree = directory.resolve(name);
            Path deb = directory.resolve(name + ".deb");
            run(
                    "dpkg-deb",
                    "--raw-extract",
                    NeedsPackage.Condition.deb().toString(),
                    tree.toString());
            Path control = tree.resolve("DEBIAN/control");
            Files.writeString(
                    control,
                    Files.readString(control).replaceFirst("(?m)^Version: .*$", "Version: 999"));
            run("dpkg-deb", "-Znone", "--build", tree.toString(), deb.toString());
            return debian.install(deb);
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    private static void run(String... command) throws Exception {
        assertThat(new ProcessBuilder(command).inheritIO().start().waitFor()).isZero();
    }

    private static void writeOptions(CleanRoot debian, EmbeddedS3Process s3) throws IOException {
        Files.writeString(
                debian.path(OPTIONS),
                """
                [aria_s3_batchd]
                s3-host-name=127.0.0.1
                s3-port=%d
                s3-use-http=ON
                s3-bucket=%s
                s3-region=%s
                s3-access-key=%s
                s3-secret-key=%s
                fence-wait=0.05
                """
                        .formatted(
                                s3.port(),
                                EmbeddedS3Process.BUCKET,
                                EmbeddedS3Process.REGION,
                                EmbeddedS3Process.ACCESS_KEY,
                                EmbeddedS3Process.SECRET_KEY));
    }

    private static Process start(CleanRoot debian) throws Exception {
        Process daemon = debian.start(LOG, "aria_s3_batchd");
        Path socket = debian.path("/run/aria_s3_batch/aria_s3_batch.sock");
        long deadline = System.nanoTime() + LIMIT.toNanos();
        while (!Files.exists(socket)) {
            assertThat(daemon.isAlive()).as(Files.readString(debian.path(LOG))).isTrue();
            assertThat(System.nanoTime()).isLessThan(deadline);
            TimeUnit.MILLISECONDS.sleep(50); // another process: nothing to wait on
        }
        return daemon;
    }

    /** Until the daemon waits for the object store in mid-apply. */
    private static String commit(CleanRoot debian, EmbeddedS3Process s3) throws Exception {
        String batch =
                debian.run("sh", "-c", "aria_s3_batch begin archive.orders 2>/dev/null").strip();
        debian.run("aria_s3_batch", "stage", batch, DemoTable.NAME, "--from=/root/copy");
        s3.holdBefore(4); // frm and aria are away, one block is written
        debian.run("aria_s3_batch", "commit", "--no-wait", batch);
        s3.awaitHeld(LIMIT);
        return batch;
    }

    private static void awaitLog(CleanRoot debian, String word) throws Exception {
        long deadline = System.nanoTime() + LIMIT.toNanos();
        while (!Files.readString(debian.path(LOG)).contains(word)) {
            assertThat(System.nanoTime()).isLessThan(deadline);
            TimeUnit.MILLISECONDS.sleep(50); // another process: nothing to wait on
        }
    }

    private static void awaitNoBatch(CleanRoot debian) throws Exception {
        long deadline = System.nanoTime() + LIMIT.toNanos();
        while (!new ObjectMapper()
                .readTree(debian.run("aria_s3_batch", "status", "--json"))
                .get("batches")
                .isEmpty()) {
            assertThat(System.nanoTime()).isLessThan(deadline);
            TimeUnit.MILLISECONDS.sleep(50); // another process: nothing to wait on
        }
    }

    private static byte[] blocks(Bucket bucket, String prefix) {
        var bytes = new ByteArrayOutputStream();
        bucket.objects(prefix).values().forEach(bytes::writeBytes);
        return bytes.toByteArray();
    }
}
