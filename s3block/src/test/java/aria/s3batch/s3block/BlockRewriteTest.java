package aria.s3batch.s3block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import aria.s3batch.format.AriaHeader;
import aria.s3batch.format.BlockFrame;
import aria.s3batch.format.BlockName;
import aria.s3batch.format.Fixture;
import aria.s3batch.format.ObjectNames;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableGeometry;
import aria.s3batch.format.TableName;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import java.io.IOException;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import java.util.SortedMap;
import java.util.TreeMap;

final class BlockRewriteTest {
    private static final int PAGE = 1024;

    @Property(tries = 300)
    void everyByteIsStagedOrKeptOrZero(
            @ForAll @IntRange(min = 0, max = 8) int basePages,
            @ForAll @IntRange(min = 0, max = 8 * PAGE) int keptBytes,
            @ForAll @IntRange(min = 1, max = 8) int newPages,
            @ForAll byte stagedBits,
            @ForAll long seed) {
        int kept = Math.min(keptBytes, basePages * PAGE);
        var random = new Random(seed);
        byte[] base = basePages == 0 ? null : new byte[basePages * PAGE];
        if (base != null) {
            random.nextBytes(base);
        }
        byte[] expected = new byte[newPages * PAGE];
        if (base != null) {
            System.arraycopy(base, 0, expected, 0, Math.min(kept, newPages * PAGE));
        }
        var rewrite = new BlockRewrite(PAGE, base, kept, newPages * PAGE);
        for (int page = 0; page < newPages; page++) {
            if ((stagedBits >> page & 1) != 0) {
                byte[] image = new byte[PAGE];
                random.nextBytes(image);
                rewrite.overlay(page, image);
                System.arraycopy(image, 0, expected, page * PAGE, PAGE);
            }
        }
        assertThat(rewrite.finish()).isEqualTo(expected);
    }

    @Test
    void baseIsNotChanged() {
        byte[] base = new byte[2 * PAGE];
        var rewrite = new BlockRewrite(PAGE, base, 2 * PAGE, 2 * PAGE);
        byte[] image = new byte[PAGE];
        Arrays.fill(image, (byte) 7);
        rewrite.overlay(1, image);
        assertThat(rewrite.finish()).isNotEqualTo(base);
        assertThat(base).containsOnly(0);
    }

    @Test
    void impossibleBlocksAreRefused() {
        byte[] base = new byte[2 * PAGE];
        assertThatThrownBy(() -> new BlockRewrite(PAGE, base, 0, 0))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new BlockRewrite(PAGE, base, 0, PAGE + 1))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new BlockRewrite(PAGE, base, 3 * PAGE, 4 * PAGE))
                .isInstanceOf(IllegalArgumentException.class);
        var rewrite = new BlockRewrite(PAGE, base, PAGE, PAGE);
        assertThatThrownBy(() -> rewrite.overlay(1, new byte[PAGE]))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> rewrite.overlay(-1, new byte[PAGE]))
                .isInstanceOf(IllegalArgumentException.class);
    }

    /** Base and changed pages make the objects that MariaDB itself makes of the changed table. */
    @ParameterizedTest
    @MethodSource("aria.s3batch.format.Fixture#names")
    void batchOfEveryFixtureGivesTheBlocksThatMariaDbWrote(String name) throws IOException {
        Fixture fixture = Fixture.of(name);
        MemoryObjectStore store = LoadedFixture.before(fixture);
        for (TableName unit : fixture.units()) {
            SortedMap<String, byte[]> rewritten = new TreeMap<>();
            BaseTable base = BaseTable.read(store, unit);
            AriaHeader header = fixture.localHeaderAfter(unit).withS3FieldsOf(base.header());
            for (TableFile file : TableFile.values()) {
                byte[] before = fixture.local(unit, file, false);
                byte[] after = fixture.local(unit, file, true);
                for (long n = 1; n <= base.geometry().blockCount(file, after.length); n++) {
                    var block = new BlockName(file, n);
                    rewritten.put(
                            new ObjectNames(unit).block(block),
                            rewrite(store, base, block, before, after));
                }
            }
            rewritten.put(new ObjectNames(unit).header(), header.bytes());
            assertThat(decoded(unit, base.geometry(), header, rewritten))
                    .containsExactlyEntriesOf(
                            decoded(unit, base.geometry(), header, objectsOf(fixture, unit)));
        }
    }

    private static byte[] rewrite(
            ObjectStore store, BaseTable base, BlockName block, byte[] before, byte[] after)
            throws IOException {
        TableGeometry geometry = base.geometry();
        int page = geometry.pageBytes();
        int oldLength = geometry.blockLength(block, before.length);
        int newLength = geometry.blockLength(block, after.length);
        byte[] baseBytes =
                oldLength == 0 ? null : BaseBlock.read(store, base, block, oldLength).bytes();
        var rewrite = new BlockRewrite(page, baseBytes, Math.min(oldLength, newLength), newLength);
        int offset = (int) geometry.offsetOf(block);
        for (int at = 0; at < newLength; at += page) {
            boolean same =
                    offset + at + page <= before.length
                            && Arrays.equals(
                                    before,
                                    offset + at,
                                    offset + at + page,
                                    after,
                                    offset + at,
                                    offset + at + page);
            if (!same) {
                rewrite.overlay(
                        at / page, Arrays.copyOfRange(after, offset + at, offset + at + page));
            }
        }
        return BlockFrame.encode(rewrite.finish(), newLength, geometry.compressed());
    }

    private static SortedMap<String, byte[]> objectsOf(Fixture fixture, TableName unit) {
        SortedMap<String, byte[]> objects = new TreeMap<>(fixture.after());
        objects.keySet()
                .removeIf(
                        key ->
                                !key.startsWith(new ObjectNames(unit).prefix())
                                        || key.endsWith("/frm"));
        return objects;
    }

    private static Map<String, String> decoded(
            TableName unit,
            TableGeometry geometry,
            AriaHeader header,
            SortedMap<String, byte[]> objects)
            throws IOException {
        Map<String, String> decoded = new TreeMap<>();
        for (Map.Entry<String, byte[]> object : objects.entrySet()) {
            var block = new ObjectNames(unit).blockOf(object.getKey());
            byte[] bytes = object.getValue();
            if (block.isPresent()) {
                long fileBytes = header.fileLength(block.get().file());
                bytes =
                        BlockFrame.decode(
                                bytes,
                                geometry.blockLength(block.get(), fileBytes),
                                geometry.compressed(),
                                object.getKey());
            }
            decoded.put(object.getKey(), bytes.length + ":" + Arrays.hashCode(bytes));
        }
        return decoded;
    }
}
