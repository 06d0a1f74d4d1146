package aria.s3batch.format;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;

class PageVerifierTest {
    private static final int PAGE = 8192;

    static Stream<String> fixtures() {
        return Fixture.names().stream();
    }

    /** Every page that MariaDB wrote, before and after each batch. */
    @ParameterizedTest
    @MethodSource("fixtures")
    void allPagesOfRealTablesAreWhole(String name) throws DamagedTableException {
        Fixture fixture = Fixture.of(name);
        for (TableName unit : fixture.units()) {
            TableGeometry geometry = fixture.headerBefore(unit).geometry(name);
            PageVerifier verifier = PageVerifier.of(geometry);
            for (TableFile file : TableFile.values()) {
                for (boolean after : new boolean[] {false, true}) {
                    byte[] content = fixture.local(unit, file, after);
                    for (int page = 0; page < content.length / PAGE; page++) {
                        assertThat(verifier.problem(file, page, content, page * PAGE)).isEmpty();
                        assertThat(verifier.problemInBase(file, page, content, page * PAGE))
                                .isEmpty();
                    }
                }
            }
        }
    }

    /** With PAGE_CHECKSUM=1 a page in another place is damaged, but for bitmaps of empty tables. */
    @ParameterizedTest
    @MethodSource("fixtures")
    void pageInAnotherPlaceIsFound(String name) throws DamagedTableException {
        if (name.equals("nocrc")) {
            return;
        }
        Fixture fixture = Fixture.of(name);
        TableName unit = fixture.units().getFirst();
        TableGeometry geometry = fixture.headerBefore(unit).geometry(name);
        PageVerifier verifier = PageVerifier.of(geometry);
        for (TableFile file : TableFile.values()) {
            byte[] content = fixture.local(unit, file, true);
            int first = file == TableFile.INDEX ? geometry.headerPages() : 1;
            for (int page = first; page < content.length / PAGE; page++) {
                if (kind(geometry, file, page, content) == PageKind.ZERO) {
                    continue;
                }
                assertThat(verifier.problem(file, page + 1, content, page * PAGE))
                        .as(file + " " + page)
                        .isNotEmpty();
            }
        }
    }

    private static PageKind kind(TableGeometry geometry, TableFile file, int page, byte[] content) {
        return PageKind.of(file, page, content, page * PAGE, PAGE, geometry.headerPages());
    }

    @Test
    void tablesWithoutPageChecksumsSayNone() {
        Fixture nocrc = Fixture.of("nocrc");
        byte[] data = nocrc.local(nocrc.table(), TableFile.DATA, true);
        assertThat(Arrays.copyOfRange(data, PAGE - 4, PAGE))
                .containsExactly(0xfe, 0xff, 0xff, 0xff);
        assertThat(Arrays.copyOfRange(data, 2 * PAGE - 4, 2 * PAGE))
                .containsExactly(0xff, 0xff, 0xff, 0xff);
    }

    @Test
    void bitmapOfAnEmptyTableHasNoChecksum() {
        Fixture empty = Fixture.of("empty");
        byte[] data = empty.local(empty.table(), TableFile.DATA, false);
        assertThat(data).hasSize(PAGE).endsWith(0xfe, 0xff, 0xff, 0xff);
    }

    /** Rows that the pages hold are as many as the header says: bitmap, kinds and directories agree. */
    @ParameterizedTest
    @MethodSource("fixtures")
    void kindsAndBitmapAgreeWithTheRowCount(String name) throws DamagedTableException {
        Fixture fixture = Fixture.of(name);
        for (TableName unit : fixture.units()) {
            TableGeometry geometry = fixture.headerBefore(unit).geometry(name);
            byte[] data = fixture.local(unit, TableFile.DATA, true);
            long rows = 0;
            for (int page = 1; page < data.length / PAGE; page++) {
                PageKind kind = kind(geometry, TableFile.DATA, page, data);
                int bits = BitmapPage.bits(data, 0, page, PAGE);
                switch (bits) {
                    case 0 -> {}
                    case 1, 2, 3, 4 -> assertThat(kind).isEqualTo(PageKind.HEAD);
                    case 5, 6 -> assertThat(kind).isEqualTo(PageKind.TAIL);
                    default -> assertThat(kind).isIn(PageKind.TAIL, PageKind.BLOB);
                }
                if (bits != 0 && kind == PageKind.HEAD) {
                    rows += usedRows(data, page * PAGE);
                }
            }
            assertThat(rows).isEqualTo(fixture.localHeaderAfter(unit).records());
        }
    }

    private static int usedRows(byte[] data, int offset) {
        int used = 0;
        for (int i = 0; i < (data[offset + 8] & 0xff); i++) {
            int at = offset + PAGE - 4 - 4 * (i + 1);
            used += data[at] != 0 || data[at + 1] != 0 ? 1 : 0;
        }
        return used;
    }

    @Test
    void allKindsButHolesOccurInRealTables() throws DamagedTableException {
        Map<PageKind, Integer> seen = new EnumMap<>(PageKind.class);
        for (Fixture fixture : Fixture.all()) {
            for (TableName unit : fixture.units()) {
                TableGeometry geometry = fixture.headerBefore(unit).geometry("");
                for (TableFile file : TableFile.values()) {
                    byte[] content = fixture.local(unit, file, true);
                    for (int page = 0; page < content.length / PAGE; page++) {
                        seen.merge(kind(geometry, file, page, content), 1, Integer::sum);
                    }
                }
            }
        }
        assertThat(seen)
                .containsKeys(
                        PageKind.HEADER,
                        PageKind.BITMAP,
                        PageKind.INDEX_NODE,
                        PageKind.INDEX_LEAF,
                        PageKind.INDEX_FREE,
                        PageKind.HEAD,
                        PageKind.TAIL,
                        PageKind.BLOB)
                .doesNotContainKey(PageKind.UNKNOWN);
    }

    /** The list from key_del visits each free page once and ends. */
    @Test
    void freeIndexPagesAreThoseOfTheFreeList() throws DamagedTableException {
        Fixture idx = Fixture.of("idx");
        byte[] index = idx.local(idx.table(), TableFile.INDEX, true);
        AriaHeader header = idx.localHeaderAfter(idx.table());
        TableGeometry geometry = idx.headerBefore(idx.table()).geometry("");
        long free = 0;
        for (int page = 1; page < index.length / PAGE; page++) {
            free += kind(geometry, TableFile.INDEX, page, index) == PageKind.INDEX_FREE ? 1 : 0;
        }
        long listed = 0;
        for (long at = header.get(HeaderField.KEY_DEL); at != -1; listed++) {
            int page = (int) (at / PAGE);
            assertThat(kind(geometry, TableFile.INDEX, page, index)).isEqualTo(PageKind.INDEX_FREE);
            assertThat(index[(int) at + 3]).isEqualTo((byte) 12);
            at = ByteBuffer.wrap(index).getLong((int) at + 4);
        }
        assertThat(listed).isPositive().isEqualTo(free);
    }

    @Test
    void bitmapPagesRecurEvery21825Pages() {
        assertThat(BitmapPage.stride(PAGE)).isEqualTo(21825);
        assertThat(BitmapPage.isBitmap(0, PAGE)).isTrue();
        assertThat(BitmapPage.isBitmap(21824, PAGE)).isFalse();
        assertThat(BitmapPage.isBitmap(43650, PAGE)).isTrue();
        assertThat(BitmapPage.of(21826, PAGE)).isEqualTo(21825);
        byte[] bitmap = new byte[PAGE];
        bitmap[8183] = (byte) 0xe0;
        assertThat(BitmapPage.bits(bitmap, 0, 21824, PAGE)).isEqualTo(7);
    }

    @Test
    void everyFlippedCoveredBitIsFound() {
        PageVerifier verifier = new PageVerifier(PAGE, 1);
        Random random = new Random(5);
        byte[] page = new byte[PAGE];
        random.nextBytes(page);
        page[7] = 1;
        seal(page, PAGE - 4, 7);
        assertThat(verifier.problem(TableFile.DATA, 7, page, 0)).isEmpty();
        for (int i = 0; i < 500; i++) {
            int at = random.nextInt(PAGE);
            page[at] ^= (byte) (1 << i % 8);
            if (at != 7 || (page[7] & 7) != 0) {
                assertThat(verifier.problem(TableFile.DATA, 7, page, 0)).isNotEmpty();
            }
            page[at] ^= (byte) (1 << i % 8);
        }
    }

    private static void seal(byte[] page, int covered, long number) {
        int checksum = PageChecksum.of(page, 0, covered, number);
        for (int i = 0; i < 4; i++) {
            page[PAGE - 4 + i] = (byte) (checksum >>> 8 * i);
        }
    }

    @Test
    void problemNamesPageAndChecksums() {
        byte[] page = new byte[PAGE];
        page[7] = 1;
        page[100] = 1;
        page[PAGE - 4] = 0x12;
        assertThat(new PageVerifier(PAGE, 1).problem(TableFile.DATA, 5, page, 0))
                .hasValueSatisfying(
                        text ->
                                assertThat(text)
                                        .matches(
                                                "data page 5 has checksum 00000012, computed from"
                                                        + " its bytes [0-9a-f]{8}"));
    }

    @Test
    void indexPageIsCheckedUpToItsUsedLengthOnly() {
        PageVerifier verifier = new PageVerifier(PAGE, 1);
        byte[] page = new byte[PAGE];
        Arrays.fill(page, 12, PAGE - 4, (byte) 0x55);
        page[0] = 1;
        page[3] = 12;
        seal(page, 12, 3);
        page[13] = 0;
        assertThat(verifier.problem(TableFile.INDEX, 3, page, 0)).isEmpty();
        page[11] = 1;
        assertThat(verifier.problem(TableFile.INDEX, 3, page, 0)).isNotEmpty();
        for (int used : new int[] {0, 3, PAGE - 3, 0xffff}) {
            page[2] = (byte) (used >>> 8);
            page[3] = (byte) used;
            assertThat(verifier.problem(TableFile.INDEX, 3, page, 0))
                    .hasValueSatisfying(
                            text ->
                                    assertThat(text)
                                            .contains("used length " + used + ", expected"));
        }
    }

    @Test
    void neverUsedPageMayHoldAnythingInTheBaseButNotInABatch() {
        PageVerifier verifier = new PageVerifier(PAGE, 1);
        byte[] page = new byte[PAGE];
        page[100] = 1;
        assertThat(verifier.problemInBase(TableFile.DATA, 5, page, 0)).isEmpty();
        assertThat(verifier.problem(TableFile.DATA, 5, page, 0)).isNotEmpty();
        page[7] = 5;
        assertThat(verifier.problemInBase(TableFile.DATA, 5, page, 0))
                .contains("data page 5 has no page type of Aria: 5");
    }

    @Test
    void holesAreWholeAndHeaderPagesHaveNoChecksum() {
        PageVerifier verifier = new PageVerifier(PAGE, 2);
        byte[] zero = new byte[PAGE];
        assertThat(verifier.problem(TableFile.DATA, 0, zero, 0)).isEmpty();
        assertThat(verifier.problem(TableFile.DATA, 9, zero, 0)).isEmpty();
        assertThat(verifier.problem(TableFile.INDEX, 9, zero, 0)).isEmpty();
        byte[] noise = new byte[PAGE];
        Arrays.fill(noise, (byte) 9);
        assertThat(verifier.problem(TableFile.INDEX, 1, noise, 0)).isEmpty();
        assertThat(verifier.problem(TableFile.INDEX, 2, noise, 0)).isNotEmpty();
    }
}
