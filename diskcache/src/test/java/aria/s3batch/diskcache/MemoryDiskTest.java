package aria.s3batch.diskcache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;

import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Random;

class MemoryDiskTest extends DiskContract {
    private static final Path ROOT = Path.of("/cache");

    private final MemoryDisk disk = new MemoryDisk();

    @Override
    protected Disk disk() {
        return disk;
    }

    @Override
    protected Path directory() throws IOException {
        disk.createDirectories(ROOT);
        return ROOT;
    }

    @Test
    void crashKeepsWhatWasSyncedAndNothingElse() throws IOException {
        Path file = directory().resolve("f");
        disk.syncDirectory(Path.of("/"));
        DiskFile open = disk.create(file);
        open.write(bytes(1, 2), 0);
        open.sync();
        disk.syncDirectory(ROOT);
        open.write(bytes(3, 4, 5), 1);
        disk.create(ROOT.resolve("unsynced")).close();
        disk.crash();

        assertThat(disk.list(ROOT)).containsExactly(file);
        assertThatThrownBy(() -> open.size()).hasMessageContaining("before the crash");
        try (DiskFile again = disk.open(file)) {
            assertThat(read(again, 0, 9)).containsExactly(1, 2);
        }
    }

    @Test
    void syncedFileIsLostWithTheUnsyncedNameOfItsFolder() throws IOException {
        Path folder = directory().resolve("batch");
        disk.syncDirectory(Path.of("/"));
        disk.createDirectories(folder);
        DiskFile open = disk.create(folder.resolve("f"));
        open.sync();
        disk.syncDirectory(folder);
        disk.crash();
        assertThat(disk.exists(folder)).isFalse();
        assertThat(disk.exists(folder.resolve("f"))).isFalse();
    }

    @Test
    void unsyncedDeletionComesBack() throws IOException {
        Path file = directory().resolve("f");
        disk.syncDirectory(Path.of("/"));
        disk.create(file).close();
        disk.syncDirectory(ROOT);
        disk.delete(file);
        disk.crash();
        assertThat(disk.exists(file)).isTrue();
        disk.delete(file);
        disk.syncDirectory(ROOT);
        disk.crash();
        assertThat(disk.exists(file)).isFalse();
    }

    @Property(tries = 50)
    void tornCrashLosesNothingThatWasSynced(@ForAll long seed) throws IOException {
        MemoryDisk torn = new MemoryDisk();
        torn.createDirectories(ROOT);
        torn.syncDirectory(Path.of("/"));
        Path file = ROOT.resolve("f");
        DiskFile open = torn.create(file);
        byte[] synced = new byte[4096];
        new Random(seed).nextBytes(synced);
        open.write(ByteBuffer.wrap(synced), 0);
        open.sync();
        torn.syncDirectory(ROOT);
        open.write(ByteBuffer.allocate(4096), 4096);
        torn.crash(new Random(seed));
        try (DiskFile again = torn.open(file)) {
            assertThat(read(again, 0, 4096)).isEqualTo(synced);
        }
    }

    @Test
    void fullDiskRefusesToGrowAndKeepsWhatItHas() throws IOException {
        MemoryDisk small = new MemoryDisk(100);
        small.createDirectories(ROOT);
        try (DiskFile file = small.create(ROOT.resolve("f"))) {
            file.write(ByteBuffer.allocate(90), 0);
            assertThatThrownBy(() -> file.write(ByteBuffer.allocate(20), 90))
                    .isInstanceOf(CacheFullException.class);
            assertThat(file.size()).isEqualTo(90);
            assertThat(small.freeBytes(ROOT)).isEqualTo(10);
        }
    }
}
