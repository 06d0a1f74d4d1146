package aria.s3batch.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Whether a server opens what comes out is tested with a real one, in module ops. */
class FrmImageTest {
    private static final String KEY = "db/t/frm";

    private final byte[] plain = frm("plain");
    private final byte[] part = frm("part");

    static List<String> fixtures() {
        return Fixture.names();
    }

    private static byte[] frm(String fixture) {
        Fixture table = Fixture.of(fixture);
        return table.before(new ObjectNames(table.table()).frm());
    }

    @ParameterizedTest
    @MethodSource("fixtures")
    void realDefinitionComesOutAsItWentIn(String name) throws DamagedTableException {
        byte[] frm = frm(name);
        FrmImage image = FrmImage.parse(frm, KEY);
        assertThat(image.bytes()).isEqualTo(frm);
        assertThat(image.isPartitioned()).isEqualTo(name.equals("part"));
        assertThat(image.version()).isEqualTo(Arrays.copyOfRange(frm, 66, 82));
    }

    @ParameterizedTest
    @MethodSource("fixtures")
    void ariaDefinitionIsTheSameButForTheEngine(String name) throws DamagedTableException {
        byte[] frm = frm(name);
        FrmImage image = FrmImage.parse(frm, KEY);
        byte[] aria = image.toAria().bytes();
        if (image.isPartitioned()) {
            assertThat(aria[61]).isEqualTo((byte) 42);
            assertThat(aria).hasSize(frm.length + 2 + 2 * 2); // engine of all, and of 2 partitions
            assertThat(text(aria)).contains("MAXVALUE ENGINE = Aria)").doesNotContain("S3");
            assertThat(aria[3]).isEqualTo((byte) 20);
        } else {
            assertThat(aria[3]).isEqualTo((byte) 42);
            assertThat(aria).hasSize(frm.length + 2);
            assertThat(text(aria)).contains("\4\0Aria\0").doesNotContain("\2\0S3");
        }
        assertThat(tail(aria)).as("form and columns").isEqualTo(tail(frm));
        assertThat(FrmImage.parse(aria, KEY).version()).isEqualTo(image.version());
    }

    private static String text(byte[] bytes) {
        return new String(bytes, ISO_8859_1);
    }

    /** From the position that the u32 before the keys gives to the end of the file. */
    private static byte[] tail(byte[] frm) {
        ByteBuffer in = ByteBuffer.wrap(frm).order(ByteOrder.LITTLE_ENDIAN);
        return Arrays.copyOfRange(frm, in.getInt(in.getShort(6) - 4), frm.length);
    }

    @ParameterizedTest
    @MethodSource("fixtures")
    void thereAndBackIsWhatTheServerItselfWrote(String name) throws DamagedTableException {
        byte[] frm = frm(name);
        assertThat(FrmImage.parse(frm, KEY).toAria().toS3().bytes()).isEqualTo(frm);
    }

    /** It changes the number and leaves the name, both ways. */
    @Test
    void definitionAsAriaS3CopyLeavesItIsMadeWhatItNames() throws DamagedTableException {
        byte[] aria = FrmImage.parse(plain, KEY).toAria().bytes();
        byte[] uploaded = aria.clone();
        uploaded[3] = 41;
        byte[] downloaded = plain.clone();
        downloaded[3] = 42;
        assertThat(FrmImage.parse(uploaded, KEY).toAria().bytes()).isEqualTo(aria);
        assertThat(FrmImage.parse(downloaded, KEY).toS3().bytes()).isEqualTo(plain);
    }

    @Test
    void definitionOfAnotherEngineIsNotMadeOneOfS3() throws DamagedTableException {
        FrmImage s3 = FrmImage.parse(plain, KEY);
        assertThatThrownBy(s3::toS3)
                .hasMessageEndingWith("expected engine 42 named 'Aria', found 41 named 'S3'");
        FrmImage partitions = FrmImage.parse(part, KEY);
        assertThatThrownBy(partitions::toS3)
                .hasMessageEndingWith(
                        "expected engine of partitions 42 named 'Aria', found 41 named 'S3'");
    }

    @ParameterizedTest
    @MethodSource("fixtures")
    void newVersionChangesNoOtherByte(String name) throws DamagedTableException {
        byte[] frm = frm(name);
        byte[] version = new byte[FrmImage.VERSION_BYTES];
        Arrays.fill(version, (byte) 0xa5);
        FrmImage changed = FrmImage.parse(frm, KEY).withVersion(version);
        System.arraycopy(version, 0, frm, 66, version.length);
        assertThat(changed.bytes()).isEqualTo(frm);
        assertThat(changed.version()).isEqualTo(version);
        assertThatThrownBy(() -> changed.withVersion(new byte[15]))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("a version of 15 bytes");
    }

    @Test
    void definitionOfAnotherEngineIsNotMadeOneOfAria() throws DamagedTableException {
        FrmImage aria = FrmImage.parse(plain, KEY).toAria();
        assertThatThrownBy(aria::toAria)
                .isInstanceOf(DamagedTableException.class)
                .hasMessageEndingWith("expected engine 41 named 'S3', found 42 named 'Aria'");
        plain[3] = 42; // as aria_s3_copy leaves it: the server would still go by the name
        FrmImage between = FrmImage.parse(plain, KEY);
        assertThatThrownBy(between::toAria)
                .hasMessage(
                        "db/t/frm is damaged: expected engine 41 named 'S3', found 42 named 'S3'");
        FrmImage partitions = FrmImage.parse(part, KEY).toAria();
        assertThatThrownBy(partitions::toAria)
                .hasMessageEndingWith(
                        "expected engine of partitions 41 named 'S3', found 42 named 'Aria'");
    }

    @ParameterizedTest
    @CsvSource({
        "0, fe01 at its start",
        "4, the position of the keys",
        "6, the position of the keys",
        "10, bytes of the file",
        "14, the position of the form",
        "16, the position of the form",
        "47, put together again",
        "55, the position of the form",
        "64, the number of versions",
        "65, bytes of the version",
    })
    void everyLengthAndPositionOfTheHeadIsChecked(int offset, String told) {
        plain[offset] ^= 1;
        assertThatThrownBy(() -> FrmImage.parse(plain, KEY))
                .isInstanceOf(DamagedTableException.class)
                .hasMessageStartingWith(KEY + " is damaged: expected ")
                .hasMessageContaining(told);
    }

    @ParameterizedTest
    @CsvSource({"0", "258", "260", "268", "274", "284", "286"})
    void everyLengthOfTheFormIsChecked(int offset) {
        int formAt = plain.length - tail(plain).length;
        plain[formAt + offset] ^= 1;
        assertThatThrownBy(() -> FrmImage.parse(plain, KEY))
                .isInstanceOf(DamagedTableException.class)
                .hasMessageContaining("of form and columns");
    }

    @Test
    void cutDefinitionIsRefusedWhereverItIsCut() {
        for (byte[] frm : new byte[][] {plain, part}) {
            for (int length = 0; length < frm.length; length++) {
                byte[] cut = Arrays.copyOf(frm, length);
                assertThatThrownBy(() -> FrmImage.parse(cut, KEY))
                        .isInstanceOf(DamagedTableException.class);
                if (length >= 64) { // and with a file length that does not give it away
                    ByteBuffer.wrap(cut).order(ByteOrder.LITTLE_ENDIAN).putInt(10, length);
                    assertThatThrownBy(() -> FrmImage.parse(cut, KEY))
                            .isInstanceOf(DamagedTableException.class);
                }
            }
        }
    }

    @Test
    void whatIsReadBeforeTheDamageIsSaid() {
        Map<String, String> words = new LinkedHashMap<>();
        byte[] cut = Arrays.copyOf(part, 900);
        ByteBuffer.wrap(cut).order(ByteOrder.LITTLE_ENDIAN).putInt(10, 900);
        assertThatThrownBy(() -> FrmImage.parse(cut, KEY, words::put))
                .isInstanceOf(DamagedTableException.class)
                .hasMessageContaining("partitioning of up to ");
        assertThat(words)
                .containsEntry("engine", "20 partitions")
                .containsEntry("engine of partitions", "41 S3")
                .containsEntry("engine name of partitions", "S3")
                .containsEntry("engine name", "partition")
                .containsKeys("server", "version")
                .doesNotContainKey("partitioning");
    }

    /** One byte, two or four at once: a length and what hangs on it. */
    @Property(tries = 3000)
    void anyFlippedBytesAreReadOrRefused(
            @ForAll @IntRange(max = 1) int which,
            @ForAll @Size(min = 1, max = 4) int[] where,
            @ForAll @Size(min = 4, max = 4) byte[] masks) {
        byte[] frm = (which == 0 ? plain : part).clone();
        for (int i = 0; i < where.length; i++) {
            frm[Math.floorMod(where[i], frm.length)] ^= masks[i];
        }
        readOrRefused(frm);
    }

    /** Where the lengths are: the head, the end of extra2, and the extra segment. */
    @Property(tries = 3000)
    void anyBytesInAHeadAreReadOrRefused(
            @ForAll @IntRange(max = 1) int which,
            @ForAll @IntRange(max = 150) int at,
            @ForAll @Size(min = 1, max = 8) byte[] bytes) {
        byte[] frm = (which == 0 ? plain : part).clone();
        System.arraycopy(bytes, 0, frm, at, bytes.length);
        readOrRefused(frm);
        ByteBuffer out = ByteBuffer.wrap(frm).order(ByteOrder.LITTLE_ENDIAN);
        out.putShort(0, (short) 0x01fe).putInt(10, frm.length);
        out.putShort(6, (short) (64 + out.getShort(4) + 4));
        readOrRefused(frm);
    }

    @Property(tries = 1000)
    void anyBytesAreADefinitionOrRefused(@ForAll @Size(max = 600) byte[] frm) {
        readOrRefused(frm);
    }

    private static void readOrRefused(byte[] frm) {
        try {
            FrmImage image = FrmImage.parse(frm, KEY);
            assertThat(image.bytes()).isEqualTo(frm);
            FrmImage aria = image.toAria();
            assertThat(aria.version()).isEqualTo(image.version());
        } catch (DamagedTableException e) {
            assertThat(e).hasMessageContaining(" is damaged: expected ");
        }
    }
}
