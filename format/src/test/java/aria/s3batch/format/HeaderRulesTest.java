package aria.s3batch.format;

import static aria.s3batch.format.HeaderField.*;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.List;

class HeaderRulesTest {
    private static final Fixture IDX = Fixture.of("idx");
    private static final AriaHeader BASE = IDX.headerBefore(IDX.table());
    private static final AriaHeader STAGED = IDX.localHeaderAfter(IDX.table());

    @Test
    void everyBatchOfTheFixturesMayBeCommitted() {
        for (Fixture fixture : Fixture.all()) {
            for (TableName unit : fixture.units()) {
                AriaHeader base = fixture.headerBefore(unit);
                assertThat(HeaderRules.unsupported(base)).isEmpty();
                assertThat(HeaderRules.refusals(base, base)).isEmpty();
                assertThat(HeaderRules.refusals(base, fixture.localHeaderAfter(unit))).isEmpty();
                assertThat(
                                HeaderRules.refusals(
                                        base, fixture.localHeaderAfter(unit).withS3FieldsOf(base)))
                        .isEmpty();
            }
        }
    }

    /** Field by field: nothing that stays may change, whatever it is. */
    @ParameterizedTest
    @EnumSource(HeaderField.class)
    void fieldThatMustStayIsRefusedWithItsName(HeaderField field) {
        if (field.rule() != Rule.MUST_STAY || field.shapesHeader()) {
            return;
        }
        AriaHeader changed = STAGED.with(field, 0, STAGED.get(field, 0) ^ 4);
        List<String> refusals = HeaderRules.refusals(BASE, changed);
        assertThat(refusals).hasSize(1);
        if (field != BORN_TRANSACTIONAL) {
            assertThat(refusals.getFirst())
                    .contains(field.fieldName())
                    .contains("in S3 " + BASE.words(field, 0));
        }
    }

    @Test
    void openTableIsRefusedAndSentToFlushTables() {
        assertThat(HeaderRules.refusals(BASE, STAGED.with(OPEN_COUNT, 1)))
                .singleElement()
                .asString()
                .contains("open_count 1", "FLUSH TABLES", "not FOR EXPORT");
    }

    @ParameterizedTest
    @EnumSource(
            value = StateFlag.class,
            names = {"CRASHED", "CRASHED_ON_REPAIR", "IN_REPAIR", "CRASHED_PRINTED"})
    void damagedTableIsRefused(StateFlag flag) throws DamagedTableException {
        int bit =
                flag == StateFlag.CRASHED
                        ? 2
                        : flag == StateFlag.CRASHED_ON_REPAIR
                                ? 4
                                : flag == StateFlag.IN_REPAIR ? 1024 : 2048;
        assertThat(HeaderRules.refusals(BASE, STAGED.with(CHANGED, 0x1f9 | bit)))
                .singleElement()
                .asString()
                .contains("(" + flag.name() + ")", "REPAIR TABLE");
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 0x1b0, 0x1b9, 0x1f9, 512, 4096})
    void otherFlagsAreHarmless(int changed) {
        assertThat(HeaderRules.refusals(BASE, STAGED.with(CHANGED, changed))).isEmpty();
    }

    @Test
    void headerOfAnotherTableIsOneRefusal() {
        Fixture plain = Fixture.of("plain");
        assertThat(HeaderRules.refusals(BASE, plain.localHeaderAfter(plain.table())))
                .singleElement()
                .asString()
                .contains("another table", "keys is 1, in S3 5");
        Fixture wide = Fixture.of("wide");
        assertThat(
                        HeaderRules.refusals(
                                plain.headerBefore(plain.table()),
                                wide.localHeaderAfter(wide.table())))
                .singleElement()
                .asString()
                .contains("another table", "and ");
    }

    @Test
    void changedColumnDefinitionIsRefused() throws DamagedTableException {
        byte[] bytes = STAGED.bytes();
        bytes[(int) STAGED.get(HEADER_LENGTH) - 50] ^= 1;
        assertThat(HeaderRules.refusals(BASE, AriaHeader.parse(bytes, "staged")))
                .singleElement()
                .asString()
                .contains("definitions of keys and columns");
    }

    @Test
    void disabledKeysAreRefusedUntilEnabled() {
        AriaHeader disabled = STAGED.with(KEY_MAP, 0x1d);
        assertThat(HeaderRules.refusals(BASE, disabled))
                .singleElement()
                .asString()
                .contains("key_map 0x1d of 0x1f", "ENABLE KEYS");
        assertThat(HeaderRules.refusals(BASE.with(KEY_MAP, 0x1d), STAGED)).isEmpty();
        assertThat(HeaderRules.refusals(BASE.with(KEY_MAP, 0x1d), disabled)).isEmpty();
    }

    @Test
    void localTableThatNoServerHasOpenMayBePublishedAndNoOther() {
        for (Fixture fixture : Fixture.all()) {
            for (TableName unit : fixture.units()) {
                assertThat(HeaderRules.unpublishable(fixture.localHeaderAfter(unit))).isEmpty();
            }
        }
        assertThat(HeaderRules.unpublishable(STAGED.with(OPEN_COUNT, 1)))
                .singleElement()
                .asString()
                .contains("open_count 1", "push it again");
        assertThat(HeaderRules.unpublishable(STAGED.with(CHANGED, 2))).hasSize(1);
        assertThat(HeaderRules.unpublishable(STAGED.with(KEY_MAP, 0))).hasSize(1);
        assertThat(HeaderRules.unpublishable(STAGED.with(DATA_FILE_LENGTH, 1))).hasSize(1);
        assertThat(HeaderRules.unpublishable(STAGED.with(BORN_TRANSACTIONAL, 1)))
                .singleElement()
                .asString()
                .contains("TRANSACTIONAL=0");
    }

    @ParameterizedTest
    @ValueSource(longs = {0, -8192, 8191, 8193, 1L << 62, Long.MIN_VALUE})
    void impossibleDataLengthIsRefused(long length) {
        assertThat(HeaderRules.refusals(BASE, STAGED.with(DATA_FILE_LENGTH, length)))
                .singleElement()
                .asString()
                .contains("the data file " + length + " bytes");
    }

    @ParameterizedTest
    @ValueSource(longs = {0, -8192, 270337})
    void impossibleIndexLengthIsRefused(long length) {
        assertThat(HeaderRules.refusals(BASE, STAGED.with(KEY_FILE_LENGTH, length)))
                .anySatisfy(
                        text -> assertThat(text).contains("the index file " + length + " bytes"));
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 8193, 270336, -2})
    void keyRootOutsideTheIndexFileIsRefused(long root) {
        assertThat(HeaderRules.refusals(BASE, STAGED.with(KEY_ROOT, 3, root)))
                .singleElement()
                .asString()
                .contains("key_root[3] at byte " + root, "of 270336 bytes");
    }

    @Test
    void tablesThatS3CannotHoldAreUnsupported() {
        AriaHeader transactional = BASE.with(BORN_TRANSACTIONAL, 1);
        AriaHeader encrypted = BASE.with(EXTRA_OPTIONS, 1);
        AriaHeader dynamic = BASE.with(DATA_FILE_TYPE, 2);
        assertThat(HeaderRules.unsupported(transactional))
                .singleElement()
                .asString()
                .contains("TRANSACTIONAL=0");
        assertThat(HeaderRules.unsupported(encrypted))
                .singleElement()
                .asString()
                .contains("encrypted");
        assertThat(HeaderRules.unsupported(dynamic))
                .singleElement()
                .asString()
                .contains("ROW_FORMAT=PAGE");
        assertThat(HeaderRules.refusals(BASE, encrypted))
                .isEqualTo(HeaderRules.unsupported(encrypted));
    }

    /** They give the table other pages, not another definition. */
    @Test
    void repairAnalyzeAndOptimizeMayBeCommitted() {
        AriaHeader repaired =
                STAGED.with(CREATE_TRID, 5)
                        .with(VERSION, 1)
                        .with(RECOVER_TIME, 2)
                        .with(CHECK_TIME, 3)
                        .with(RECORDS_AT_ANALYZE, 4)
                        .with(NULLS_PER_KEY, 1, 6);
        assertThat(HeaderRules.refusals(BASE, repaired)).isEmpty();
    }
}
