package aria.s3batch.ops.process;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.daemon.CacheDirLock;
import aria.s3batch.daemon.mount.KernelMounts;
import aria.s3batch.diskcache.CacheDirectory;
import aria.s3batch.diskcache.LocalDisk;
import aria.s3batch.ops.demo.ChildJava;
import aria.s3batch.ops.server.NeedsFuse;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.BufferedReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A process that is killed while it waits for its own mount does not end: the kernel waits for it. */
@NeedsFuse
final class KilledWithItsMountTest {
    @Test
    void cacheDirectoryOfAKilledProcessThatWaitsForItsOwnMountIsTakenOver(@TempDir Path directory)
            throws Exception {
        Path cache = Files.createDirectory(directory.toRealPath().resolve("cache"));
        Path point = Files.createDirectory(directory.toRealPath().resolve("m"));
        List<String> command =
                ChildJava.command(
                        MountedChild.class.getName(),
                        "64m",
                        List.of(cache.toString(), point.toString()));
        command.set(command.indexOf("-cp") + 1, System.getProperty("java.class.path"));
        Process child =
                new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
        try (BufferedReader said = child.inputReader()) {
            assertThat(said.readLine()).isEqualTo(MountedChild.ASKED);
            child.destroyForcibly();
            assertThat(child.waitFor(1, TimeUnit.SECONDS)).as("it ended by itself").isFalse();

            try (var lock = CacheDirLock.take(new CacheDirectory(cache), new LocalDisk())) {
                assertThat(lock).isNotNull();
                assertThat(child.waitFor(10, TimeUnit.SECONDS)).isTrue();
                assertThat(KernelMounts.isMountPoint(point)).isFalse();
            }
        } finally {
            KernelMounts.detach(point);
            child.destroyForcibly();
        }
    }
}
