package aria.s3batch.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;

import org.junit.jupiter.api.Test;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;

class ParImageTest {
    private static final String KEY = "db/t/par";

    private final byte[] real = realPar();

    private static byte[] realPar() {
        Fixture part = Fixture.of("part");
        return part.before(new ObjectNames(part.table()).par());
    }

    /** As MariaDB lays it out, with a right checksum. */
    private static byte[] par(List<String> names, String... connections) {
        ByteBuffer out = ByteBuffer.allocate(4096).order(ByteOrder.LITTLE_ENDIAN);
        out.position(8);
        out.putInt(names.size());
        names.forEach(name -> out.put((byte) 41));
        out.position((out.position() + 3) / 4 * 4);
        String text = String.join("\0", names) + "\0";
        out.putInt(text.length()).put(text.getBytes(StandardCharsets.US_ASCII));
        out.position((out.position() + 3) / 4 * 4);
        out.putInt(0, out.position() / 4);
        putChecksum(out);
        for (String connection : connections) {
            out.putInt(connection.length());
            out.put(connection.getBytes(StandardCharsets.US_ASCII));
        }
        return Arrays.copyOf(out.array(), out.position());
    }

    private static void putChecksum(ByteBuffer out) {
        out.putInt(4, 0);
        int xor = 0;
        for (int i = 0; i < Math.min(out.getInt(0), out.capacity() / 4); i++) {
            xor ^= out.getInt(4 * i);
        }
        out.putInt(4, xor);
    }

    @Test
    void realListComesOutAsItWentInAndOneOfAriaDiffersInEnginesAndChecksum()
            throws DamagedTableException {
        ParImage par = ParImage.parse(real, KEY);
        ParImage aria = par.toAria();
        assertThat(par.bytes()).isEqualTo(real);
        assertThat(par.partitions()).containsExactly("p0", "p1");
        assertThat(par.engines()).containsExactly(41, 41);
        assertThat(aria.partitions()).containsExactly("p0", "p1");
        assertThat(aria.engines()).containsExactly(42, 42);
        assertThat(ParImage.parse(aria.bytes(), KEY).engines()).containsExactly(42, 42);
        byte[] expected = real.clone();
        expected[12] = expected[13] = 42;
        putChecksum(ByteBuffer.wrap(expected).order(ByteOrder.LITTLE_ENDIAN));
        assertThat(aria.bytes()).isEqualTo(expected);
        assertThat(aria.toS3().bytes()).as("and back").isEqualTo(real);
    }

    @Test
    void subPartitionsShareTheConnectionOfTheirPartition() throws DamagedTableException {
        List<String> names = List.of("a#SP#x", "a#SP#y", "b#SP#z", "b#SP#w");
        byte[] par = par(names, "host", "");
        assertThat(ParImage.parse(par, KEY).partitions()).isEqualTo(names);
        assertThat(ParImage.parse(par, KEY).toAria().bytes()).hasSize(par.length);
        assertThatThrownBy(() -> ParImage.parse(par(names, "host", "", ""), KEY))
                .isInstanceOf(DamagedTableException.class)
                .hasMessageContaining("the end of the file");
        assertThatThrownBy(() -> ParImage.parse(par(names, "host"), KEY))
                .hasMessageContaining("the connection of partition 1 at ");
    }

    @Test
    void flippedBitInWhatTheChecksumCoversIsRefused() {
        for (int at = 0; at < 28; at++) {
            byte[] flipped = real.clone();
            flipped[at] ^= 1;
            assertThatThrownBy(() -> ParImage.parse(flipped, KEY))
                    .as("byte %d", at)
                    .isInstanceOf(DamagedTableException.class)
                    .hasMessageStartingWith(KEY + " is damaged: expected ");
        }
    }

    @Test
    void cutOrLongerListIsRefused() {
        for (int length = 0; length < real.length + 5; length++) {
            if (length != real.length) {
                byte[] other = Arrays.copyOf(real, length);
                assertThatThrownBy(() -> ParImage.parse(other, KEY))
                        .isInstanceOf(DamagedTableException.class);
            }
        }
    }

    @Test
    void moreNamesThanPartitionsAreRefused() {
        byte[] par = par(List.of("a", "b"), "", "");
        ByteBuffer out = ByteBuffer.wrap(par).order(ByteOrder.LITTLE_ENDIAN);
        out.putInt(8, 1).put(13, (byte) 0);
        putChecksum(out);
        assertThatThrownBy(() -> ParImage.parse(par, KEY))
                .hasMessage("db/t/par is damaged: expected 1 names of partitions, found 2");
    }

    @Test
    void partitionOfAnotherEngineIsNotMadeOneOfAria() throws DamagedTableException {
        byte[] par = par(List.of("a", "b"), "", "");
        par[13] = 12;
        putChecksum(ByteBuffer.wrap(par).order(ByteOrder.LITTLE_ENDIAN));
        ParImage image = ParImage.parse(par, KEY);
        assertThatThrownBy(image::toAria)
                .hasMessage(
                        "db/t/par is damaged: expected engine 41 (S3) of partition b, found 12");
    }

    /** With a right checksum, which is no hindrance to nonsense. */
    @Property(tries = 3000)
    void anyBytesAreAListOrRefused(
            @ForAll @IntRange(max = 35) int at, @ForAll @Size(min = 1, max = 4) byte[] bytes) {
        byte[] par = real.clone();
        System.arraycopy(bytes, 0, par, at, Math.min(bytes.length, par.length - at));
        readOrRefused(par);
        ByteBuffer out = ByteBuffer.wrap(par).order(ByteOrder.LITTLE_ENDIAN);
        putChecksum(out);
        readOrRefused(par);
    }

    @Property(tries = 1000)
    void anyBytesAtAllAreAListOrRefused(@ForAll @Size(max = 60) byte[] par) {
        readOrRefused(par);
    }

    private static void readOrRefused(byte[] par) {
        try {
            ParImage image = ParImage.parse(par, KEY);
            assertThat(image.bytes()).isEqualTo(par);
            assertThat(image.toAria().engines()).containsOnly(42);
        } catch (DamagedTableException e) {
            assertThat(e).hasMessageContaining(" is damaged: expected ");
        }
    }
}
