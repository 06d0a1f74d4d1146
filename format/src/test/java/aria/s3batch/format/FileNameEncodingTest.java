package aria.s3batch.format;

import static org.assertj.core.api.Assertions.assertThat;

import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.StringLength;

import org.junit.jupiter.api.Test;

import java.util.HashSet;
import java.util.Set;

class FileNameEncodingTest {
    @Test
    void everyCharacterOfANameHasAFormOfItsOwn() {
        Set<String> forms = new HashSet<>();
        int shortForms = 0;
        for (int c = 1; c <= 0xffff; c++) {
            if (Character.isSurrogate((char) c)) {
                continue;
            }
            String name = Character.toString(c);
            String form = FileNameEncoding.encode(name);
            assertThat(forms.add(form)).as(form).isTrue();
            assertThat(FileNameEncoding.decode(form)).isEqualTo(name);
            shortForms += form.length() == 3 ? 1 : 0;
        }
        assertThat(shortForms).isEqualTo(1510);
    }

    @Property
    void anyNameComesBack(@ForAll @StringLength(min = 1, max = 30) String name) {
        String encoded;
        try {
            encoded = FileNameEncoding.encode(name);
        } catch (IllegalArgumentException e) {
            assertThat(name.chars().anyMatch(c -> c == 0 || Character.isSurrogate((char) c)))
                    .isTrue();
            return;
        }
        assertThat(encoded).matches("[A-Za-z0-9_@]+");
        assertThat(FileNameEncoding.decode(encoded)).isEqualTo(name);
    }

    @Property
    void noTwoTextsDecodeToTheSameName(@ForAll("encodedLooking") String text) {
        try {
            assertThat(FileNameEncoding.encode(FileNameEncoding.decode(text))).isEqualTo(text);
        } catch (IllegalArgumentException e) {
            assertThat(e).hasMessageContaining("not a name");
        }
    }

    @Provide
    Arbitrary<String> encodedLooking() {
        return Arbitraries.strings().withChars("@@@00efkKG_x").ofMaxLength(12);
    }
}
