package aria.s3batch.recovery;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import aria.s3batch.recovery.JournalValue.Kind;

import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

final class JournalValueTest {
    private static final byte[] KEY = "key".getBytes(StandardCharsets.US_ASCII);

    private static byte[] value() throws IOException {
        return JournalValue.frame(Kind.BLOCK, KEY, out -> JournalValue.writeText(out, "body"));
    }

    @Test
    void bodyComesBackAsItWas() throws IOException {
        assertThat(JournalValue.readText(JournalValue.open(Kind.BLOCK, KEY, value())))
                .isEqualTo("body");
    }

    @Test
    void oneFlippedBitAnywhereIsRefused() throws IOException {
        byte[] value = value();
        for (int bit = 0; bit < value.length * 8; bit++) {
            byte[] flipped = value.clone();
            flipped[bit / 8] ^= (byte) (1 << bit % 8);
            assertThatThrownBy(() -> JournalValue.open(Kind.BLOCK, KEY, flipped))
                    .as("bit %d", bit)
                    .isInstanceOf(CorruptJournalException.class)
                    .hasMessageContaining("checksum");
        }
    }

    @Test
    void valueCutAnywhereIsRefused() throws IOException {
        byte[] value = value();
        for (int length = 0; length < value.length; length++) {
            byte[] cut = Arrays.copyOf(value, length);
            assertThatThrownBy(() -> JournalValue.open(Kind.BLOCK, KEY, cut))
                    .isInstanceOf(CorruptJournalException.class);
        }
    }

    @Test
    void valueOfAnotherKeyOrKindIsRefused() throws IOException {
        byte[] value = value();
        byte[] other = "kez".getBytes(StandardCharsets.US_ASCII);
        assertThatThrownBy(() -> JournalValue.open(Kind.BLOCK, other, value))
                .isInstanceOf(CorruptJournalException.class)
                .hasMessageContaining("kez");
        assertThatThrownBy(() -> JournalValue.open(Kind.FENCE, KEY, value))
                .isInstanceOf(CorruptJournalException.class)
                .hasMessageContaining("kind 2");
    }
}
