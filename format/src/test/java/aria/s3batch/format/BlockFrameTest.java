package aria.s3batch.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;

import org.junit.jupiter.api.Test;

import java.util.Arrays;
import java.util.Random;
import java.util.zip.Deflater;

class BlockFrameTest {
    private static final String KEY = "db/t/data/000001";

    private final byte[] letters = letters(8192);
    private final byte[] noise = noise(8192);

    private static byte[] letters(int length) {
        byte[] block = new byte[length];
        Arrays.fill(block, (byte) 'A');
        return block;
    }

    private static byte[] noise(int length) {
        byte[] block = new byte[length];
        new Random(7).nextBytes(block);
        return block;
    }

    @Property(tries = 200)
    void everyBlockComesBackAsItWas(
            @ForAll @Size(min = 1, max = 3000) byte[] block, @ForAll boolean compressed)
            throws DamagedTableException {
        byte[] object = BlockFrame.encode(block, block.length, compressed);
        assertThat(BlockFrame.decode(object, block.length, compressed, KEY)).isEqualTo(block);
        assertThat(object.length).isLessThanOrEqualTo(BlockFrame.HEADER_BYTES + block.length);
    }

    @Property(tries = 1000)
    void anyBytesAreABlockOrRefused(
            @ForAll @Size(max = 100) byte[] object,
            @ForAll @IntRange(min = 1, max = 200) int length,
            @ForAll @IntRange(max = 1) int flag) {
        if (object.length > 3) {
            object[0] = (byte) flag;
            object[1] = (byte) length;
            object[2] = 0;
            object[3] = 0;
        }
        try {
            assertThat(BlockFrame.decode(object, length, true, KEY)).hasSize(length);
        } catch (DamagedTableException e) {
            assertThat(e).hasMessageStartingWith(KEY + " is damaged: expected ");
        }
    }

    @Test
    void onlyTheGivenLengthOfTheArrayIsEncoded() throws DamagedTableException {
        for (boolean compressed : new boolean[] {true, false}) {
            byte[] object = BlockFrame.encode(letters, 1024, compressed);
            assertThat(BlockFrame.decode(object, 1024, compressed, KEY)).isEqualTo(letters(1024));
        }
    }

    @Test
    void frameIsTheOneMariaDbWrites() {
        assertThat(BlockFrame.encode(letters, 8192, true))
                .startsWith(1, 0x00, 0x20, 0x00, 0x78, 0x9c);
        byte[] raw = BlockFrame.encode(noise, 8192, true);
        assertThat(raw).hasSize(8196).startsWith(0, 0, 0, 0);
        assertThat(Arrays.copyOfRange(raw, 4, 8196)).isEqualTo(noise);
    }

    /** Which blocks zlib makes smaller is MariaDB's choice too: flag and length are the same. */
    @Test
    void fixtureBlocksDecodeAndEncodeToTheSameFrames() throws DamagedTableException {
        int raw = 0;
        for (String name : new String[] {"zlib", "def4m"}) {
            Fixture fixture = Fixture.of(name);
            TableName unit = fixture.table();
            ObjectNames names = new ObjectNames(unit);
            AriaHeader header = fixture.headerBefore(unit);
            TableGeometry geometry = header.geometry(name);
            for (var object : fixture.before().entrySet()) {
                BlockName block = names.blockOf(object.getKey()).orElse(null);
                if (block == null) {
                    continue;
                }
                int length = geometry.blockLength(block, header.fileLength(block.file()));
                byte[] decoded =
                        BlockFrame.decode(object.getValue(), length, true, object.getKey());
                byte[] again = BlockFrame.encode(decoded, length, true);
                assertThat(Arrays.copyOf(again, 4)).isEqualTo(Arrays.copyOf(object.getValue(), 4));
                raw += again[0] == 0 ? 1 : 0;
            }
        }
        assertThat(raw).as("blocks that zlib does not make smaller").isPositive();
    }

    @Test
    void truncatedBlockIsRefusedNotServed() {
        byte[] object = BlockFrame.encode(letters, 8192, true);
        for (int length = 0; length < object.length; length++) {
            refused(Arrays.copyOf(object, length), 8192);
        }
        byte[] raw = BlockFrame.encode(noise, 8192, true);
        refused(Arrays.copyOf(raw, raw.length - 1), 8192);
        assertThatThrownBy(() -> BlockFrame.decode(letters, 16384, false, KEY))
                .isInstanceOf(DamagedTableException.class)
                .hasMessage(KEY + " is damaged: expected a block of 16384 bytes, found 8192 bytes");
    }

    @Test
    void blockOfAnotherLengthIsRefused() {
        for (int length : new int[] {4096, 8191, 8193, 16384}) {
            refused(BlockFrame.encode(letters, 8192, true), length);
            refused(BlockFrame.encode(noise, 8192, true), length);
        }
    }

    @Test
    void lengthFieldThatLiesIsRefusedAndNothingIsInflatedBeyondIt() {
        byte[] bomb = BlockFrame.encode(new byte[10_000_000], 10_000_000, true);
        bomb[1] = 0;
        bomb[2] = 0x20;
        bomb[3] = 0;
        assertThatThrownBy(() -> BlockFrame.decode(bomb, 8192, true, KEY))
                .hasMessageContaining("expected a block of 8192 bytes, found a longer one");
        byte[] shorter = BlockFrame.encode(letters, 4096, true);
        shorter[2] = 0x20;
        assertThatThrownBy(() -> BlockFrame.decode(shorter, 8192, true, KEY))
                .hasMessageContaining("found 4096 bytes");
    }

    /** Some bits of a stream mean nothing, such as those that fill its last byte. */
    @Property(tries = 500)
    void flippedBitIsRefusedOrMeansNothing(@ForAll @IntRange(max = 7) int bit, @ForAll int where) {
        byte[] object = BlockFrame.encode(letters, 8192, true);
        object[Math.floorMod(where, object.length)] ^= (byte) (1 << bit);
        try {
            assertThat(BlockFrame.decode(object, 8192, true, KEY)).isEqualTo(letters);
        } catch (DamagedTableException e) {
            assertThat(e).hasMessageStartingWith(KEY + " is damaged: expected ");
        }
    }

    @Test
    void bytesAfterTheStreamAreRefused() {
        byte[] object = BlockFrame.encode(letters, 8192, true);
        refused(Arrays.copyOf(object, object.length + 1), 8192);
    }

    @Test
    void unframedBlockOfACompressedTableIsRefused() {
        refused(letters, 8192);
        refused(letters, 8188);
    }

    @Test
    void streamsOfOtherWritersAreRead() throws DamagedTableException {
        for (int level : new int[] {0, 1, 9}) {
            Deflater deflater = new Deflater(level);
            deflater.setInput(noise);
            deflater.finish();
            byte[] object = new byte[9000];
            int length = 4 + deflater.deflate(object, 4, 8996);
            deflater.end();
            object[0] = 1;
            object[2] = 0x20;
            assertThat(BlockFrame.decode(Arrays.copyOf(object, length), 8192, true, KEY))
                    .isEqualTo(noise);
        }
    }

    private static void refused(byte[] object, int expectedLength) {
        assertThatThrownBy(() -> BlockFrame.decode(object, expectedLength, true, KEY))
                .isInstanceOf(DamagedTableException.class)
                .hasMessageStartingWith(KEY + " is damaged: expected ");
    }
}
