package aria.s3batch.format;

import static aria.s3batch.format.HeaderField.*;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

import org.junit.jupiter.api.Test;

import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;

class AriaHeaderTest {
    private static final List<Fixture> FIXTURES = Fixture.all();
    private static final Fixture IDX = Fixture.of("idx");
    private static final AriaHeader HEADER = IDX.headerBefore(IDX.table());

    /** The bytes that no batch of a fixture stages are its proof: all of them are fields or definitions. */
    @Test
    void fieldsCoverTheHeaderUpToTheDefinitionsWithoutGapOrOverlap() {
        for (AriaHeader header : headers()) {
            Set<Integer> covered = new HashSet<>();
            for (HeaderField field : HeaderField.values()) {
                for (int i = 0; i < header.count(field); i++) {
                    for (int b = 0; b < field.width(); b++) {
                        int at = field.offset(i, header.keys(), header.keyParts()) + b;
                        assertThat(covered.add(at)).as(field + " at " + at).isTrue();
                    }
                }
            }
            int end = (int) header.get(BASE_POS) + 135;
            assertThat(covered).hasSize(end).allMatch(at -> at >= 0 && at < end);
        }
    }

    private static List<AriaHeader> headers() {
        return FIXTURES.stream()
                .flatMap(
                        fixture ->
                                fixture.units().stream()
                                        .flatMap(
                                                unit ->
                                                        List.of(
                                                                fixture.headerBefore(unit),
                                                                fixture.localHeaderAfter(unit))
                                                                .stream()))
                .toList();
    }

    @Test
    void fixtureHeadersSayWhatTheirTablesAre() throws DamagedTableException {
        for (Fixture fixture : FIXTURES) {
            long before = 0;
            long after = 0;
            for (TableName unit : fixture.units()) {
                AriaHeader header = fixture.headerBefore(unit);
                AriaHeader local = fixture.localHeaderAfter(unit);
                assertThat(header.pageBytes()).isEqualTo(8192);
                assertThat(header.openCount()).isZero();
                assertThat(header.compressed()).isEqualTo(fixture.compressed());
                assertThat(header.bornTransactional()).isFalse();
                assertThat(header.encrypted()).isFalse();
                assertThat(header.rowsInPages()).isTrue();
                assertThat(header.pageChecksums()).isEqualTo(!fixture.name().equals("nocrc"));
                assertThat(header.get(BASE_KEYS)).isEqualTo(header.keys());
                assertThat(header.get(KEY_MAP)).isEqualTo((1L << header.keys()) - 1);
                assertThat(header.geometry("aria").blockBytes()).isEqualTo(header.s3BlockBytes());
                assertThat(local.s3BlockBytes()).isZero();
                for (TableFile file : TableFile.values()) {
                    byte[] content = fixture.local(unit, file, true);
                    assertThat(content).hasSize((int) local.fileLength(file));
                    assertThat(local.pagesEnd(file)).isGreaterThan(content.length / 8192);
                }
                before += header.records();
                after += local.records();
            }
            assertThat(before).as(fixture.name()).isEqualTo(fixture.rowsBefore());
            assertThat(after).as(fixture.name()).isEqualTo(fixture.rowsAfter());
        }
    }

    @Test
    void headerOfManyColumnsSpansPages() throws DamagedTableException {
        Fixture wide = Fixture.of("wide");
        AriaHeader header = wide.headerBefore(wide.table());
        assertThat(header.keystart()).isEqualTo(16384);
        assertThat(header.get(FIELDS)).isEqualTo(601);
        byte[] local = wide.local(wide.table(), TableFile.INDEX, true);
        assertThat(AriaHeader.keystartOf(local, "wide.MAI")).isEqualTo(16384);
    }

    @Test
    void definitionsEndWhereHeaderLengthSaysForTablesOfThisKind() {
        for (AriaHeader header : headers()) {
            int at = (int) header.get(BASE_POS) + 135;
            byte[] bytes = header.bytes();
            for (int key = 0; key < header.keys(); key++) {
                at += 12 + 18 * bytes[at];
            }
            assertThat(header.get(UNIQUES)).isZero();
            assertThat(at + 22 * header.get(FIELDS)).isEqualTo(header.get(HEADER_LENGTH));
            for (int i = (int) header.get(HEADER_LENGTH); i < bytes.length; i++) {
                assertThat(bytes[i]).isZero();
            }
        }
    }

    @Test
    void batchesChangedOnlyFieldsThatMayChange() {
        Set<HeaderField> changed = new HashSet<>();
        for (Fixture fixture : FIXTURES) {
            for (TableName unit : fixture.units()) {
                for (HeaderDifference difference :
                        fixture.headerBefore(unit)
                                .asLocal()
                                .differences(fixture.localHeaderAfter(unit))) {
                    assertThat(difference.field()).as(difference.toString()).isNotNull();
                    changed.add(difference.field());
                }
            }
        }
        assertThat(changed)
                .allMatch(field -> field.rule() == Rule.MAY_CHANGE)
                .contains(
                        CHANGED,
                        RECORDS,
                        KEY_FILE_LENGTH,
                        DATA_FILE_LENGTH,
                        KEY_ROOT,
                        KEY_DEL,
                        AUTO_INCREMENT,
                        CHECK_TIME,
                        RECORDS_AT_ANALYZE,
                        REC_PER_KEY);
    }

    @Test
    void doubleIsReadLowByteFirst() {
        assertThat(Double.longBitsToDouble(HEADER.get(REC_PER_KEY, 0))).isEqualTo(1.0);
        AriaHeader changed = HEADER.with(REC_PER_KEY, 6, Double.doubleToLongBits(2.5));
        assertThat(changed.words(REC_PER_KEY, 6)).isEqualTo("2.5");
    }

    @Property(tries = 500)
    void writingAFieldChangesNoByteOfAnother(
            @ForAll HeaderField field, @ForAll @IntRange(max = 6) int index, @ForAll long bits) {
        if (field.shapesHeader() || index >= HEADER.count(field)) {
            return;
        }
        long value = field.width() == 8 ? bits : bits & (1L << 8 * field.width()) - 1;
        AriaHeader written = HEADER.with(field, index, value);
        assertThat(written.get(field, index)).isEqualTo(value);
        int from = field.offset(index, HEADER.keys(), HEADER.keyParts());
        byte[] expected = HEADER.bytes();
        System.arraycopy(written.bytes(), from, expected, from, field.width());
        assertThat(written.bytes()).isEqualTo(expected);
        assertThat(HEADER.differences(written)).hasSize(value == HEADER.get(field, index) ? 0 : 1);
    }

    @Test
    void valueThatDoesNotFitOrBreaksTheHeaderIsRefused() {
        assertThatThrownBy(() -> HEADER.with(OPEN_COUNT, 65536))
                .hasMessage("65536 does not fit the 2 bytes of open_count");
        assertThatThrownBy(() -> HEADER.with(S3_BLOCK_SIZE, -1))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> HEADER.with(KEYS, 6)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> HEADER.with(KEYSTART, 16384))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> HEADER.get(KEY_ROOT, 5))
                .isInstanceOf(IndexOutOfBoundsException.class)
                .hasMessage("key_root[5]: there are 5");
    }

    @Property(tries = 2000)
    void damagedHeaderIsReadOrRefusedAsDamaged(
            @ForAll @IntRange(max = 600) int flips, @ForAll long seed, @ForAll boolean inStart) {
        Random random = new Random(seed);
        byte[] bytes = HEADER.bytes();
        for (int i = 0; i < 1 + flips % 4; i++) {
            bytes[random.nextInt(inStart ? 24 : 600)] = (byte) random.nextInt();
        }
        readableOrDamaged(bytes);
        readableOrDamaged(Arrays.copyOf(bytes, random.nextInt(bytes.length)));
        byte[] noise = new byte[random.nextInt(9000)];
        random.nextBytes(noise);
        if (noise.length > 24) {
            System.arraycopy(HEADER.bytes(), 0, noise, 0, 24);
        }
        readableOrDamaged(noise);
    }

    private static void readableOrDamaged(byte[] bytes) {
        try {
            AriaHeader header = AriaHeader.parse(bytes, "fuzzed");
            for (HeaderField field : HeaderField.values()) {
                for (int i = 0; i < header.count(field); i++) {
                    assertThat(header.words(field, i)).isNotEmpty();
                }
            }
            assertThat(header.differences(HEADER).isEmpty()).isEqualTo(header.equals(HEADER));
            assertThat(header.pagesEnd(TableFile.DATA)).isPositive();
            header.geometry("fuzzed");
        } catch (DamagedTableException e) {
            assertThat(e).hasMessageStartingWith("fuzzed is damaged: expected ");
        }
    }

    @Test
    void headerOfAnotherLengthIsRefused() {
        assertThatThrownBy(() -> AriaHeader.parse(Arrays.copyOf(HEADER.bytes(), 600), "db/t/aria"))
                .hasMessage(
                        "db/t/aria is damaged: expected a header of 8192 bytes (keystart), found"
                                + " 600 bytes");
        assertThatThrownBy(
                        () -> AriaHeader.parse(Arrays.copyOf(HEADER.bytes(), 16384), "db/t/aria"))
                .isInstanceOf(DamagedTableException.class);
        assertThatThrownBy(() -> AriaHeader.parse(new byte[8192], "db/t/aria"))
                .hasMessageContaining("expected fefe0903");
    }

    @Test
    void blockSizeOf16MiBIsRefused() {
        assertThatThrownBy(() -> HEADER.with(S3_BLOCK_SIZE, 0).geometry("db/t/aria"))
                .isInstanceOf(DamagedTableException.class)
                .hasMessageContaining("s3_block_size=16M");
        assertThatThrownBy(() -> HEADER.with(S3_BLOCK_SIZE, 8191).geometry("db/t/aria"))
                .isInstanceOf(DamagedTableException.class);
        assertThatThrownBy(() -> HEADER.with(COMPRESSION, 2).geometry("db/t/aria"))
                .isInstanceOf(DamagedTableException.class);
    }

    @Test
    void blockSizeIsRoundedDownToPages() throws DamagedTableException {
        assertThat(HEADER.with(S3_BLOCK_SIZE, 73728 + 8191).geometry("aria").blockBytes())
                .isEqualTo(73728);
        assertThat(
                        HEADER.with(S3_BLOCK_SIZE, TableGeometry.BLOCK_BYTES_MAX)
                                .geometry("aria")
                                .blockBytes())
                .isEqualTo(16769024);
    }

    @Test
    void localFormDiffersInTheS3FieldsOnlyAndTheyCanBePutBack() {
        AriaHeader local = HEADER.asLocal();
        assertThat(HEADER.differences(local))
                .extracting(HeaderDifference::field)
                .containsExactly(S3_BLOCK_SIZE);
        assertThat(local.withS3FieldsOf(HEADER)).isEqualTo(HEADER).hasSameHashCodeAs(HEADER);
    }

    @Test
    void differencesAreNamed() {
        byte[] bytes = HEADER.with(CHANGED, 0x1f9).with(KEY_ROOT, 2, -1).bytes();
        int definitions = (int) HEADER.get(BASE_POS) + 135;
        bytes[definitions + 20] ^= 1;
        AriaHeader other = parsed(bytes);
        assertThat(HEADER.differences(other))
                .extracting(HeaderDifference::toString)
                .satisfiesExactly(
                        first ->
                                assertThat(first)
                                        .startsWith("changed: NOT_OPTIMIZED_KEYS|")
                                        .endsWith("NOT_ZEROFILLED|NOT_MOVABLE"),
                        second ->
                                assertThat(second).startsWith("key_root[2]: ").endsWith(" -> none"),
                        third -> assertThat(third).startsWith("definitions of keys and columns: "));
    }

    @Test
    void headersOfOtherShapeDifferAsAWhole() {
        Fixture plain = Fixture.of("plain");
        AriaHeader other = plain.headerBefore(plain.table());
        assertThat(HEADER.differences(other))
                .extracting(HeaderDifference::name)
                .contains("keys", "key_parts", "state and definitions");
    }

    @Test
    void headersOfOtherLengthDifferInTheirDefinitions() {
        Fixture plain = Fixture.of("plain");
        Fixture wide = Fixture.of("wide");
        AriaHeader narrow = plain.headerBefore(plain.table());
        AriaHeader broad = wide.headerBefore(wide.table());
        assertThat(narrow.differences(broad))
                .extracting(HeaderDifference::name)
                .contains("header_length", "keystart", "definitions of keys and columns");
        assertThat(broad.differences(narrow)).hasSameSizeAs(narrow.differences(broad));
    }

    private static AriaHeader parsed(byte[] bytes) {
        try {
            return AriaHeader.parse(bytes, "test");
        } catch (DamagedTableException e) {
            throw new AssertionError(e);
        }
    }
}
