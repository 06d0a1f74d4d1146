package aria.s3batch.s3block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import aria.s3batch.format.BatchId;
import aria.s3batch.format.Fixture;
import aria.s3batch.format.FrmImage;
import aria.s3batch.format.ObjectNames;
import aria.s3batch.format.TableName;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** A table whose frm and aria are away because a batch is applied to it. */
final class FenceCopiesTest {
    private static final BatchId BATCH = BatchId.of(1_700_000_000_000L, 1, 2);

    /** A bucket with the table behind the fence of the batch. */
    private static MemoryObjectStore fenced(Fixture fixture) throws IOException {
        MemoryObjectStore store = LoadedFixture.before(fixture);
        move(store, new ObjectNames(fixture.table()).frm());
        for (TableName unit : fixture.units()) {
            move(store, new ObjectNames(unit).header());
        }
        return store;
    }

    private static void move(MemoryObjectStore store, String key) throws IOException {
        byte[] body = store.get(key).orElseThrow().body();
        LoadedFixture.replace(store, FenceCopies.key(BATCH, key), body);
        store.delete(key, Condition.always());
    }

    private static void assertFenced(TableName table, Call call) {
        assertThatThrownBy(call::run)
                .isInstanceOf(FencedTableException.class)
                .hasMessageContaining(table.display())
                .hasMessageContaining("fence of batch " + BATCH)
                .hasMessageContaining("_aria_s3_batch/fence/" + BATCH);
    }

    private interface Call {
        void run() throws IOException;
    }

    @ParameterizedTest
    @ValueSource(strings = {"plain", "part"})
    void fencedTableIsNoMissingTable(String name) throws IOException {
        Fixture fixture = Fixture.of(name);
        MemoryObjectStore store = fenced(fixture);
        for (TableName unit : fixture.units()) {
            assertFenced(unit, () -> BaseTable.read(store, unit));
            assertFenced(unit, () -> check(store, unit));
        }
        if (fixture.units().size() == 1) {
            assertFenced(fixture.table(), () -> Partitions.expand(store, fixture.table()));
        } else {
            assertThat(Partitions.expand(store, fixture.table())).isEqualTo(fixture.units());
        }
    }

    private static TableCheck.Result check(ObjectStore store, TableName table) throws IOException {
        return TableCheck.run(
                store,
                table,
                new BlocksInFlight(Runnable::run, 1, 1 << 20),
                TableCheck.Depth.PAGES,
                (done, total) -> {});
    }

    /** The first half of a fence, and the last: servers do not find the table, its blocks may be read. */
    @Test
    void tableWithoutItsDefinitionIsFencedToo() throws IOException {
        Fixture plain = Fixture.of("plain");
        MemoryObjectStore store = LoadedFixture.before(plain);
        move(store, new ObjectNames(plain.table()).frm());
        assertFenced(plain.table(), () -> BaseTable.read(store, plain.table()));
        assertFenced(plain.table(), () -> check(store, plain.table()));
    }

    @Test
    void fenceOfAnotherTableSaysNothing() throws IOException {
        MemoryObjectStore store = fenced(Fixture.of("plain"));
        var other = new TableName("fx_shared", "nothing");
        assertThatThrownBy(() -> BaseTable.read(store, other))
                .isInstanceOf(NoSuchTableException.class);
        assertThatThrownBy(() -> check(store, other)).isInstanceOf(NoSuchTableException.class);
    }

    /** A batch that ends deletes its copies last: they say nothing of a table that is there. */
    @Test
    void copiesOfATableThatIsThereHinderNobody() throws IOException {
        Fixture plain = Fixture.of("plain");
        MemoryObjectStore store = LoadedFixture.before(plain);
        String frm = new ObjectNames(plain.table()).frm();
        LoadedFixture.replace(
                store, FenceCopies.key(BATCH, frm), store.get(frm).orElseThrow().body());
        assertThat(BaseTable.read(store, plain.table())).isNotNull();
        assertThat(check(store, plain.table()).isClean()).isTrue();
    }

    /** Partitions share their definition: it is read once, so that all have the same. */
    @Test
    void definitionOfPartitionsIsReadOnce() throws IOException {
        Fixture part = Fixture.of("part");
        var counted = new FaultyObjectStore(LoadedFixture.before(part));
        List<BaseTable> bases = BaseTable.readAll(counted, part.units());
        assertThat(bases).extracting(BaseTable::table).isEqualTo(part.units());
        assertThat(counted.requests()).hasSize(part.units().size() + 1);
        assertThat(bases.getFirst().frm()).isSameAs(bases.getLast().frm());
    }

    /** The header was missed, and then the batch was done: before its copies were looked for. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void tableWhoseFenceComesDownMeanwhileIsNoMissingTable(int look) throws IOException {
        Fixture fixture = Fixture.of("plain");
        String header = new ObjectNames(fixture.table()).header();
        var bucket = new MemoryObjectStore();
        var store =
                new FaultyObjectStore(bucket)
                        .before(
                                look,
                                FaultyObjectStore.any(FaultyObjectStore.Operation.LIST),
                                () -> LoadedFixture.replace(bucket, header, new byte[0]));
        assertThatThrownBy(() -> Partitions.expand(store, fixture.table()))
                .isInstanceOf(FencedTableException.class)
                .hasMessageContaining(header)
                .hasMessageContaining("Try again");
    }

    @ParameterizedTest
    @ValueSource(strings = {"plain", "part"})
    void fenceOfALostBatchIsLoweredHeadersFirstAndItsCopiesAreGone(String name) throws IOException {
        Fixture fixture = Fixture.of(name);
        MemoryObjectStore before = LoadedFixture.before(fixture);
        var store = new FaultyObjectStore(fenced(fixture));
        assertThat(FenceCopies.lower(store, BATCH, fixture.units().getLast())).isTrue();
        String frm = new ObjectNames(fixture.table()).frm();
        List<String> puts =
                store.requests().stream()
                        .filter(request -> request.operation() == FaultyObjectStore.Operation.PUT)
                        .map(FaultyObjectStore.Request::key)
                        .toList();
        assertThat(puts).hasSize(fixture.units().size() + 1).endsWith(frm);
        for (String key : puts.subList(0, puts.size() - 1)) {
            assertThat(store.get(key).orElseThrow().body())
                    .isEqualTo(before.get(key).orElseThrow().body());
        }
        FrmImage reopened = FrmImage.parse(store.get(frm).orElseThrow().body(), frm);
        FrmImage original = FrmImage.parse(before.get(frm).orElseThrow().body(), frm);
        assertThat(reopened.version()).isNotEqualTo(original.version());
        assertThat(reopened.withVersion(original.version()).bytes()).isEqualTo(original.bytes());
        assertThat(FenceCopies.exist(store, BATCH)).isFalse();
        assertThat(FenceCopies.lower(store, BATCH, fixture.table())).isFalse();
    }

    /** It is the batch's new one, and the copy does not fit the blocks any more. */
    @Test
    void headerThatIsThereIsNotReplacedByItsCopy() throws IOException {
        Fixture plain = Fixture.of("plain");
        MemoryObjectStore store = fenced(plain);
        String header = new ObjectNames(plain.table()).header();
        byte[] written = "new header".getBytes(StandardCharsets.US_ASCII);
        LoadedFixture.replace(store, header, written);
        assertThat(FenceCopies.lower(store, BATCH, plain.table())).isTrue();
        assertThat(store.get(header).orElseThrow().body()).isEqualTo(written);
        assertThat(store.head(new ObjectNames(plain.table()).frm())).isPresent();
    }

    @Test
    void fenceOfAnotherTableOfTheBatchStaysUp() throws IOException {
        Fixture plain = Fixture.of("plain");
        MemoryObjectStore store = fenced(plain);
        var other = new TableName(plain.table().database(), plain.table().table() + "2");
        assertThat(FenceCopies.lower(store, BATCH, other)).isFalse();
        assertFenced(plain.table(), () -> BaseTable.read(store, plain.table()));
    }
}
