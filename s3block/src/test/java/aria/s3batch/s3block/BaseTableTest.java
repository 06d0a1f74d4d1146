package aria.s3batch.s3block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import aria.s3batch.format.AriaHeader;
import aria.s3batch.format.DamagedTableException;
import aria.s3batch.format.Fixture;
import aria.s3batch.format.HeaderField;
import aria.s3batch.format.ObjectNames;
import aria.s3batch.format.TableName;
import aria.s3batch.s3block.FaultyObjectStore.Operation;
import aria.s3batch.s3block.FaultyObjectStore.Request;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import java.io.IOException;
import java.util.Arrays;

final class BaseTableTest {
    private final Fixture plain = Fixture.of("plain");
    private final TableName table = plain.table();
    private final ObjectNames names = new ObjectNames(table);
    private final MemoryObjectStore store = LoadedFixture.before(plain);

    private void replaceHeader(HeaderField field, long value) {
        AriaHeader changed = plain.headerBefore(table).with(field, value);
        LoadedFixture.replace(store, names.header(), changed.bytes());
    }

    @ParameterizedTest
    @MethodSource("aria.s3batch.format.Fixture#names")
    void everyTableIsReadWithTwoGets(String name) throws IOException {
        Fixture fixture = Fixture.of(name);
        for (TableName unit : fixture.units()) {
            var counted = new FaultyObjectStore(LoadedFixture.before(fixture));
            BaseTable base = BaseTable.read(counted, unit);
            var unitNames = new ObjectNames(unit);
            assertThat(counted.requests())
                    .containsExactly(
                            new Request(Operation.GET, unitNames.header()),
                            new Request(Operation.GET, unitNames.frm()));
            assertThat(base.header().bytes()).isEqualTo(fixture.before().get(unitNames.header()));
            assertThat(base.frm()).isEqualTo(fixture.before().get(unitNames.frm()));
            assertThat(base.headerEtag())
                    .isEqualTo(counted.head(unitNames.header()).orElseThrow().etag());
            assertThat(base.frmEtag())
                    .isEqualTo(counted.head(unitNames.frm()).orElseThrow().etag());
            assertThat(base.geometry().compressed()).isEqualTo(fixture.compressed());
        }
    }

    @Test
    void missingTableNamesTheObjectThatWasLookedFor() {
        TableName other = new TableName("fx_shared", "nothing");
        assertThatThrownBy(() -> BaseTable.read(store, other))
                .isInstanceOf(NoSuchTableException.class)
                .hasMessageContaining("fx_shared.nothing")
                .hasMessageContaining("'fx_shared/nothing/aria'")
                .hasMessageContaining("a bucket in memory");
        store.delete(names.frm(), Condition.always());
        assertThatThrownBy(() -> BaseTable.read(store, table))
                .isInstanceOf(NoSuchTableException.class)
                .hasMessageContaining("'" + names.frm() + "'");
    }

    @Test
    void headerThatIsCutIsRefused() {
        byte[] header = plain.headerBefore(table).bytes();
        LoadedFixture.replace(store, names.header(), Arrays.copyOf(header, header.length - 1));
        assertThatThrownBy(() -> BaseTable.read(store, table))
                .isInstanceOf(DamagedTableException.class)
                .hasMessageContaining(names.header());
    }

    @Test
    void transactionalTableIsRefused() {
        replaceHeader(HeaderField.BORN_TRANSACTIONAL, 1);
        assertThatThrownBy(() -> BaseTable.read(store, table))
                .isInstanceOf(UnsupportedTableException.class)
                .hasMessageContaining("transactional");
    }

    @Test
    void encryptedTableIsRefused() {
        replaceHeader(HeaderField.EXTRA_OPTIONS, 1);
        assertThatThrownBy(() -> BaseTable.read(store, table))
                .isInstanceOf(UnsupportedTableException.class)
                .hasMessageContaining("encrypted");
    }

    @Test
    void tableMadeWithBlocksOf16MiBIsRefused() {
        replaceHeader(HeaderField.S3_BLOCK_SIZE, 0);
        assertThatThrownBy(() -> BaseTable.read(store, table))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("16M");
    }

    @Test
    void fileLengthThatIsNotWholePagesIsRefused() {
        replaceHeader(HeaderField.DATA_FILE_LENGTH, 8193);
        assertThatThrownBy(() -> BaseTable.read(store, table))
                .isInstanceOf(DamagedTableException.class)
                .hasMessageContaining("8193");
        replaceHeader(HeaderField.DATA_FILE_LENGTH, 8192);
        replaceHeader(HeaderField.KEY_FILE_LENGTH, 0);
        assertThatThrownBy(() -> BaseTable.read(store, table))
                .isInstanceOf(DamagedTableException.class)
                .hasMessageContaining("index file of 0 bytes");
    }
}
