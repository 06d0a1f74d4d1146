package aria.s3batch.daemon.mount;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.format.BatchId;

import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.nio.file.Path;

/** What the kernel says of its mounts, and which of them are ours. */
class KernelMountsTest {
    private static final BatchId BATCH = new BatchId(1, 2);
    private static final Path CACHE_DIR = Path.of("/var/lib/aria_s3_batch");

    @Test
    void mountpointTypeAndSourceAreReadPastOptionalFields() {
        assertThat(
                        KernelMounts.parse(
                                "36 35 98:0 / /data/work rw,nosuid shared:1 master:2 -"
                                        + " fuse.aria_s3_batch aria_s3_batch:X:/c rw,user_id=0"))
                .contains(
                        new KernelMounts.Mount(
                                Path.of("/data/work"), "fuse.aria_s3_batch", "aria_s3_batch:X:/c"));
    }

    @Test
    void escapedBytesAreReadAsThePathTheyStandFor() {
        assertThat(KernelMounts.parse("1 2 0:3 / /a\\040b\\134c rw - ext4 /dev/x\\011y rw"))
                .contains(new KernelMounts.Mount(Path.of("/a b\\c"), "ext4", "/dev/x\ty"));
    }

    @Test
    void lineOfAnotherFormIsNoMount() {
        assertThat(KernelMounts.parse("")).isEmpty();
        assertThat(KernelMounts.parse("36 35 98:0 / /data rw shared:1")).isEmpty();
    }

    @Test
    void theRootIsAMountPoint() throws IOException {
        assertThat(KernelMounts.isMountPoint(Path.of("/"))).isTrue();
    }

    @Test
    void onlyMountsOfTheSameCacheDirectoryAreOurs() {
        String source = BatchMount.source(BATCH, CACHE_DIR);

        assertThat(isOurs("fuse.aria_s3_batch", source)).isTrue();
        assertThat(isOurs("fuse.sshfs", source)).isFalse();
        assertThat(isOurs("fuse.aria_s3_batch", BatchMount.source(BATCH, Path.of("/other"))))
                .isFalse();
        assertThat(isOurs("fuse.aria_s3_batch", "aria_s3_batch:X:/more" + CACHE_DIR)).isFalse();
    }

    private static boolean isOurs(String type, String source) {
        return BatchMount.isOf(CACHE_DIR, new KernelMounts.Mount(Path.of("/w"), type, source));
    }
}
