package aria.s3batch.s3block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import aria.s3batch.format.DamagedTableException;
import aria.s3batch.format.Fixture;
import aria.s3batch.format.ObjectNames;
import aria.s3batch.format.TableName;

import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

final class PartitionsTest {
    private final Fixture part = Fixture.of("part");
    private final MemoryObjectStore store = LoadedFixture.before(part);

    @Test
    void partitionedTableIsAllItsPartitionsSorted() throws IOException {
        assertThat(Partitions.expand(store, part.table()))
                .isEqualTo(part.units().stream().sorted().toList())
                .hasSizeGreaterThan(1);
    }

    @Test
    void onePartitionIsItself() throws IOException {
        TableName unit = part.units().getFirst();
        assertThat(Partitions.expand(store, unit)).containsExactly(unit);
    }

    @Test
    void plainTableIsItself() throws IOException {
        Fixture plain = Fixture.of("plain");
        assertThat(Partitions.expand(LoadedFixture.before(plain), plain.table()))
                .containsExactly(plain.table());
    }

    @Test
    void unknownTableIsNamed() {
        assertThatThrownBy(() -> Partitions.expand(store, new TableName("fx_shared", "nothing")))
                .isInstanceOf(NoSuchTableException.class)
                .hasMessageContaining("'fx_shared/nothing/aria'");
    }

    @Test
    void remainsOfAnAlterAreNoPartition() throws IOException {
        TableName unit = part.units().getFirst();
        LoadedFixture.replace(store, unit.path() + "#TMP#/aria", new byte[1]);
        assertThat(Partitions.expand(store, part.table())).hasSameSizeAs(part.units());
    }

    @Test
    void missingPartitionIsDamageNotASmallerTable() throws IOException {
        List<String> keys = new ArrayList<>();
        String prefix = new ObjectNames(part.units().getLast()).prefix();
        store.list(prefix, object -> keys.add(object.key()));
        keys.forEach(key -> store.delete(key, Condition.always()));
        assertThatThrownBy(() -> Partitions.expand(store, part.table()))
                .isInstanceOf(DamagedTableException.class)
                .hasMessageContaining(part.units().size() + " partitions");
    }

    @Test
    void cutListOfPartitionsIsDamage() {
        LoadedFixture.replace(store, new ObjectNames(part.table()).par(), new byte[11]);
        assertThatThrownBy(() -> Partitions.expand(store, part.table()))
                .isInstanceOf(DamagedTableException.class)
                .hasMessageContaining("par");
    }
}
