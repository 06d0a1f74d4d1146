package aria.s3batch.ops.server;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.ops.demo.Bucket;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.nio.file.Path;

@NeedsCeph
final class CephGatewayTest {
    @Test
    void keepsWhatIsPut(@TempDir Path directory) throws Exception {
        try (var gateway = CephGateway.start(directory);
                var bucket = new Bucket(gateway)) {
            bucket.put("a/b", new byte[] {1, 2});
            assertThat(bucket.get("a/b")).containsExactly(1, 2);
        }
    }
}
