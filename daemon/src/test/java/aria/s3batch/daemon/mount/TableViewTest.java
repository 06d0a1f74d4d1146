package aria.s3batch.daemon.mount;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import aria.s3batch.daemon.BatchException;
import aria.s3batch.diskcache.CacheSpace;
import aria.s3batch.format.DamagedTableException;
import aria.s3batch.format.Fixture;
import aria.s3batch.format.FrmImage;
import aria.s3batch.format.ParImage;
import aria.s3batch.format.TableName;
import aria.s3batch.s3block.LoadedFixture;
import aria.s3batch.s3block.MemoryObjectStore;
import aria.s3batch.s3block.NoSuchTableException;

import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.SortedMap;

/** The files that a server finds for the tables of a batch. */
class TableViewTest {
    private static SortedMap<String, MountedFile> view(
            MemoryObjectStore store, List<TableName> tables) throws IOException {
        var open = new OpenTables(store, new CacheSpace(1 << 20), tables);
        return TableView.of(open.tables, store, open);
    }

    private static MountedFile file(SortedMap<String, MountedFile> files, String name) {
        return Objects.requireNonNull(files.get(name), name);
    }

    private static byte[] bytes(SortedMap<String, MountedFile> files, String name)
            throws IOException {
        MountedFile file = file(files, name);
        ByteBuffer all = ByteBuffer.allocate((int) file.length() + 1);
        assertThat(file.read(0, all)).isEqualTo(all.capacity() - 1);
        return Arrays.copyOf(all.array(), all.position());
    }

    @Test
    void plainTableHasDefinitionIndexAndData() throws IOException {
        Fixture plain = Fixture.of("plain");

        SortedMap<String, MountedFile> files = view(LoadedFixture.before(plain), plain.units());

        assertThat(files.keySet()).containsExactly("plain.MAD", "plain.MAI", "plain.frm");
        byte[] s3 = plain.before(plain.table().path() + "/frm");
        assertThat(bytes(files, "plain.frm"))
                .isEqualTo(FrmImage.parse(s3, "frm").toAria().bytes())
                .isNotEqualTo(s3);
        assertThat(file(files, "plain.frm").isWritable()).isFalse();
        assertThat(file(files, "plain.MAI").isWritable()).isTrue();
    }

    @Test
    void partitionedTableHasItsListAndTheFilesOfAllPartitions() throws IOException {
        Fixture part = Fixture.of("part");

        SortedMap<String, MountedFile> files = view(LoadedFixture.before(part), part.units());

        assertThat(files.keySet()).contains("part.frm", "part.par");
        for (TableName unit : part.units()) {
            assertThat(files).containsKeys(unit.table() + ".MAI", unit.table() + ".MAD");
        }
        assertThat(files).hasSize(2 + 2 * part.units().size());
        byte[] s3 = part.before(part.table().path() + "/par");
        assertThat(bytes(files, "part.par")).isEqualTo(ParImage.parse(s3, "par").toAria().bytes());
    }

    @Test
    void someOfThePartitionsAreRefused() {
        Fixture part = Fixture.of("part");
        List<TableName> some = part.units().subList(1, part.units().size());

        assertThatThrownBy(() -> view(LoadedFixture.before(part), some))
                .isInstanceOf(BatchException.class)
                .hasMessageContaining(part.units().getFirst().display())
                .hasMessageContaining("whole table");
    }

    @Test
    void tablesOfOneFileNameAreRefused() {
        Fixture plain = Fixture.of("plain");
        MemoryObjectStore store = LoadedFixture.before(plain);
        plain.before()
                .forEach(
                        (key, body) ->
                                LoadedFixture.replace(
                                        store,
                                        key.replace(plain.database() + "/", "other/"),
                                        body));

        assertThatThrownBy(
                        () -> view(store, List.of(plain.table(), new TableName("other", "plain"))))
                .isInstanceOf(BatchException.class)
                .hasMessageContaining("fx_shared.plain")
                .hasMessageContaining("other.plain");
    }

    @Test
    void damagedDefinitionIsRefusedWithItsName() {
        Fixture plain = Fixture.of("plain");
        MemoryObjectStore store = LoadedFixture.before(plain);
        LoadedFixture.replace(store, plain.table().path() + "/frm", new byte[100]);

        assertThatThrownBy(() -> view(store, plain.units()))
                .isInstanceOf(DamagedTableException.class)
                .hasMessageContaining("plain/frm");
    }

    @Test
    void missingPartitionListIsNamed() {
        Fixture part = Fixture.of("part");
        MemoryObjectStore store = new MemoryObjectStore();
        part.before()
                .forEach(
                        (key, body) -> {
                            if (!key.endsWith("/par")) {
                                LoadedFixture.replace(store, key, body);
                            }
                        });

        assertThatThrownBy(() -> view(store, part.units()))
                .isInstanceOf(NoSuchTableException.class)
                .hasMessageContaining("part/par");
    }
}
