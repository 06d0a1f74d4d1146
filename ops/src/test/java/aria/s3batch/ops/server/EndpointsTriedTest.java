package aria.s3batch.ops.server;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.ops.demo.Bucket;
import aria.s3batch.ops.demo.EmbeddedS3Process;
import aria.s3batch.ops.demo.S3Server;
import aria.s3batch.s3block.AwsObjectStore;
import aria.s3batch.s3block.Condition;
import aria.s3batch.s3block.EndpointFacts;
import aria.s3batch.s3block.EndpointFacts.EtagForm;
import aria.s3batch.s3block.PutAnswer;
import aria.s3batch.s3block.StoreSettings;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;

/** The table of docs/endpoints.md: what the probe finds out about the servers that there are here. */
final class EndpointsTriedTest {
    private static EndpointFacts facts(S3Server s3) throws IOException {
        var settings =
                new StoreSettings(
                        "127.0.0.1",
                        s3.port(),
                        true,
                        false,
                        EmbeddedS3Process.BUCKET,
                        EmbeddedS3Process.REGION,
                        EmbeddedS3Process.ACCESS_KEY,
                        EmbeddedS3Process.SECRET_KEY,
                        StoreSettings.ProtocolVersion.AUTO,
                        2);
        try (var store = AwsObjectStore.connect(settings, "tried");
                var bucket = new Bucket(s3)) {
            EndpointFacts facts = store.facts();
            assertThat(bucket.versions("_aria_s3_batch/")).isEmpty();
            assertThat(facts.clockAhead().abs()).isLessThan(Duration.ofMinutes(1));
            assertCopiesOfWhatWasMeant(store);
            return facts;
        }
    }

    /** Whether the endpoint heeds a condition on the source, or we do. */
    private static void assertCopiesOfWhatWasMeant(AwsObjectStore store) throws IOException {
        String key = "db/t#P#p0/data/000001";
        var first = store.put(key, new byte[] {1}, Condition.always(), Map.of("x", "y"));
        String etag = ((PutAnswer.Stored) first).etag();
        assertThat(store.copy(key, etag, "copy")).isEqualTo(new PutAnswer.Stored(etag));
        assertThat(store.head("copy").orElseThrow().metadata()).isEqualTo(Map.of("x", "y"));
        var _ = store.put(key, new byte[] {2}, Condition.always(), Map.of());
        assertThat(store.copy(key, etag, "copy")).isEqualTo(new PutAnswer.ConditionFailed());
    }

    @Test
    void s3Proxy(@TempDir Path directory) throws IOException {
        try (EmbeddedS3Process s3 = EmbeddedS3Process.start(directory)) {
            EndpointFacts facts = facts(s3);
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
        }
    }

    @Test
    @NeedsCeph
    void cephGateway(@TempDir Path directory) throws IOException {
        try (CephGateway ceph = CephGateway.start(directory)) {
            EndpointFacts facts = facts(ceph);
            assertThat(facts)
                    .isEqualTo(
                            new EndpointFacts(
                                    true,
                                    true,
                                    false,
                                    EtagForm.BARE,
                                    412,
                                    412,
                                    true,
                                    true,
                                    true,
                                    true,
                                    true,
                                    facts.clockAhead()));
            assertThat(facts.isShareable()).isTrue();
        }
    }
}
