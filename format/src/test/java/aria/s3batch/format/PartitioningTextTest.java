package aria.s3batch.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.Chars;
import net.jqwik.api.constraints.StringLength;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.nio.charset.StandardCharsets;

class PartitioningTextTest {
    private static String toAria(String text) throws DamagedTableException {
        byte[] changed =
                PartitioningText.withEngine(
                        text.getBytes(StandardCharsets.UTF_8),
                        new byte[] {'S', '3'},
                        new byte[] {'A', 'r', 'i', 'a'},
                        "frm");
        return new String(changed, StandardCharsets.UTF_8);
    }

    @ParameterizedTest
    @CsvSource(
            quoteCharacter = '^',
            delimiter = '~',
            value = {
                "PARTITIONS 4~PARTITIONS 4",
                "(p ENGINE = S3, q ENGINE = S3)~(p ENGINE = Aria, q ENGINE = Aria)",
                "COMMENT = 'ENGINE = S3' ENGINE = S3~COMMENT = 'ENGINE = S3' ENGINE = Aria",
                "'it\\'s ENGINE = S3' ENGINE = S3~'it\\'s ENGINE = S3' ENGINE = Aria",
                "'it''s ENGINE = S3' ENGINE = S3~'it''s ENGINE = S3' ENGINE = Aria",
                "COMMENT = 'a\\\\' ENGINE = S3~COMMENT = 'a\\\\' ENGINE = Aria",
                "COMMENT = '\"' ENGINE = S3~COMMENT = '\"' ENGINE = Aria",
                "`ENGINE = S3` ENGINE = S3~`ENGINE = S3` ENGINE = Aria",
                "`a``ENGINE = S3` ENGINE = S3~`a``ENGINE = S3` ENGINE = Aria",
                "`a\\` ENGINE = S3~`a\\` ENGINE = Aria",
                "\"ENGINE = S3\" ENGINE = S3~\"ENGINE = S3\" ENGINE = Aria",
                "'äß' ENGINE = S3~'äß' ENGINE = Aria",
                "ENGINE =~ENGINE =",
            })
    void engineOutsideOfQuotesAloneIsChanged(String text, String changed)
            throws DamagedTableException {
        assertThat(toAria(text)).isEqualTo(changed);
    }

    @ParameterizedTest
    @ValueSource(strings = {"PARTITION `p", "COMMENT = 'a", "COMMENT = 'a\\'", "'\\"})
    void quoteWithoutAnEndIsDamage(String text) {
        assertThatThrownBy(() -> toAria(text))
                .isInstanceOf(DamagedTableException.class)
                .hasMessageContaining("an end of the quote at byte ");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "ENGINE = InnoDB",
                "p0 ENGINE = S3, p1 ENGINE = Aria",
                "ENGINE = S33",
                "ENGINE = S"
            })
    void partitionInAnotherEngineIsRefused(String text) {
        assertThatThrownBy(() -> toAria(text))
                .isInstanceOf(DamagedTableException.class)
                .hasMessageContaining("ENGINE = S3");
    }

    @Property(tries = 2000)
    void anyTextIsChangedOrRefused(
            @ForAll @StringLength(max = 40) @Chars({'\'', '"', '`', '\\', 'a', 'E', '='})
                    String before)
            throws DamagedTableException {
        String text = before + " ENGINE = S3";
        try {
            assertThat(toAria(text))
                    .startsWith(before)
                    .hasSizeBetween(text.length(), text.length() + 2);
        } catch (DamagedTableException e) {
            assertThat(e).hasMessageContaining("an end of the quote");
        }
    }
}
