package aria.s3batch.ops.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.S3ClientBuilder;
import software.amazon.awssdk.services.s3.model.PutObjectRequest;
import software.amazon.awssdk.services.s3.model.S3Exception;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

final class EmbeddedS3ProcessTest {
    private static final Duration LIMIT = Duration.ofSeconds(20);
    private static final byte[] ONE = {1};
    private static final byte[] TWO = {2};

    private final ExecutorService clients = Executors.newCachedThreadPool();
    private final EmbeddedS3Process s3;
    private final Bucket bucket;
    private final S3Client plain;

    EmbeddedS3ProcessTest(@TempDir Path directory) throws IOException {
        s3 = EmbeddedS3Process.start(directory);
        bucket = new Bucket(s3);
        plain = client(EmbeddedS3Process.SECRET_KEY);
    }

    @BeforeEach
    void loadABlock() throws IOException {
        bucket.put("db/t/data/000001", ONE);
        s3.forgetRequests();
    }

    @AfterEach
    void stop() {
        s3.close();
        bucket.close();
        plain.close();
        clients.shutdownNow();
    }

    @Test
    void wrongSecretKeyIsRefused() {
        try (S3Client stranger = client("another secret")) {
            assertThatThrownBy(() -> put(stranger, put("db/t/data/000002")))
                    .isInstanceOfSatisfying(
                            S3Exception.class, e -> assertThat(e.statusCode()).isEqualTo(403));
        }
    }

    @Test
    void requestsAreReportedInOrderWithTheirKeys() throws IOException {
        bucket.get("db/t/data/000001");
        bucket.put("db/t/aria", ONE);
        bucket.delete("db/t/aria");
        assertThat(s3.requests())
                .containsSubsequence("GET db/t/data/000001", "PUT db/t/aria", "DELETE db/t/aria");
    }

    @Test
    void writeHeldBeforeHasNoEffectUntilReleased() throws Exception {
        s3.holdBefore(2);
        bucket.put("db/t/data/000002", ONE);
        Future<?> held = clients.submit(() -> bucket.put("db/t/data/000003", ONE));
        assertThat(s3.awaitHeld(LIMIT)).isEqualTo("db/t/data/000003");
        assertThat(bucket.objects("").keySet())
                .containsExactly("db/t/data/000001", "db/t/data/000002");
        s3.release();
        held.get();
        assertThat(bucket.objects("").keySet()).contains("db/t/data/000003");
    }

    @Test
    void writeHeldAfterHasLandedButIsNotAnswered() throws Exception {
        s3.holdAfter(1);
        Future<?> held = clients.submit(() -> bucket.put("db/t/data/000002", ONE));
        s3.awaitHeld(LIMIT);
        assertThat(bucket.get("db/t/data/000002")).isEqualTo(ONE);
        assertThat(held.isDone()).isFalse();
        s3.release();
        held.get();
    }

    @Test
    void droppedWriteIsAnsweredWithAnErrorAndHasNoEffect() throws Exception {
        s3.holdBefore(1);
        CompletableFuture<Integer> status =
                CompletableFuture.supplyAsync(() -> statusOfPut("db/t/data/000002"), clients);
        s3.awaitHeld(LIMIT);
        s3.drop();
        assertThat(status.get()).isEqualTo(503);
        assertThat(bucket.objects("").keySet()).containsExactly("db/t/data/000001");
    }

    @Test
    void probesAndLocksAreNotCountedAndNotHeld() throws Exception {
        s3.holdBefore(1);
        bucket.put("_aria_s3_batch/probe", ONE);
        assertThat(bucket.get("_aria_s3_batch/probe")).isEqualTo(ONE);
        s3.release();
    }

    @Test
    void conditionIsJudgedWhenTheHeldWriteTakesEffect() throws Exception {
        String etag =
                plain.headObject(
                                request ->
                                        request.bucket(EmbeddedS3Process.BUCKET)
                                                .key("db/t/data/000001"))
                        .eTag();
        s3.holdBefore(1);
        CompletableFuture<Integer> status =
                CompletableFuture.supplyAsync(
                        () -> statusOf(put("db/t/data/000001").ifMatch(etag)), clients);
        s3.awaitHeld(LIMIT);
        s3.pass();
        bucket.put("db/t/data/000001", TWO);
        s3.release();
        assertThat(status.get()).isEqualTo(412);
        assertThat(bucket.get("db/t/data/000001")).isEqualTo(TWO);
    }

    @Test
    void serverEndsWhenItsStandardInputDoes(@TempDir Path another) throws Exception {
        Process child =
                new ProcessBuilder(
                                ChildJava.command(
                                        EmbeddedS3.class.getName(),
                                        "64m",
                                        List.of(another.toString(), "bucket", "key", "secret")))
                        .redirectError(ProcessBuilder.Redirect.DISCARD)
                        .start();
        assertThat(child.inputReader().readLine()).startsWith("port ");
        child.getOutputStream().close();
        assertThat(child.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS)).isTrue();
    }

    private S3Client client(String secretKey) {
        S3ClientBuilder builder =
                S3Client.builder()
                        .endpointOverride(s3.endpoint())
                        .region(Region.of(EmbeddedS3Process.REGION))
                        .forcePathStyle(true)
                        .overrideConfiguration(c -> c.retryStrategy(r -> r.maxAttempts(1)))
                        .credentialsProvider(
                                StaticCredentialsProvider.create(
                                        AwsBasicCredentials.create(
                                                EmbeddedS3Process.ACCESS_KEY, secretKey)));
        return builder.build();
    }

    private static PutObjectRequest.Builder put(String key) {
        return PutObjectRequest.builder().bucket(EmbeddedS3Process.BUCKET).key(key);
    }

    private static void put(S3Client client, PutObjectRequest.Builder request) {
        client.putObject(request.build(), RequestBody.fromBytes(ONE));
    }

    private int statusOfPut(String key) {
        return statusOf(put(key));
    }

    private int statusOf(PutObjectRequest.Builder request) {
        try {
            put(plain, request);
            return 200;
        } catch (S3Exception e) {
            return e.statusCode();
        }
    }
}
