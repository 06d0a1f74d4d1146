package aria.s3batch.ops.demo;

import java.net.URI;

/**
 * An S3 server of a demo or a test, on loopback, with the bucket, the keys and the region that {@link
 * EmbeddedS3Process} names.
 */
public interface S3Server extends AutoCloseable {
    int port();

    default URI endpoint() {
        return URI.create("http://127.0.0.1:" + port());
    }

    /** Stops the server. */
    @Override
    void close();
}
