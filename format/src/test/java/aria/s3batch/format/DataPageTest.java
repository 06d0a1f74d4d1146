package aria.s3batch.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.Size;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import java.util.stream.Stream;

class DataPageTest {
    private static final int PAGE = 8192;

    /** Page header, checksum, and four bytes for each entry of the directory. */
    private static final int FRAME = 12 + 4;

    static Stream<String> fixtures() {
        return Fixture.names().stream();
    }

    @ParameterizedTest
    @MethodSource("fixtures")
    void rowsOfAllHeadPagesAreTheTablesRecordsAndBytesAddUp(String name) {
        Fixture fixture = Fixture.of(name);
        for (TableName unit : fixture.units()) {
            byte[] data = fixture.local(unit, TableFile.DATA, true);
            long rows = 0;
            for (int at = 0; at < data.length; at += PAGE) {
                long page = at / PAGE;
                PageKind kind = PageKind.of(TableFile.DATA, page, data, at, PAGE, 1);
                if (kind != PageKind.HEAD && kind != PageKind.TAIL) {
                    continue;
                }
                int bitmap = (int) BitmapPage.of(page, PAGE) * PAGE;
                if (BitmapPage.bits(data, bitmap, page, PAGE) == 0) {
                    continue; // it may hold anything
                }
                DataPage found = DataPage.of(data, at, PAGE);
                rows += kind == PageKind.HEAD ? found.rows() : 0;
                assertThat(found.rowBytes() + found.freeBytes() + 4 * found.entries() + FRAME)
                        .as("page %d", page)
                        .isEqualTo(PAGE);
                assertThat(DataPage.lsn(data, at)).isZero();
            }
            assertThat(rows).isEqualTo(fixture.localHeaderAfter(unit).records());
        }
    }

    @Property(tries = 200)
    void anyBytesAreRead(@ForAll @Size(1024) byte[] image) {
        assertThatCode(() -> DataPage.of(image, 0, image.length)).doesNotThrowAnyException();
    }
}
