package aria.s3batch.s3block;

import aria.s3batch.s3block.SdkFailures.NoCredentialsException;

import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.awscore.retry.AwsRetryStrategy;
import software.amazon.awssdk.core.checksums.RequestChecksumCalculation;
import software.amazon.awssdk.core.checksums.ResponseChecksumValidation;
import software.amazon.awssdk.core.exception.SdkClientException;
import software.amazon.awssdk.http.SdkHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.retries.api.RetryStrategy;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.S3ClientBuilder;

import java.net.URI;
import java.time.Duration;

/**
 * Two SDK clients over one connection pool: reads are repeated, writes are not. A conditional write
 * whose answer was lost would be repeated into a 412 on itself, and the SDK cannot know better.
 */
final class SdkClients implements AutoCloseable {
    /**
     * How long a request may take.
     *
     * @param connect until a connection is there
     * @param socket between two packets
     * @param attempt one request with its answer; 16 MiB in a minute is 280 kB/s
     * @param call a read with all its repetitions
     */
    record Timeouts(Duration connect, Duration socket, Duration attempt, Duration call) {
        static final Timeouts DEFAULT =
                new Timeouts(
                        Duration.ofSeconds(5),
                        Duration.ofSeconds(20),
                        Duration.ofSeconds(60),
                        Duration.ofSeconds(150));
    }

    private static final int READ_ATTEMPTS = 4;
    // below the idle limits of the usual servers, so that a write rarely meets a closed connection
    private static final Duration MAX_IDLE = Duration.ofSeconds(5);

    private final SdkHttpClient http;

    /** Asked for each request. */
    private volatile AwsCredentialsProvider keys;

    private final S3Client reads;
    private final S3Client writes;

    SdkClients(StoreSettings settings, Timeouts timeouts) {
        this.http = new BlockHttpClient(settings, timeouts, MAX_IDLE);
        this.keys = credentials(settings);
        AwsCredentialsProvider credentials = () -> keys.resolveCredentials();
        this.reads =
                client(
                        settings,
                        timeouts,
                        credentials,
                        AwsRetryStrategy.standardRetryStrategy().toBuilder()
                                .maxAttempts(READ_ATTEMPTS)
                                .build());
        this.writes = client(settings, timeouts, credentials, AwsRetryStrategy.doNotRetry());
    }

    S3Client reads() {
        return reads;
    }

    S3Client writes() {
        return writes;
    }

    /** For requests that are signed from now on. */
    void useKeys(StoreSettings settings) {
        keys = credentials(settings);
    }

    @Override
    public void close() {
        reads.close();
        writes.close();
        http.close();
    }

    private S3Client client(
            StoreSettings settings,
            Timeouts timeouts,
            AwsCredentialsProvider credentials,
            RetryStrategy retries) {
        S3ClientBuilder builder =
                S3Client.builder()
                        .httpClient(http)
                        .credentialsProvider(credentials)
                        .region(Region.of(settings.region()))
                        .forcePathStyle(settings.pathStyle())
                        .requestChecksumCalculation(RequestChecksumCalculation.WHEN_REQUIRED)
                        .responseChecksumValidation(ResponseChecksumValidation.WHEN_REQUIRED)
                        // over plain http to others: the body's SHA-256 in the header, no signed
                        // aws-chunked stream, which not every server understands
                        .serviceConfiguration(
                                s3 -> s3.chunkedEncodingEnabled(false).expectContinueEnabled(false))
                        .overrideConfiguration(
                                o ->
                                        o.retryStrategy(retries)
                                                .apiCallAttemptTimeout(timeouts.attempt())
                                                .apiCallTimeout(timeouts.call()));
        if (!settings.isAmazon() || settings.useHttp() || settings.port() != 0) {
            builder.endpointOverride(URI.create(settings.endpoint()));
        }
        if (settings.useHttp() && settings.isLoopback()) {
            builder.putAuthScheme(new LoopbackSigning());
        }
        return builder.build();
    }

    private static AwsCredentialsProvider credentials(StoreSettings settings) {
        if (settings.accessKey() != null && settings.secretKey() != null) {
            return StaticCredentialsProvider.create(
                    AwsBasicCredentials.create(settings.accessKey(), settings.secretKey()));
        }
        AwsCredentialsProvider chain = DefaultCredentialsProvider.builder().build();
        return () -> {
            try {
                return chain.resolveCredentials();
            } catch (SdkClientException e) {
                throw new NoCredentialsException(e);
            }
        };
    }
}
