package aria.s3batch.s3block;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.s3block.SdkFailures.NoCredentialsException;

import org.junit.jupiter.api.Test;

import software.amazon.awssdk.core.exception.SdkClientException;

final class SdkFailuresTest {
    private final SdkFailures failures =
            new SdkFailures(
                    new StoreSettings(
                            "s3.example.com",
                            0,
                            false,
                            false,
                            "tables",
                            "",
                            null,
                            null,
                            StoreSettings.ProtocolVersion.AUTO,
                            1));

    @Test
    void missingKeysAreARefusalThatSaysWhichOptionsToSet() {
        var missing = new NoCredentialsException(SdkClientException.create("nothing in the chain"));
        for (RuntimeException thrown :
                new RuntimeException[] {missing, SdkClientException.create("wrapped", missing)}) {
            assertThat(failures.explain(thrown, "GET k"))
                    .isInstanceOf(StoreRefusedException.class)
                    .hasMessageContaining("s3-access-key")
                    .hasMessageContaining("https://s3.example.com")
                    .hasMessageContaining("nothing in the chain");
        }
    }
}
