package aria.s3batch.format;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import java.util.List;

class FrmImageTest {
    static List<String> fixtures() {
        return Fixture.names();
    }

    @ParameterizedTest
    @MethodSource("fixtures")
    void realDefinitionBecomesOneOfAria(String name) throws DamagedTableException {
        Fixture fixture = Fixture.of(name);
        byte[] frm = fixture.before(new ObjectNames(fixture.table()).frm());
        FrmImage image = FrmImage.parse(frm, name);
        assertThat(image.bytes()).isEqualTo(frm);
        assertThat(image.isPartitioned()).isEqualTo(name.equals("part"));
        FrmImage aria = image.toAria();
        assertThat(aria.version()).isEqualTo(image.version());
    }
}
