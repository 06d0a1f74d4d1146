package aria.s3batch.ops.server;

import aria.s3batch.ops.demo.EmbeddedS3Process;

import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Path;

@NeedsMariaDb
final class CopyOnS3ProxyTest extends CopyOnARealServer {
    CopyOnS3ProxyTest(@TempDir Path directory) throws IOException {
        super(directory, EmbeddedS3Process.start(directory.resolve("s3")));
    }
}
