package aria.s3batch.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.diskcache.CacheDirectory;
import aria.s3batch.diskcache.FaultyDisk;
import aria.s3batch.diskcache.MemoryDisk;

import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.nio.file.Path;
import java.util.SplittableRandom;

class OwnerFileTest {
    private static final CacheDirectory CACHE_DIR = new CacheDirectory(Path.of("/cache"));
    private final SplittableRandom random = new SplittableRandom(1);

    private static MemoryDisk disk() throws IOException {
        var disk = new MemoryDisk();
        disk.createDirectories(CACHE_DIR.root());
        disk.syncDirectory(Path.of("/"));
        return disk;
    }

    @Test
    void everyStartHasTheSameIdAndEveryDirectoryAnother() throws IOException {
        MemoryDisk disk = disk();
        String id = OwnerFile.id(CACHE_DIR, disk, random);
        assertThat(id).matches("[0-9a-f]{16}");
        assertThat(OwnerFile.id(CACHE_DIR, disk, random)).isEqualTo(id);
        assertThat(OwnerFile.id(CACHE_DIR, disk(), random)).isNotEqualTo(id);
    }

    /** A lock may name it from then on; a committed batch that lost it would be quarantined. */
    @Test
    void idThatWasGivenSurvivesAPowerCut() throws IOException {
        MemoryDisk disk = disk();
        String id = OwnerFile.id(CACHE_DIR, disk, random);
        disk.crash();
        assertThat(OwnerFile.id(CACHE_DIR, disk, random)).isEqualTo(id);
    }

    /** One start after another is cut off at each call; the one that gets through keeps its id. */
    @Test
    void startThatIsCutOffAnywhereLeavesNoIdThatIsLostLater() throws IOException {
        int failed = 0;
        boolean done = false;
        for (int n = 1; !done; n++) {
            MemoryDisk memory = disk();
            var disk = new FaultyDisk(memory);
            disk.failOnce(n, IOException::new);
            try {
                OwnerFile.id(CACHE_DIR, disk, random);
                done = true;
            } catch (IOException e) {
                assertThat(e).hasMessageContaining("injected");
                failed++;
            }
            String id = OwnerFile.id(CACHE_DIR, memory, random);
            memory.crash();
            assertThat(OwnerFile.id(CACHE_DIR, memory, random)).as("call %d", n).isEqualTo(id);
        }
        assertThat(failed).isGreaterThan(3);
    }
}
