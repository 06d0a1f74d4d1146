package aria.s3batch.format;

import static org.assertj.core.api.Assertions.assertThat;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

import java.util.Arrays;

class SyntheticTableTest {
    private static final TableName NAME = new TableName("db", "t");

    @Property(tries = 30)
    void objectsAndFilesAreTheSameTableWhateverItsSize(
            @ForAll @IntRange(max = 40) int indexPages,
            @ForAll @IntRange(min = 1, max = 80) int dataPages,
            @ForAll @IntRange(min = 1, max = 9) int blockPages,
            @ForAll boolean compressed,
            @ForAll long seed)
            throws DamagedTableException {
        SyntheticTable table =
                SyntheticTable.of(NAME, blockPages * 8192, compressed, indexPages, dataPages, seed);
        var objects = table.objects();
        TableGeometry geometry = table.header().geometry("aria");
        PageVerifier verifier = PageVerifier.of(geometry);
        for (TableFile file : TableFile.values()) {
            byte[] content = table.local(file);
            assertThat(Fixture.assemble(NAME, file, objects)).isEqualTo(content);
            assertThat(content).hasSize((int) table.header().fileLength(file));
            for (int page = 0; page < content.length / 8192; page++) {
                assertThat(verifier.problem(file, page, content, page * 8192)).isEmpty();
            }
        }
    }

    @Property(tries = 30)
    void resizedTableMayReplaceTheOldOne(
            @ForAll @IntRange(max = 20) int indexPages,
            @ForAll @IntRange(min = 1, max = 40) int dataPages) {
        SyntheticTable before = SyntheticTable.of(NAME, 65536, true, 10, 20, 1);
        SyntheticTable after =
                before.resized(indexPages, dataPages, 2).withPage(TableFile.DATA, 0, 3);
        assertThat(HeaderRules.refusals(before.header(), after.header().asLocal())).isEmpty();
        int kept = Math.min(20, dataPages) * 8192;
        assertThat(
                        Arrays.equals(
                                before.local(TableFile.DATA),
                                8192,
                                kept,
                                after.local(TableFile.DATA),
                                8192,
                                kept))
                .isTrue();
    }
}
