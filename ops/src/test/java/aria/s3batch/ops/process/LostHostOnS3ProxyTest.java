package aria.s3batch.ops.process;

import aria.s3batch.ops.demo.EmbeddedS3Process;
import aria.s3batch.ops.demo.S3Server;

import java.io.IOException;
import java.nio.file.Path;

final class LostHostOnS3ProxyTest extends LostHostContract {
    @Override
    S3Server start(Path folder) throws IOException {
        return EmbeddedS3Process.start(folder);
    }
}
