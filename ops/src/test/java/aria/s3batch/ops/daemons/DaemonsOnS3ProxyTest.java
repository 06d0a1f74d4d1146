package aria.s3batch.ops.daemons;

import aria.s3batch.ops.demo.EmbeddedS3Process;
import aria.s3batch.ops.demo.S3Server;

import java.io.IOException;
import java.nio.file.Path;

/** On S3Proxy, which honours all conditions. */
final class DaemonsOnS3ProxyTest extends DaemonsOfOneBucket {
    @Override
    S3Server startStore(Path place) throws IOException {
        return EmbeddedS3Process.start(place);
    }
}
