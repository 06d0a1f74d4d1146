package aria.s3batch.s3block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import aria.s3batch.s3block.StoreSettings.ProtocolVersion;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class StoreSettingsTest {
    private static StoreSettings settings(
            String host,
            ProtocolVersion protocol,
            @Nullable String access,
            @Nullable String secret) {
        return new StoreSettings(host, 0, false, false, "tables", "", access, secret, protocol, 4);
    }

    @Test
    void keysAreNeverPrinted() {
        StoreSettings settings =
                settings("s3.example.com", ProtocolVersion.AUTO, "AKIDEXAMPLE", "topsecret");
        assertThat(settings.toString())
                .doesNotContain("AKIDEXAMPLE")
                .doesNotContain("topsecret")
                .contains("https://s3.example.com")
                .contains("us-east-1");
    }

    @ParameterizedTest
    @CsvSource({
        "127.0.0.1,        AUTO,     true",
        "::1,              AUTO,     true",
        "localhost,        AUTO,     true",
        "127.0.0.1,        ORIGINAL, true",
        "s3.amazonaws.com, AUTO,     false",
        "s3.example.com,   AUTO,     false",
        "s3.example.com,   AMAZON,   false",
        "s3.example.com,   PATH,     true",
        "s3.example.com,   LEGACY,   true",
        "127.0.0.1,        DOMAIN,   false",
    })
    void bucketGoesWhereMariaDbPutsIt(String host, ProtocolVersion protocol, boolean path) {
        assertThat(settings(host, protocol, null, null).pathStyle()).isEqualTo(path);
    }

    @Test
    void endpointFollowsHostRegionAndPort() {
        assertThat(settings("s3.amazonaws.com", ProtocolVersion.AUTO, null, null).endpoint())
                .isEqualTo("https://s3.us-east-1.amazonaws.com");
        assertThat(
                        new StoreSettings(
                                        "::1",
                                        9000,
                                        true,
                                        false,
                                        "b",
                                        "eu-west-1",
                                        null,
                                        null,
                                        ProtocolVersion.AUTO,
                                        1)
                                .endpoint())
                .isEqualTo("http://[::1]:9000");
    }

    @Test
    void protocolVersionIsReadInAnyCase() {
        assertThat(ProtocolVersion.ofOption("Amazon")).isEqualTo(ProtocolVersion.AMAZON);
        assertThat(ProtocolVersion.ofOption("path")).isEqualTo(ProtocolVersion.PATH);
        assertThatThrownBy(() -> ProtocolVersion.ofOption("v4"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("v4");
    }

    @Test
    void oneKeyWithoutTheOtherIsRefused() {
        assertThatThrownBy(() -> settings("h", ProtocolVersion.AUTO, "access", null))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("s3-secret-key")
                .hasMessageNotContaining("access,");
        assertThatThrownBy(() -> settings(" ", ProtocolVersion.AUTO, null, null))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("s3-host-name");
    }
}
