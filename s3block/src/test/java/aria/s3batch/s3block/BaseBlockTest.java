package aria.s3batch.s3block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import aria.s3batch.format.BlockFrame;
import aria.s3batch.format.BlockName;
import aria.s3batch.format.DamagedTableException;
import aria.s3batch.format.Fixture;
import aria.s3batch.format.ObjectNames;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableGeometry;
import aria.s3batch.format.TableName;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.util.Arrays;

final class BaseBlockTest {
    @ParameterizedTest
    @MethodSource("aria.s3batch.format.Fixture#names")
    void everyBlockOfEveryTableIsReadAsItIsInTheLocalFile(String name) throws IOException {
        Fixture fixture = Fixture.of(name);
        MemoryObjectStore store = LoadedFixture.before(fixture);
        for (TableName unit : fixture.units()) {
            BaseTable base = BaseTable.read(store, unit);
            TableGeometry geometry = base.geometry();
            for (TableFile file : TableFile.values()) {
                byte[] local = fixture.local(unit, file, false);
                for (long n = 1; n <= geometry.blockCount(file, local.length); n++) {
                    var block = new BlockName(file, n);
                    int length = geometry.blockLength(block, local.length);
                    int from = (int) geometry.offsetOf(block);
                    BaseBlock read = BaseBlock.read(store, base, block, length);
                    assertThat(read.bytes())
                            .isEqualTo(Arrays.copyOfRange(local, from, from + length));
                    assertThat(read.etag())
                            .isEqualTo(
                                    store.head(new ObjectNames(unit).block(block))
                                            .orElseThrow()
                                            .etag());
                }
            }
        }
    }

    private record OneBlock(MemoryObjectStore store, BaseTable base, int length, String key) {
        static final BlockName BLOCK = new BlockName(TableFile.DATA, 2);

        static OneBlock of(String fixtureName) throws IOException {
            Fixture fixture = Fixture.of(fixtureName);
            MemoryObjectStore store = LoadedFixture.before(fixture);
            BaseTable base = BaseTable.read(store, fixture.table());
            int length =
                    base.geometry().blockLength(BLOCK, base.header().fileLength(TableFile.DATA));
            return new OneBlock(store, base, length, new ObjectNames(fixture.table()).block(BLOCK));
        }

        BaseBlock read() throws IOException {
            return BaseBlock.read(store, base, BLOCK, length);
        }

        void replaceDecoded(byte[] bytes) {
            LoadedFixture.replace(
                    store,
                    key,
                    BlockFrame.encode(bytes, bytes.length, base.geometry().compressed()));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"plain", "zlib"})
    void truncatedBlockIsRefusedNotServed(String fixture) throws IOException {
        OneBlock block = OneBlock.of(fixture);
        byte[] whole = block.read().bytes();
        block.replaceDecoded(
                Arrays.copyOf(whole, whole.length - block.base().geometry().pageBytes()));
        assertThatThrownBy(block::read)
                .isInstanceOf(DamagedTableException.class)
                .hasMessageContaining(block.key());
    }

    @ParameterizedTest
    @ValueSource(strings = {"plain", "zlib"})
    void pageWithAFlippedBitIsRefused(String fixture) throws IOException {
        OneBlock block = OneBlock.of(fixture);
        byte[] bytes = block.read().bytes().clone();
        bytes[3 * block.base().geometry().pageBytes() + 100] ^= 1;
        block.replaceDecoded(bytes);
        long page = block.base().geometry().firstPage(OneBlock.BLOCK) + 3;
        assertThatThrownBy(block::read)
                .isInstanceOf(DamagedTableException.class)
                .hasMessageContaining(block.key())
                .hasMessageContaining(String.valueOf(page));
    }

    @Test
    void missingBlockIsDamage() throws IOException {
        OneBlock block = OneBlock.of("plain");
        block.store().delete(block.key(), Condition.always());
        assertThatThrownBy(block::read)
                .isInstanceOf(DamagedTableException.class)
                .hasMessageContaining("no such object");
    }
}
