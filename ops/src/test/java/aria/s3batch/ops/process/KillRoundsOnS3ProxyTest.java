package aria.s3batch.ops.process;

import aria.s3batch.ops.demo.EmbeddedS3Process;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.nio.file.Path;

/** {@link KillRounds} on S3Proxy, which honours all conditions. */
final class KillRoundsOnS3ProxyTest {
    @Test
    void committedBatchesAreWholeAndOthersLeaveNothing(@TempDir Path directory) throws Exception {
        try (var store = EmbeddedS3Process.start(directory.resolve("s3"))) {
            new KillRounds("KillRoundsOnS3ProxyTest", directory, store, KillRounds.FULL_ROUNDS)
                    .run();
        }
    }
}
