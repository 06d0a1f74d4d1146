package aria.s3batch.format;

import static org.assertj.core.api.Assertions.assertThat;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;

import org.junit.jupiter.api.Test;

import java.util.Arrays;
import java.util.HexFormat;
import java.util.zip.CRC32;

class PageChecksumTest {
    /** Values seen in files of MariaDB 10.11. */
    @Test
    void checksumsAreThoseOfTheServer() {
        byte[] letters = new byte[8188];
        Arrays.fill(letters, (byte) 'A');
        byte[] index = HexFormat.of().parseHex("ff00000c0000000000036000");
        assertThat(PageChecksum.of(new byte[8188], 0, 8188, 1)).isEqualTo(0x76bad8a6);
        assertThat(PageChecksum.of(letters, 0, 8188, 2)).isEqualTo(0xb793043e);
        assertThat(PageChecksum.of(index, 0, 12, 2)).isEqualTo(0x20780f7f);
    }

    @Test
    void fourBytesAreFoundForEachPageNumber() {
        assertThat(HexFormat.of().toHexDigits(Integer.reverseBytes(PageChecksum.bytesWithCrc(0))))
                .isEqualTo("9d0ad96d");
        assertThat(Integer.reverseBytes(PageChecksum.bytesWithCrc(1))).isEqualTo(0xdc0ca8b6);
        assertThat(Integer.reverseBytes(PageChecksum.bytesWithCrc(2))).isEqualTo(0x5e004a00);
        assertThat(Integer.reverseBytes(PageChecksum.bytesWithCrc(21825))).isEqualTo(0xf1cedb4f);
    }

    @Property
    void everyValueIsTheCrcOfFourBytes(@ForAll int value) {
        int bytes = PageChecksum.bytesWithCrc(value);
        CRC32 crc = new CRC32();
        for (int i = 0; i < 4; i++) {
            crc.update(bytes >>> 8 * i & 0xff);
        }
        assertThat((int) crc.getValue()).isEqualTo(value);
    }

    @Property
    void checksumIsThatOfTheBitwiseDefinition(
            @ForAll @Size(max = 300) byte[] page,
            @ForAll @IntRange(max = 20) int offset,
            @ForAll long pageNumber) {
        int from = Math.min(offset, page.length);
        assertThat(PageChecksum.of(page, from, page.length - from, pageNumber))
                .isEqualTo(bitwise(page, from, (int) pageNumber));
    }

    private static int bitwise(byte[] page, int from, int pageNumber) {
        int register = ~pageNumber;
        for (int i = from; i < page.length; i++) {
            register ^= page[i] & 0xff;
            for (int bit = 0; bit < 8; bit++) {
                register = register >>> 1 ^ ((register & 1) != 0 ? 0xedb88320 : 0);
            }
        }
        return ~register >= -2 && ~register < 0 ? -3 : ~register;
    }

    @Test
    void valuesThatMeanNoChecksumAreNeverStored() {
        assertThat(PageChecksum.of(new byte[0], 0, 0, 0xffffffffL)).isEqualTo(0xfffffffd);
        assertThat(PageChecksum.of(new byte[0], 0, 0, 0xfffffffeL)).isEqualTo(0xfffffffd);
        assertThat(PageChecksum.of(new byte[0], 0, 0, 0xfffffffdL)).isEqualTo(0xfffffffd);
        assertThat(PageChecksum.of(new byte[0], 0, 0, 0xfffffffcL)).isEqualTo(0xfffffffc);
    }
}
