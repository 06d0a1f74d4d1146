package aria.s3batch.diskcache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;

class LocalDiskTest extends DiskContract {
    @TempDir Path directory;

    private final LocalDisk disk = new LocalDisk();

    @Override
    protected Disk disk() {
        return disk;
    }

    @Override
    protected Path directory() {
        return directory;
    }

    /** Rows of the table are in them. */
    @Test
    void directoriesThatItMakesAreForOwnerAndGroupOnly() throws IOException {
        Path made = directory.resolve("a").resolve("b");
        disk.createDirectories(made);
        for (Path folder : new Path[] {made, made.getParent()}) {
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(folder)))
                    .startsWith("rwx")
                    .endsWith("---");
        }
    }

    /** /dev/full answers every write with ENOSPC. */
    @Test
    void fullDiskIsRecognised() throws IOException {
        Path full = Path.of("/dev/full");
        Assumptions.assumeTrue(Files.isWritable(full));
        try (DiskFile file = disk.open(full)) {
            assertThatThrownBy(() -> file.write(ByteBuffer.allocate(8192), 0))
                    .isInstanceOf(CacheFullException.class)
                    .hasMessageContaining("/dev/full")
                    .hasMessageContaining("abort");
        }
    }

    /** A page file that cannot be looked at must not pass for one that is not there. */
    @Test
    void whatCannotBeLookedAtIsNotAbsent() {
        Path tooLong = directory.resolve("x".repeat(300));
        assertThatThrownBy(() -> disk.exists(tooLong))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("xxx");
    }

    @Test
    void otherErrorsAreNotTakenForAFullDisk() {
        IOException error = new IOException("Input/output error");
        assertThat(LocalDisk.fullOr(error, directory.resolve("f"), 8192)).isSameAs(error);
    }
}
