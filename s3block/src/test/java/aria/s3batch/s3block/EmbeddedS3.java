package aria.s3batch.s3block;

import org.gaul.s3proxy.S3Proxy;
import org.gaul.s3proxy.auth.AuthenticationType;
import org.gaul.s3proxy.nio2blob.FilesystemNio2BlobStore;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;

/** S3Proxy in this process, on a port of its own, with its objects as files below a directory. */
public final class EmbeddedS3 implements AutoCloseable {
    public static final String BUCKET = "tables";
    public static final String ACCESS_KEY = "local";
    public static final String SECRET_KEY = "local-secret-that-must-not-show";

    private final S3Proxy proxy;
    private final int port;

    private EmbeddedS3(S3Proxy proxy) {
        this.proxy = proxy;
        this.port = proxy.getPort();
    }

    /** Started, with an empty bucket. */
    public static EmbeddedS3 start(Path directory) throws IOException {
        Files.createDirectories(directory.resolve(BUCKET));
        S3Proxy proxy =
                S3Proxy.builder()
                        .blobStore(new FilesystemNio2BlobStore(directory.toString()))
                        .endpoint(URI.create("http://127.0.0.1:0"))
                        .awsAuthentication(AuthenticationType.AWS_V4, ACCESS_KEY, SECRET_KEY)
                        .build();
        try {
            proxy.start();
        } catch (Exception e) {
            throw new IOException("S3Proxy does not start", e);
        }
        return new EmbeddedS3(proxy);
    }

    public StoreSettings settings() {
        return settings(BUCKET, ACCESS_KEY, SECRET_KEY);
    }

    StoreSettings settings(String bucket, String accessKey, String secretKey) {
        return new StoreSettings(
                "127.0.0.1",
                port,
                true,
                false,
                bucket,
                "",
                accessKey,
                secretKey,
                StoreSettings.ProtocolVersion.AUTO,
                4);
    }

    @Override
    public void close() throws IOException {
        try {
            proxy.stop();
        } catch (Exception e) {
            throw new IOException("S3Proxy does not stop", e);
        }
    }
}
