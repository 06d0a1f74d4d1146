package aria.s3batch.format;

import static org.assertj.core.api.Assertions.assertThat;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.LongRange;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.SortedMap;
import java.util.TreeMap;

class ObjectNamesTest {
    private final ObjectNames names = new ObjectNames(new TableName("db", "t"));

    @Test
    void keysAreThoseOfTheServer() {
        assertThat(names.header()).isEqualTo("db/t/aria");
        assertThat(names.frm()).isEqualTo("db/t/frm");
        assertThat(names.par()).isEqualTo("db/t/par");
        assertThat(names.block(new BlockName(TableFile.DATA, 3))).isEqualTo("db/t/data/000003");
        assertThat(names.block(new BlockName(TableFile.INDEX, 1234567)))
                .isEqualTo("db/t/index/1234567");
    }

    @Test
    void partitionHasTheDefinitionOfItsTable() {
        ObjectNames partition = new ObjectNames(new TableName("db", "t#P#p0"));
        assertThat(partition.header()).isEqualTo("db/t#P#p0/aria");
        assertThat(partition.frm()).isEqualTo("db/t/frm");
        assertThat(partition.par()).isEqualTo("db/t/par");
    }

    @Property
    void blockIsFoundAgainByItsKey(
            @ForAll TableFile file, @ForAll @LongRange(min = 1, max = 1L << 50) long number) {
        BlockName block = new BlockName(file, number);
        assertThat(names.blockOf(names.block(block))).contains(block);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "db/t/aria",
                "db/t/frm",
                "db/t/data/",
                "db/t/data/1",
                "db/t/data/000000",
                "db/t/data/0000001",
                "db/t/data/000001x",
                "db/t/datax/000001",
                "db/t2/data/000001",
                "db/t#P#p/data/000001",
                "db/t/data/9999999999999999999",
                "data/000001",
                "db/t/index/000001/000002"
            })
    void strayIsNoBlock(String key) {
        assertThat(names.blockOf(key)).isEmpty();
    }

    @Test
    void fixtureObjectsAreExactlyThoseThatTheHeaderCallsFor() {
        for (Fixture fixture : Fixture.all()) {
            SortedMap<String, byte[]> expected = new TreeMap<>();
            for (TableName unit : fixture.units()) {
                expected.putAll(
                        Fixture.cut(
                                unit,
                                fixture.headerBefore(unit),
                                fixture.local(unit, TableFile.INDEX, false),
                                fixture.local(unit, TableFile.DATA, false)));
                expected.put(new ObjectNames(unit).frm(), new byte[0]);
                if (unit.isPartition()) {
                    expected.put(new ObjectNames(unit).par(), new byte[0]);
                }
            }
            assertThat(fixture.before().keySet()).as(fixture.name()).isEqualTo(expected.keySet());
        }
    }
}
