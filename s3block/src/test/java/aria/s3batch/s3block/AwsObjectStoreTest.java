package aria.s3batch.s3block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import aria.s3batch.s3block.EndpointFacts.EtagForm;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

/** Against S3Proxy in this process. */
final class AwsObjectStoreTest extends ObjectStoreContract {
    @TempDir Path directory;
    private EmbeddedS3 s3;
    private AwsObjectStore store;

    @BeforeEach
    void start() throws IOException {
        s3 = EmbeddedS3.start(directory);
        store = AwsObjectStore.connect(s3.settings(), new SplittableRandom(1));
    }

    @AfterEach
    void stop() throws IOException {
        store.close();
        s3.close();
    }

    @Override
    ObjectStore store() {
        return store;
    }

    /**
     * S3Proxy 4.1 on files compares first and writes then: of four writers at the very same moment several
     * win. {@code If-None-Match} it does in one step.
     */
    @Override
    boolean ifMatchIsAtomic() {
        return false;
    }

    @Test
    void probeFindsWhatS3ProxyHonoursAndLeavesNothing() throws IOException {
        EndpointFacts facts = store.facts();
        assertThat(facts)
                .isEqualTo(
                        new EndpointFacts(
                                true,
                                true,
                                true,
                                EtagForm.QUOTED,
                                412,
                                404,
                                true,
                                true,
                                true,
                                true,
                                true,
                                facts.clockAhead()));
        assertThat(facts.clockAhead().abs()).isLessThan(Duration.ofMinutes(1));
        List<ListedObject> left = new ArrayList<>();
        store.list("", left::add);
        assertThat(left).isEmpty();
    }

    @Test
    void wrongSecretKeyIsRefusedWithAdviceAndWithoutTheKey() {
        StoreSettings wrong =
                s3.settings(EmbeddedS3.BUCKET, EmbeddedS3.ACCESS_KEY, "another-secret");
        try (AwsObjectStore refused = AwsObjectStore.connect(wrong, new SplittableRandom(1))) {
            assertThatThrownBy(() -> refused.get("db/t/aria"))
                    .isInstanceOf(StoreRefusedException.class)
                    .hasMessageContaining("s3-secret-key")
                    .hasMessageContaining(wrong.endpoint())
                    .hasMessageContaining("'tables'")
                    .hasMessageNotContaining("another-secret");
            assertThatThrownBy(refused::facts).isInstanceOf(StoreRefusedException.class);
            assertThatThrownBy(() -> refused.head("db/t/aria"))
                    .isInstanceOf(StoreRefusedException.class);
        }
    }

    /** Not by the name of this host: see {@link LoopbackSigning}. */
    @Test
    void signedBodyIsStored() throws IOException {
        StoreSettings here = s3.settings();
        var named =
                new StoreSettings(
                        "0.0.0.0",
                        here.port(),
                        true,
                        false,
                        here.bucket(),
                        here.region(),
                        here.accessKey(),
                        here.secretKey(),
                        here.protocolVersion(),
                        1);
        byte[] body = "signed".getBytes(StandardCharsets.US_ASCII);
        try (AwsObjectStore signing = AwsObjectStore.connect(named, new SplittableRandom(1))) {
            assertThat(signing.put("db/t/aria", body, Condition.always(), Map.of()))
                    .isInstanceOf(PutAnswer.Stored.class);
        }
        assertThat(store.get("db/t/aria").orElseThrow().body()).isEqualTo(body);
    }

    @Test
    void unknownAccessKeyIsRefused() {
        StoreSettings wrong = s3.settings(EmbeddedS3.BUCKET, "nobody", EmbeddedS3.SECRET_KEY);
        try (AwsObjectStore refused = AwsObjectStore.connect(wrong, new SplittableRandom(1))) {
            assertThatThrownBy(() -> refused.get("db/t/aria"))
                    .isInstanceOf(StoreRefusedException.class)
                    .hasMessageContaining("s3-access-key");
        }
    }

    @Test
    void missingBucketIsNamed() {
        StoreSettings wrong = s3.settings("nowhere", EmbeddedS3.ACCESS_KEY, EmbeddedS3.SECRET_KEY);
        try (AwsObjectStore lost = AwsObjectStore.connect(wrong, new SplittableRandom(1))) {
            assertThatThrownBy(() -> lost.get("db/t/aria"))
                    .isInstanceOf(BucketMissingException.class)
                    .hasMessageContaining("'nowhere'");
            assertThatThrownBy(lost::facts).isInstanceOf(BucketMissingException.class);
            assertThatThrownBy(() -> lost.list("db/", _ -> {}))
                    .isInstanceOf(BucketMissingException.class);
            assertThatThrownBy(
                            () -> lost.put("db/t/aria", new byte[1], Condition.always(), Map.of()))
                    .isInstanceOf(BucketMissingException.class);
        }
    }

    @Test
    void endpointThatIsDownIsUnreachable() throws IOException {
        String endpoint = s3.settings().endpoint();
        s3.close();
        assertThatThrownBy(() -> store.get("db/t/aria"))
                .isInstanceOf(StoreUnreachableException.class)
                .hasMessageContaining(endpoint);
        assertThatThrownBy(() -> store.put("db/t/aria", new byte[1], Condition.always(), Map.of()))
                .isInstanceOf(StoreUnreachableException.class);
    }
}
