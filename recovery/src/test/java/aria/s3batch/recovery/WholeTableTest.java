package aria.s3batch.recovery;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import aria.s3batch.format.AriaHeader;
import aria.s3batch.format.BatchId;
import aria.s3batch.format.DamagedTableException;
import aria.s3batch.format.Fixture;
import aria.s3batch.format.FrmImage;
import aria.s3batch.format.ObjectNames;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;
import aria.s3batch.s3block.BatchLocks;
import aria.s3batch.s3block.BlocksInFlight;
import aria.s3batch.s3block.Condition;
import aria.s3batch.s3block.FaultyObjectStore;
import aria.s3batch.s3block.LoadedFixture;
import aria.s3batch.s3block.LockOwner;
import aria.s3batch.s3block.MemoryObjectStore;
import aria.s3batch.s3block.ObjectStore;
import aria.s3batch.s3block.TableLocks;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

final class WholeTableTest {
    private static final BlocksInFlight ONE = new BlocksInFlight(Runnable::run, 1, 1 << 20);
    private static final LockOwner OWNER = new LockOwner("0123456789abcdef", "db7", 812, "boot");
    private static final Duration FENCE_WAIT = Duration.ofMillis(700);
    private static final WholeTable.Progress SILENT =
            new WholeTable.Progress() {
                @Override
                public void verified(long bytes, long total) {}

                @Override
                public void written(long bytes, long total) {}

                @Override
                public void deleted(long objects, long total) {}
            };

    private Duration paused = Duration.ZERO;

    /** The local files of a fixture after its batch. */
    private static class Local implements WholeTable.Source {
        private final Fixture fixture;

        Local(Fixture fixture) {
            this.fixture = fixture;
        }

        @Override
        public byte[] read(TableName unit, TableFile file, long offset, int length)
                throws IOException {
            byte[] content = fixture.local(unit, file, true);
            return Arrays.copyOfRange(content, (int) offset, (int) offset + length);
        }

        @Override
        public String inWords(TableName unit, TableFile file) {
            return "/db/" + unit.table() + "." + file.extension();
        }

        @Override
        public void requireUnchanged() throws IOException {}
    }

    private static AriaHeader header(Fixture fixture, TableName unit) {
        return fixture.localHeaderAfter(unit).withS3FieldsOf(fixture.headerBefore(unit));
    }

    private static WholeTable.Upload upload(Fixture fixture, WholeTable.Source source)
            throws DamagedTableException {
        var names = new ObjectNames(fixture.table());
        byte[] version = new byte[FrmImage.VERSION_BYTES];
        Arrays.fill(version, (byte) 0x77);
        byte[] frm = fixture.before(names.frm());
        return new WholeTable.Upload(
                FrmImage.parse(frm, names.frm()).withVersion(version).bytes(),
                Optional.ofNullable(fixture.before().get(names.par())),
                fixture.units().stream()
                        .map(unit -> new WholeTable.Unit(unit, header(fixture, unit)))
                        .toList(),
                source);
    }

    /** What must be in the bucket in the end. */
    private static SortedMap<String, byte[]> expected(Fixture fixture)
            throws DamagedTableException {
        var names = new ObjectNames(fixture.table());
        WholeTable.Upload upload = upload(fixture, new Local(fixture));
        SortedMap<String, byte[]> objects = new TreeMap<>();
        objects.put(names.frm(), upload.frm());
        upload.par().ifPresent(par -> objects.put(names.par(), par));
        for (TableName unit : fixture.units()) {
            objects.putAll(
                    Fixture.cut(
                            unit,
                            header(fixture, unit),
                            fixture.local(unit, TableFile.INDEX, true),
                            fixture.local(unit, TableFile.DATA, true)));
        }
        return objects;
    }

    private interface Work {
        void on(WholeTable table) throws IOException;
    }

    /** As a command does it; a process that is killed releases nothing. */
    private void run(ObjectStore store, TableName table, Work work) throws IOException {
        var locks =
                new TableLocks(
                        store, OWNER, Duration.ofSeconds(30), () -> 0, InstantSource.system());
        BatchLocks held = locks.acquire(BatchId.of(1, 2, 3), List.of(table));
        try {
            work.on(
                    new WholeTable(
                            store,
                            held,
                            table,
                            ONE,
                            FenceWait.of(FENCE_WAIT),
                            pause -> paused = paused.plus(pause)));
        } catch (IOException e) {
            held.release();
            throw e;
        }
        held.release();
    }

    private void put(ObjectStore store, Fixture fixture, WholeTable.Source source)
            throws IOException {
        WholeTable.Upload upload = upload(fixture, source);
        run(store, fixture.table(), table -> table.put(upload, table.look(), SILENT));
    }

    private void remove(ObjectStore store, Fixture fixture) throws IOException {
        run(store, fixture.table(), table -> table.remove(table.look(), SILENT));
    }

    private static SortedMap<String, byte[]> objects(ObjectStore store) throws IOException {
        SortedMap<String, byte[]> objects = new TreeMap<>();
        List<String> keys = new ArrayList<>();
        store.list("", object -> keys.add(object.key()));
        for (String key : keys) {
            objects.put(key, store.get(key).orElseThrow().body());
        }
        return objects;
    }

    private static void assertSame(Map<String, byte[]> found, Map<String, byte[]> expected) {
        assertThat(found.keySet()).isEqualTo(expected.keySet());
        found.forEach((key, body) -> assertThat(body).as(key).isEqualTo(expected.get(key)));
    }

    /** A server that finds the table finds all of it, of one kind. */
    private static void assertWholeOrNotReadable(
            ObjectStore store, Fixture fixture, Map<String, byte[]> before) throws IOException {
        SortedMap<String, byte[]> found = objects(store);
        boolean frm = found.containsKey(new ObjectNames(fixture.table()).frm());
        boolean headers =
                fixture.units().stream()
                        .allMatch(unit -> found.containsKey(new ObjectNames(unit).header()));
        if (frm) {
            assertThat(headers).as("A5").isTrue();
        }
        boolean anyHeader =
                fixture.units().stream()
                        .anyMatch(unit -> found.containsKey(new ObjectNames(unit).header()));
        if (!anyHeader) {
            return;
        }
        Map<String, byte[]> after = expected(fixture);
        assertThat(isWhole(found, before) || isWhole(found, after)).isTrue();
    }

    /** Whether every block is as wanted, and the headers and the definition that are there. */
    private static boolean isWhole(Map<String, byte[]> found, Map<String, byte[]> wanted) {
        for (Map.Entry<String, byte[]> object : wanted.entrySet()) {
            String key = object.getKey();
            byte[] body = found.get(key);
            boolean mayBeMissing = key.endsWith("/frm") || key.endsWith("/aria");
            if (body == null ? !mayBeMissing : !Arrays.equals(body, object.getValue())) {
                return false;
            }
        }
        return !wanted.isEmpty();
    }

    // ---- what is put ------------------------------------------------------------------------

    @ParameterizedTest
    @MethodSource("aria.s3batch.format.Fixture#names")
    void newTableIsWhatTheServerItselfWrites(String name) throws IOException {
        Fixture fixture = Fixture.of(name);
        var bucket = new MemoryObjectStore();
        put(bucket, fixture, new Local(fixture));
        assertSame(objects(bucket), expected(fixture));
        assertThat(paused).as("one that was there may be read still").isEqualTo(FENCE_WAIT);
    }

    @ParameterizedTest
    @MethodSource("aria.s3batch.format.Fixture#names")
    void replacedTableIsTheNewOneAndNothingElse(String name) throws IOException {
        Fixture fixture = Fixture.of(name);
        MemoryObjectStore bucket = LoadedFixture.before(fixture);
        put(new FrmNeverAlone(bucket, true), fixture, new Local(fixture));
        assertSame(objects(bucket), expected(fixture));
        assertThat(paused).as("statements are waited for").isEqualTo(FENCE_WAIT);
    }

    @Test
    void tableInOtherBlocksLeavesNoneOfTheOld() throws IOException {
        Fixture fixture = Fixture.of("plain");
        TableName table = fixture.table();
        MemoryObjectStore bucket = LoadedFixture.before(fixture);
        WholeTable.Upload same = upload(fixture, new Local(fixture));
        AriaHeader header = same.units().getFirst().header().withS3Fields(1 << 20, true);
        var upload =
                new WholeTable.Upload(
                        same.frm(),
                        Optional.empty(),
                        List.of(new WholeTable.Unit(table, header)),
                        same.source());
        run(bucket, table, whole -> whole.put(upload, whole.look(), SILENT));
        SortedMap<String, byte[]> objects = objects(bucket);
        assertThat(objects).hasSizeLessThan(fixture.before().size());
        for (TableFile file : TableFile.values()) {
            assertThat(Fixture.assemble(table, file, objects))
                    .isEqualTo(fixture.local(table, file, true));
        }
    }

    /** They had opened the table before a push that was killed, or a drop, took it away. */
    @Test
    void statementsAreWaitedForThoughNothingIsThereAnyMore() throws IOException {
        Fixture plain = Fixture.of("plain");
        MemoryObjectStore store = LoadedFixture.before(plain);
        remove(store, plain);
        paused = Duration.ZERO;
        put(store, plain, new Local(plain));
        assertThat(paused).isGreaterThanOrEqualTo(FENCE_WAIT);
    }

    @Test
    void plainTableInPlaceOfAPartitionedOneLeavesNoPartition() throws IOException {
        Fixture part = Fixture.of("part");
        Fixture plain = Fixture.of("plain");
        MemoryObjectStore bucket = new MemoryObjectStore();
        String from = part.table().path();
        String to = plain.table().path();
        part.before()
                .forEach(
                        (key, body) ->
                                LoadedFixture.replace(
                                        bucket, key.replaceFirst("^" + from, to), body));
        put(bucket, plain, new Local(plain));
        assertSame(objects(bucket), expected(plain));
    }

    // ---- kills and failures -----------------------------------------------------------------

    /** A table that becomes shorter, one with partitions. */
    enum Case {
        NEW("plain", false),
        SHRUNK("trunc", true),
        GROWN("blobs", true),
        PARTITIONED("part", true);

        private final String name;
        private final boolean replaced;

        Case(String name, boolean replaced) {
            this.name = name;
            this.replaced = replaced;
        }

        Fixture fixture() {
            return Fixture.of(name);
        }

        MemoryObjectStore bucket() {
            return replaced ? LoadedFixture.before(fixture()) : new MemoryObjectStore();
        }
    }

    private List<Steps.Point> points(Case of) throws IOException {
        Fixture fixture = of.fixture();
        Steps steps = Steps.never();
        put(steps.over(of.bucket()), fixture, new Local(fixture));
        return steps.points();
    }

    @ParameterizedTest
    @EnumSource(Case.class)
    void killAnywhereLeavesNoHalfTableAndTheNextPutEndsIt(Case of) throws IOException {
        Fixture fixture = of.fixture();
        for (int step : Steps.kills(points(of))) {
            MemoryObjectStore bucket = of.bucket();
            Map<String, byte[]> before = objects(bucket);
            Steps steps = Steps.killAt(step);
            ObjectStore looked = new FrmNeverAlone(bucket, true);
            try {
                put(steps.over(looked), fixture, new Local(fixture));
            } catch (Steps.Killed expected) {
                assertThat(expected).hasMessageContaining("killed");
            }
            assertWholeOrNotReadable(bucket, fixture, before);
            put(looked, fixture, new Local(fixture));
            assertSame(objects(bucket), expected(fixture));
        }
    }

    @ParameterizedTest
    @EnumSource(Case.class)
    void failureAnywhereIsOvercomeOrSaidAndTheNextPutEndsIt(Case of) throws IOException {
        Fixture fixture = of.fixture();
        List<Steps.Point> points = points(of);
        int overcome = 0;
        for (int step = 0; step < points.size(); step++) {
            for (Steps.Fault fault : points.get(step).failures()) {
                MemoryObjectStore bucket = of.bucket();
                Map<String, byte[]> before = objects(bucket);
                Steps steps = Steps.fail(step, fault);
                try {
                    put(steps.over(new FrmNeverAlone(bucket, true)), fixture, new Local(fixture));
                    overcome++;
                } catch (IOException said) {
                    assertWholeOrNotReadable(bucket, fixture, before);
                    put(bucket, fixture, new Local(fixture));
                }
                SortedMap<String, byte[]> found = objects(bucket);
                found.keySet().removeIf(key -> key.startsWith("_aria_s3_batch/"));
                assertSame(found, expected(fixture));
            }
        }
        assertThat(overcome).as("of %d", points.size()).isGreaterThan(points.size());
    }

    // ---- what must not be put ---------------------------------------------------------------

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void damagedPageIsFoundBeforeAnythingOfTheOldTableIsTouched(boolean replaced)
            throws IOException {
        Fixture fixture = Fixture.of("plain");
        MemoryObjectStore bucket =
                replaced ? LoadedFixture.before(fixture) : new MemoryObjectStore();
        SortedMap<String, byte[]> before = objects(bucket);
        long length = fixture.local(fixture.table(), TableFile.DATA, true).length;
        var damaged =
                new Local(fixture) {
                    @Override
                    public byte[] read(TableName unit, TableFile file, long offset, int bytes)
                            throws IOException {
                        byte[] pages = super.read(unit, file, offset, bytes);
                        if (file == TableFile.DATA && offset + bytes == length) {
                            pages[100] ^= 1;
                        }
                        return pages;
                    }
                };
        assertThatThrownBy(() -> put(bucket, fixture, damaged))
                .isInstanceOf(DamagedTableException.class)
                .hasMessageContaining("/db/plain.MAD is damaged")
                .hasMessageContaining("data page");
        if (replaced) {
            assertSame(objects(bucket), before);
        } else {
            assertThat(objects(bucket).keySet()).noneMatch(key -> key.matches(".*/(frm|aria)"));
        }
    }

    @Test
    void filesThatSomebodyWritesMeanwhileAreNotPublished() throws IOException {
        Fixture fixture = Fixture.of("plain");
        var bucket = new MemoryObjectStore();
        var changing =
                new Local(fixture) {
                    @Override
                    public void requireUnchanged() throws IOException {
                        throw new IOException("plain.MAD changed");
                    }
                };
        assertThatThrownBy(() -> put(bucket, fixture, changing)).hasMessage("plain.MAD changed");
        assertThat(objects(bucket).keySet()).noneMatch(key -> key.matches(".*/(frm|aria)"));
    }

    @Test
    void whoeverWritesTheTableAtTheSameTimeKeepsHisOwn() throws IOException {
        Fixture fixture = Fixture.of("plain");
        for (String key : expected(fixture).keySet()) {
            MemoryObjectStore bucket = LoadedFixture.before(fixture);
            byte[] foreign = {1, 2, 3};
            var store = new FaultyObjectStore(bucket);
            store.before(
                    1,
                    FaultyObjectStore.on(FaultyObjectStore.Operation.PUT, key),
                    () -> LoadedFixture.replace(bucket, key, foreign));
            assertThatThrownBy(() -> put(store, fixture, new Local(fixture)))
                    .isInstanceOf(BaseChangedException.class)
                    .hasMessageContaining(key);
            assertThat(bucket.get(key).orElseThrow().body()).isEqualTo(foreign);
        }
    }

    // ---- removing ---------------------------------------------------------------------------

    private static MemoryObjectStore withNeighbours(Fixture fixture) {
        MemoryObjectStore bucket = LoadedFixture.before(fixture);
        String path = fixture.table().path();
        for (String key :
                List.of(
                        path + "2/aria",
                        path + "2#P#p0/aria",
                        path.toUpperCase(Locale.ROOT) + "/frm",
                        "other/" + fixture.table().table() + "/frm",
                        "_aria_s3_batch/fence/x/" + path + "/frm")) {
            LoadedFixture.replace(bucket, key, new byte[1]);
        }
        return bucket;
    }

    @ParameterizedTest
    @ValueSource(strings = {"plain", "part", "zlib"})
    void removedTableIsGoneAndNothingElseIs(String name) throws IOException {
        Fixture fixture = Fixture.of(name);
        MemoryObjectStore bucket = withNeighbours(fixture);
        LoadedFixture.replace(bucket, fixture.table().path() + "/notes.txt", new byte[1]);
        remove(new FrmNeverAlone(bucket, true), fixture);
        Map<String, byte[]> neighbours = objects(withNeighbours(fixture));
        fixture.before().keySet().forEach(neighbours::remove);
        assertSame(objects(bucket), neighbours);
        assertThat(neighbours).hasSize(5);
    }

    @ParameterizedTest
    @ValueSource(strings = {"plain", "part"})
    void killedRemovalLeavesNoTableAndTheNextEndsIt(String name) throws IOException {
        Fixture fixture = Fixture.of(name);
        Steps counting = Steps.never();
        remove(counting.over(withNeighbours(fixture)), fixture);
        for (int step : Steps.kills(counting.points())) {
            MemoryObjectStore bucket = withNeighbours(fixture);
            Steps steps = Steps.killAt(step);
            try {
                remove(steps.over(new FrmNeverAlone(bucket, true)), fixture);
            } catch (Steps.Killed expected) {
                assertThat(expected).hasMessageContaining("killed");
            }
            assertWholeOrNotReadable(bucket, fixture, fixture.before());
            remove(bucket, fixture);
            assertThat(objects(bucket)).hasSize(5);
        }
    }

    @Test
    void objectThatSomebodyWritesMeanwhileIsNotRemoved() throws IOException {
        Fixture fixture = Fixture.of("plain");
        MemoryObjectStore bucket = LoadedFixture.before(fixture);
        String key = new ObjectNames(fixture.table()).header();
        var store = new FaultyObjectStore(bucket);
        store.before(
                1,
                FaultyObjectStore.on(FaultyObjectStore.Operation.DELETE, key),
                () -> LoadedFixture.replace(bucket, key, new byte[1]));
        assertThatThrownBy(() -> remove(store, fixture)).isInstanceOf(BaseChangedException.class);
        assertThat(bucket.head(key)).isPresent();
        bucket.delete(key, Condition.always());
    }

    @Test
    void partitionAloneIsNoWholeTable() {
        TableName partition = Fixture.of("part").units().getFirst();
        assertThatThrownBy(() -> run(new MemoryObjectStore(), partition, table -> {}))
                .isInstanceOf(IllegalArgumentException.class);
    }
}
