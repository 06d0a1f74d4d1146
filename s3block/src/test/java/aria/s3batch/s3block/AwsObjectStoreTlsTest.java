package aria.s3batch.s3block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.gaul.s3proxy.S3Proxy;
import org.gaul.s3proxy.auth.AuthenticationType;
import org.gaul.s3proxy.nio2blob.FilesystemNio2BlobStore;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.SplittableRandom;

/** A server whose certificate nobody vouches for, made out to another name. */
final class AwsObjectStoreTlsTest {
    @TempDir Path directory;

    @Test
    void untrustedCertificateIsRefusedUnlessToldNotToVerify() throws Exception {
        Files.createDirectories(directory.resolve("objects/tables"));
        S3Proxy proxy =
                S3Proxy.builder()
                        .blobStore(
                                new FilesystemNio2BlobStore(
                                        directory.resolve("objects").toString()))
                        .secureEndpoint(URI.create("https://127.0.0.1:0"))
                        .keyStore(selfSigned().toString(), "changeit")
                        .awsAuthentication(AuthenticationType.AWS_V4, "key", "secret")
                        .build();
        proxy.start();
        try (AwsObjectStore verifying = connect(proxy.getSecurePort(), false);
                AwsObjectStore trusting = connect(proxy.getSecurePort(), true)) {
            assertThatThrownBy(() -> verifying.get("k"))
                    .isInstanceOf(StoreUnreachableException.class)
                    .hasMessageContaining("s3-ssl-no-verify");
            assertThat(trusting.put("k", new byte[5000], Condition.ifAbsent(), Map.of()))
                    .isInstanceOf(PutAnswer.Stored.class);
            assertThat(trusting.get("k").orElseThrow().body()).hasSize(5000);
        } finally {
            proxy.stop();
        }
    }

    private static AwsObjectStore connect(int port, boolean noVerify) {
        return AwsObjectStore.connect(
                new StoreSettings(
                        "127.0.0.1",
                        port,
                        false,
                        noVerify,
                        "tables",
                        "",
                        "key",
                        "secret",
                        StoreSettings.ProtocolVersion.AUTO,
                        2),
                new SplittableRandom(1));
    }

    private Path selfSigned() throws Exception {
        Path keyStore = directory.resolve("keys.p12");
        Process keytool =
                new ProcessBuilder(
                                Path.of(System.getProperty("java.home"), "bin", "keytool")
                                        .toString(),
                                "-genkeypair",
                                "-keyalg",
                                "EC",
                                "-alias",
                                "s3",
                                "-dname",
                                "CN=elsewhere.example.com",
                                "-storetype",
                                "PKCS12",
                                "-storepass",
                                "changeit",
                                "-keystore",
                                keyStore.toString())
                        .redirectErrorStream(true)
                        .redirectOutput(directory.resolve("keytool.log").toFile())
                        .start();
        assertThat(keytool.waitFor()).isZero();
        return keyStore;
    }
}
