package aria.s3batch.s3block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import aria.s3batch.format.BlockName;
import aria.s3batch.format.Fixture;
import aria.s3batch.format.HeaderField;
import aria.s3batch.format.ObjectNames;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;
import aria.s3batch.s3block.FaultyObjectStore.Failure;
import aria.s3batch.s3block.FaultyObjectStore.Fault;
import aria.s3batch.s3block.TableCheck.Depth;
import aria.s3batch.s3block.TableCheck.Finding;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

final class TableCheckTest {
    private static final BlocksInFlight ONE = new BlocksInFlight(Runnable::run, 1, 1 << 20);

    private final Fixture plain = Fixture.of("plain");
    private final TableName table = plain.table();
    private final ObjectNames names = new ObjectNames(table);
    private final MemoryObjectStore store = LoadedFixture.before(plain);
    private final String secondBlock = names.block(new BlockName(TableFile.DATA, 2));

    private static TableCheck.Result check(ObjectStore store, TableName table) throws IOException {
        return TableCheck.run(store, table, ONE, Depth.PAGES, (_, _) -> {});
    }

    private List<String> damagedObjects() throws IOException {
        TableCheck.Result result = check(store, table);
        assertThat(result.isClean()).isFalse();
        assertThat(result.findingsTotal()).isEqualTo(result.findings().size());
        return result.findings().stream().map(Finding::object).distinct().toList();
    }

    private byte[] body(String key) throws IOException {
        return store.get(key).orElseThrow().body();
    }

    @ParameterizedTest
    @MethodSource("aria.s3batch.format.Fixture#names")
    void tablesAsMariaDbWroteThemAreClean(String name) throws IOException {
        Fixture fixture = Fixture.of(name);
        for (TableName unit : fixture.units()) {
            for (ObjectStore bucket :
                    List.of(LoadedFixture.before(fixture), LoadedFixture.after(fixture))) {
                TableCheck.Result result = check(bucket, unit);
                assertThat(result.findings()).isEmpty();
                assertThat(result.isClean()).isTrue();
                BaseTable base = BaseTable.read(bucket, unit);
                long dataPages =
                        base.header().fileLength(TableFile.DATA) / base.header().pageBytes();
                assertThat(result.pages()).isGreaterThanOrEqualTo(dataPages);
            }
        }
    }

    @Test
    void severalBlocksAtATimeGiveTheSameResultAndProgressCountsUp() throws IOException {
        LoadedFixture.replace(store, secondBlock, new byte[10]);
        List<Long> done = new ArrayList<>();
        try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
            TableCheck.Result result =
                    TableCheck.run(
                            store,
                            table,
                            new BlocksInFlight(threads, 3, 200 << 10),
                            Depth.PAGES,
                            (soFar, _) -> done.add(soFar));
            assertThat(result).isEqualTo(check(store, table));
        }
        assertThat(done).isSorted().doesNotHaveDuplicates().startsWith(1L);
    }

    @Test
    void missingBlockIsFound() throws IOException {
        store.delete(secondBlock, Condition.always());
        assertThat(damagedObjects()).containsExactly(secondBlock);
    }

    @Test
    void objectsThatAreTooLargeToBeReadAreFindings() throws IOException {
        for (String key : List.of(secondBlock, names.header())) {
            TableCheck.Result result = check(new OversizedObject(store, key), table);
            assertThat(result.findings()).extracting(Finding::object).containsExactly(key);
            assertThat(result.findings().getFirst().toString()).contains("is damaged", "more");
        }
    }

    @Test
    void shortAndLongBlocksAreFound() throws IOException {
        byte[] whole = body(secondBlock);
        LoadedFixture.replace(store, secondBlock, Arrays.copyOf(whole, whole.length - 8192));
        assertThat(damagedObjects()).containsExactly(secondBlock);
        LoadedFixture.replace(store, secondBlock, Arrays.copyOf(whole, whole.length + 8192));
        assertThat(damagedObjects()).containsExactly(secondBlock);
    }

    private TableCheck.Result listed(TableName unit) throws IOException {
        return TableCheck.run(store, unit, ONE, Depth.LISTING, (_, _) -> {});
    }

    @ParameterizedTest
    @MethodSource("aria.s3batch.format.Fixture#names")
    void listingOfATableAsMariaDbWroteItIsCleanAndNoBlockIsRead(String name) throws IOException {
        Fixture fixture = Fixture.of(name);
        for (TableName unit : fixture.units()) {
            var counting = new FaultyObjectStore(LoadedFixture.after(fixture));
            TableCheck.Result result =
                    TableCheck.run(counting, unit, ONE, Depth.LISTING, (_, _) -> {});
            assertThat(result.findings()).isEmpty();
            assertThat(result.pages()).isZero();
            assertThat(result.blocks()).isPositive();
            assertThat(counting.requests()).hasSize(3);
        }
    }

    @Test
    void listingShowsGapsStraysAndWrongLengths() throws IOException {
        byte[] whole = body(secondBlock);
        String stray = names.prefix() + "notes.txt";
        String third = names.block(new BlockName(TableFile.DATA, 3));
        LoadedFixture.replace(store, secondBlock, Arrays.copyOf(whole, whole.length - 8192));
        LoadedFixture.replace(store, stray, new byte[1]);
        store.delete(third, Condition.always());
        assertThat(listed(table).findings())
                .extracting(Finding::object)
                .containsExactly(secondBlock, third, stray);
        whole[8192 + 50] ^= 4;
        LoadedFixture.replace(store, secondBlock, whole);
        assertThat(listed(table).findings())
                .as("a flipped bit is for the whole check")
                .extracting(Finding::object)
                .containsExactly(third, stray);
    }

    @Test
    void gapIsOneFindingHoweverLongItIs() throws IOException {
        LoadedFixture.replace(
                store,
                names.header(),
                plain.headerBefore(table).with(HeaderField.DATA_FILE_LENGTH, 1L << 39).bytes());
        for (Depth depth : Depth.values()) {
            TableCheck.Result result = TableCheck.run(store, table, ONE, depth, (_, _) -> {});
            assertThat(result.findingsTotal()).isBetween(1L, 3L);
        }
    }

    @Test
    void tableThatIsReplacedMeanwhileIsNotCalledDamaged() throws IOException {
        var slow = new FaultyObjectStore(store);
        slow.before(
                1,
                FaultyObjectStore.on(FaultyObjectStore.Operation.GET, secondBlock),
                () -> {
                    LoadedFixture.replace(store, secondBlock, new byte[8192]);
                    LoadedFixture.replace(store, names.header(), plain.headerBefore(table).bytes());
                });
        assertThatThrownBy(() -> check(slow, table))
                .isInstanceOf(TableChangedException.class)
                .hasMessageContaining(names.header());
    }

    @Test
    void flippedBitIsFoundAndThePageNamed() throws IOException {
        byte[] bytes = body(secondBlock);
        bytes[2 * 8192 + 50] ^= 4;
        LoadedFixture.replace(store, secondBlock, bytes);
        assertThat(damagedObjects()).containsExactly(secondBlock);
        long page =
                plain.headerBefore(table).geometry("").firstPage(new BlockName(TableFile.DATA, 2));
        assertThat(check(store, table).findings().getFirst().what())
                .contains(String.valueOf(page + 2));
    }

    /** Free pages are not covered by a promise: a flipped bit in one harms nobody. */
    @Test
    void pageThatTheBitmapCallsEmptyMayHoldAnything() throws IOException {
        String firstBlock = names.block(new BlockName(TableFile.DATA, 1));
        for (int page : new int[] {3, 10}) {
            byte[] bitmap = body(firstBlock);
            int bit = 3 * (page - 1);
            for (int i = bit; i < bit + 3; i++) {
                bitmap[i / 8] &= (byte) ~(1 << i % 8);
            }
            bitmap[8188] = (byte) 0xfe; // "no checksum"
            bitmap[8189] = bitmap[8190] = bitmap[8191] = (byte) 0xff;
            LoadedFixture.replace(store, firstBlock, bitmap);
            String key = names.block(new BlockName(TableFile.DATA, page / 8 + 1));
            byte[] bytes = body(key);
            bytes[page % 8 * 8192 + 100] ^= 1;
            LoadedFixture.replace(store, key, bytes);
            assertThat(check(store, table).findings()).isEmpty();
        }
        byte[] bytes = body(firstBlock);
        bytes[0] ^= 1;
        bytes[8188] = 0; // now the bitmap is damaged itself, and excuses nothing
        LoadedFixture.replace(store, firstBlock, bytes);
        assertThat(check(store, table).findings()).hasSize(3);
    }

    @Test
    void surplusBlocksAndStrangersAreFound() throws IOException {
        String surplus = names.block(new BlockName(TableFile.DATA, 99));
        LoadedFixture.replace(store, surplus, new byte[1]);
        LoadedFixture.replace(store, names.prefix() + "data/1", new byte[1]);
        LoadedFixture.replace(store, names.prefix() + "notes.txt", new byte[1]);
        assertThat(damagedObjects())
                .containsExactly(surplus, names.prefix() + "data/1", names.prefix() + "notes.txt");
    }

    @Test
    void missingHeaderOrDefinitionIsFound() throws IOException {
        store.delete(names.frm(), Condition.always());
        assertThat(damagedObjects()).containsExactly(names.frm());
        store.delete(names.header(), Condition.always());
        assertThat(damagedObjects()).containsExactly(names.header(), names.frm());
    }

    @Test
    void stateThatMakesServersHangOrRepairIsFound() throws IOException {
        LoadedFixture.replace(
                store,
                names.header(),
                plain.headerBefore(table)
                        .with(HeaderField.OPEN_COUNT, 1)
                        .with(HeaderField.CHANGED, 2)
                        .bytes());
        assertThat(damagedObjects()).containsExactly(names.header());
        assertThat(check(store, table).findings())
                .extracting(Finding::what)
                .anyMatch(what -> what.contains("open_count"))
                .anyMatch(what -> what.contains("CRASHED"));
    }

    @Test
    void brokenHeaderIsAFindingNotAnError() throws IOException {
        byte[] header = body(names.header());
        header[0] = 0;
        LoadedFixture.replace(store, names.header(), header);
        assertThat(damagedObjects()).containsExactly(names.header());
    }

    @Test
    void halfAppliedBatchIsFound() throws IOException {
        plain.after()
                .forEach(
                        (key, after) -> {
                            if (key.contains("/data/")) {
                                LoadedFixture.replace(store, key, Arrays.copyOf(after, 8192));
                            }
                        });
        assertThat(damagedObjects()).isNotEmpty();
    }

    @Test
    void storeThatFailsIsAnErrorNotAFinding() {
        var faulty = new FaultyObjectStore(store);
        faulty.fail(
                Fault.once(
                        FaultyObjectStore.on(FaultyObjectStore.Operation.GET, secondBlock),
                        Failure.SERVER_ERROR));
        assertThatThrownBy(() -> check(faulty, table))
                .isInstanceOf(StoreUnreachableException.class);
    }

    @Test
    void tableThatIsNotThereIsNotDamaged() {
        assertThatThrownBy(() -> check(store, new TableName("fx_shared", "nothing")))
                .isInstanceOf(NoSuchTableException.class);
    }
}
