package aria.s3batch.ops.demo;

import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.core.checksums.RequestChecksumCalculation;
import software.amazon.awssdk.core.checksums.ResponseChecksumValidation;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.S3Object;

import java.net.URI;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * The bucket of an {@link S3Server}, seen with nothing of ours in between: what demo and tests
 * load tables with, and compare them by.
 */
public final class Bucket implements AutoCloseable {
    private final S3Client client;

    public Bucket(S3Server server) {
        this(server.port());
    }

    public Bucket(int port) {
        this.client =
                S3Client.builder()
                        .endpointOverride(URI.create("http://127.0.0.1:" + port))
                        .region(Region.of(EmbeddedS3Process.REGION))
                        .credentialsProvider(
                                StaticCredentialsProvider.create(
                                        AwsBasicCredentials.create(
                                                EmbeddedS3Process.ACCESS_KEY,
                                                EmbeddedS3Process.SECRET_KEY)))
                        .forcePathStyle(true)
                        .requestChecksumCalculation(RequestChecksumCalculation.WHEN_REQUIRED)
                        .responseChecksumValidation(ResponseChecksumValidation.WHEN_REQUIRED)
                        .build();
    }

    public void put(String key, byte[] object) {
        client.putObject(
                request -> request.bucket(EmbeddedS3Process.BUCKET).key(key),
                RequestBody.fromBytes(object));
    }

    public void putAll(Map<String, byte[]> objects) {
        objects.forEach(this::put);
    }

    public byte[] get(String key) {
        return client.getObjectAsBytes(request -> request.bucket(EmbeddedS3Process.BUCKET).key(key))
                .asByteArrayUnsafe();
    }

    public void delete(String key) {
        client.deleteObject(request -> request.bucket(EmbeddedS3Process.BUCKET).key(key));
    }

    /** Every object below a prefix, by key. */
    public SortedMap<String, byte[]> objects(String prefix) {
        var objects = new TreeMap<String, byte[]>();
        versions(prefix).keySet().forEach(key -> objects.put(key, get(key)));
        return objects;
    }

    /** ETag and Last-Modified of every object below a prefix: equal means untouched. */
    public SortedMap<String, String> versions(String prefix) {
        var versions = new TreeMap<String, String>();
        client.listObjectsV2Paginator(
                        request -> request.bucket(EmbeddedS3Process.BUCKET).prefix(prefix))
                .contents()
                .forEach(object -> versions.put(object.key(), version(object)));
        return versions;
    }

    private static String version(S3Object object) {
        return object.eTag() + " " + object.lastModified();
    }

    @Override
    public void close() {
        client.close();
    }
}
