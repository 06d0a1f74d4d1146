package aria.s3batch.ops.badinput;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import aria.s3batch.format.SyntheticTable;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;
import aria.s3batch.ops.demo.DaemonProcess;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/** No room: by cache-size, and because the disk is really full. */
@ExtendWith(SharedStore.Resolver.class)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class FullCacheTest {
    private static final int PAGE_BYTES = SyntheticTable.PAGE_BYTES;
    private static final int PAGES_OF_16_MIB = (16 << 20) / PAGE_BYTES;
    private static final byte[] PAGE = SyntheticTable.page(TableFile.DATA, 1, 7);

    private final SharedStore store;

    FullCacheTest(SharedStore store) {
        this.store = store;
    }

    @Test
    void cacheSizeThatIsUsedUpRefusesPagesAndOtherBatchesGoOn() throws Exception {
        try (Site site = Site.start(store, "cache-size=16M")) {
            fillAndGoOn(site, "cache-size");
        }
    }

    @Test
    void diskThatIsFullRefusesPagesAndOtherBatchesGoOn() throws Exception {
        try (var disk = SmallDisk.mount(store.newDirectory(), "100m");
                Site site = Site.start(store, "cache-dir=" + disk.path().resolve("cache"))) {
            fillAndGoOn(site, disk.path().toString());
        }
    }

    private void fillAndGoOn(Site site, String word) throws Exception {
        TableName table = store.load("plain");
        TableName other = store.load("plain");
        var before = store.versions(table);
        String small = site.begin(other);
        site.put(small, other, TableFile.DATA, 1, PAGE);
        String large = site.begin(table);
        site.put(large, table, TableFile.DATA, 1, PAGE);

        byte[] images = pages(2, 3 * PAGES_OF_16_MIB);
        site.assertFails(
                1, List.of("full", word), site.putCommand(large, table, TableFile.DATA, 2, images));
        site.assertFails(
                1,
                List.of("full"),
                site.putCommand(small, other, TableFile.DATA, 2, pages(2, PAGES_OF_16_MIB)));
        assertThat(site.state(large)).isEqualTo("OPEN");
        // What is staged can be staged again, and read.
        site.put(small, other, TableFile.DATA, 1, PAGE);
        assertThat(site.request("GET", pagesOf(large, table) + "?page=1", new byte[0]).status())
                .isEqualTo(200);

        site.ok("abort", large);
        assertThat(store.versions(table)).isEqualTo(before);
        site.truncate(small, other, TableFile.DATA, 53L * PAGE_BYTES);
        assertThat(site.ok("commit", small).get("state").asText()).isEqualTo("APPLIED");
        byte[] block = store.bucket().get(other.path() + "/data/000001");
        assertThat(Arrays.copyOfRange(block, PAGE_BYTES, 2 * PAGE_BYTES)).isEqualTo(PAGE);

        String again = site.begin(table);
        site.put(again, table, TableFile.DATA, 1, PAGE);
        assertThat(site.ok("commit", again).get("state").asText()).isEqualTo("APPLIED");
        assertThat(site.ok("status").get("daemon").get("cacheBytesUsed").asLong()).isZero();
    }

    /** The journal has no room: the batch stays as it was, or is gone whole; another start is clean. */
    @Test
    void diskThatIsFullAtCommitLeavesTheBatchOpen() throws Exception {
        try (var disk = SmallDisk.mount(store.newDirectory(), "100m");
                Site site = Site.start(store, "cache-dir=" + disk.path().resolve("cache"))) {
            TableName table = store.load("plain");
            var before = store.versions(table);
            String batch = site.begin(table);
            site.put(batch, table, TableFile.DATA, 1, PAGE);
            disk.fill();

            site.assertFails(1, List.of("full", "still open"), "commit", batch);
            assertThat(site.state(batch)).isEqualTo("OPEN");
            assertThat(store.versions(table)).isEqualTo(before);

            disk.empty();
            assertThat(site.ok("commit", batch).get("state").asText()).isEqualTo("APPLIED");
            assertThat(store.versions(table)).isNotEqualTo(before);
        }
    }

    @Test
    void daemonOnAFullDiskSaysSoAndStartsWhenThereIsRoom() throws Exception {
        try (var disk = SmallDisk.mount(store.newDirectory(), "100m")) {
            disk.fill();
            var home =
                    DaemonProcess.Home.create(
                            store.newDirectory(),
                            store.s3(),
                            List.of("cache-dir=" + disk.path().resolve("cache")));
            Process process = DaemonProcess.launch(home);
            assertThat(process.waitFor()).isEqualTo(1);
            assertThat(Files.readString(home.log())).contains("No space left on device");
            disk.empty();
            try (DaemonProcess daemon = DaemonProcess.start(home)) {
                assertThat(daemon.accepts()).isTrue();
            }
        }
    }

    private static String pagesOf(String batch, TableName table) {
        return "/v1/batches/%s/tables/%s/data".formatted(batch, table.path());
    }

    private static byte[] pages(int first, int count) {
        var images = new ByteArrayOutputStream(count * PAGE_BYTES);
        for (int page = first; page < first + count; page++) {
            images.writeBytes(SyntheticTable.page(TableFile.DATA, page, 7));
        }
        return images.toByteArray();
    }

    /** A file system of its own, in memory. */
    private record SmallDisk(Path path) implements AutoCloseable {
        static SmallDisk mount(Path path, String size) throws IOException {
            if (!System.getProperty("user.name").equals("root")
                    || run("mount", "-t", "tmpfs", "-o", "size=" + size, "tmpfs", path.toString())
                            != 0) {
                abort("no file system can be mounted here: run as root to test a full disk");
            }
            return new SmallDisk(path);
        }

        void fill() throws IOException {
            byte[] part = new byte[4096];
            try (var filler = Files.newOutputStream(path.resolve("filler"))) {
                while (true) {
                    filler.write(part);
                }
            } catch (IOException full) {
                assertThat(full).hasMessageContaining("No space left");
            }
        }

        void empty() throws IOException {
            Files.delete(path.resolve("filler"));
        }

        @Override
        public void close() throws IOException {
            assertThat(run("umount", path.toString())).isZero();
        }

        private static int run(String... command) throws IOException {
            return new ProcessBuilder(command).inheritIO().start().onExit().join().exitValue();
        }
    }
}
