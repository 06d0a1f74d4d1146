package aria.s3batch.s3block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import static java.util.Objects.requireNonNull;

import aria.s3batch.format.BatchId;
import aria.s3batch.format.BlockName;
import aria.s3batch.format.DamagedTableException;
import aria.s3batch.format.Fixture;
import aria.s3batch.format.HeaderField;
import aria.s3batch.format.ObjectNames;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

final class TableSnapshotTest {
    /** A table whose batch changes nearly all of its blocks, and no length. */
    private static final Fixture SAME_LENGTH = Fixture.of("idx");

    private static final BlocksInFlight ONE = new BlocksInFlight(Runnable::run, 1, 1 << 20);
    private static final TableSnapshot.Progress SILENT = (done, total) -> {};

    /** Both files of all units, by name. */
    private static final class Files implements TableSnapshot.Target {
        final Map<String, byte[]> files = new HashMap<>();

        Files(TableSnapshot snapshot) {
            for (BaseTable unit : snapshot.units()) {
                for (TableFile file : TableFile.values()) {
                    files.put(
                            name(unit.table(), file),
                            new byte[(int) unit.header().fileLength(file)]);
                }
            }
        }

        static String name(TableName unit, TableFile file) {
            return unit.table() + "." + file.extension();
        }

        @Override
        public synchronized void write(TableName unit, TableFile file, long offset, byte[] bytes) {
            byte[] content = files.getOrDefault(name(unit, file), new byte[0]);
            System.arraycopy(bytes, 0, content, (int) offset, bytes.length);
        }

        boolean are(Fixture fixture, Map<String, byte[]> objects) {
            for (TableName unit : fixture.units()) {
                for (TableFile file : TableFile.values()) {
                    byte[] expected = Fixture.assemble(unit, file, objects);
                    if (!Arrays.equals(files.get(name(unit, file)), expected)) {
                        return false;
                    }
                }
            }
            return true;
        }
    }

    private static Files read(ObjectStore store, TableName table) throws IOException {
        TableSnapshot snapshot = TableSnapshot.open(store, table);
        var files = new Files(snapshot);
        snapshot.read(files, ONE, SILENT);
        return files;
    }

    @ParameterizedTest
    @MethodSource("aria.s3batch.format.Fixture#names")
    void tableIsTheLocalOneByteForByte(String name) throws IOException {
        Fixture fixture = Fixture.of(name);
        Files before = read(LoadedFixture.before(fixture), fixture.table());
        assertThat(before.are(fixture, fixture.before())).isTrue();
        Files after = read(LoadedFixture.after(fixture), fixture.table());
        assertThat(after.are(fixture, fixture.after())).isTrue();
    }

    @Test
    void severalBlocksAtATimeGiveTheSameAndProgressEndsWithAllBytes() throws IOException {
        Fixture fixture = Fixture.of("zlib");
        TableSnapshot snapshot = TableSnapshot.open(LoadedFixture.before(fixture), fixture.table());
        var files = new Files(snapshot);
        List<Long> done = new ArrayList<>();
        try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
            snapshot.read(
                    files, new BlocksInFlight(threads, 4, 300 << 10), (at, total) -> done.add(at));
        }
        assertThat(files.are(fixture, fixture.before())).isTrue();
        assertThat(done).isSorted().endsWith(snapshot.bytes());
    }

    @Test
    void partitionedTableHasDefinitionAndListAndAPartitionIsReadAlone() throws IOException {
        Fixture part = Fixture.of("part");
        MemoryObjectStore store = LoadedFixture.before(part);
        TableSnapshot whole = TableSnapshot.open(store, part.table());
        assertThat(whole.units()).extracting(BaseTable::table).isEqualTo(part.units());
        assertThat(whole.par()).contains(part.before("fx_shared/part/par"));
        assertThat(whole.frm()).isEqualTo(part.before("fx_shared/part/frm"));
        TableSnapshot one = TableSnapshot.open(store, part.units().get(1));
        assertThat(one.units()).hasSize(1);
        assertThat(one.par()).isEmpty();
    }

    @Test
    void damagedPageIsRefusedAndNamed() throws IOException {
        Fixture fixture = Fixture.of("plain");
        MemoryObjectStore store = LoadedFixture.before(fixture);
        String key = new ObjectNames(fixture.table()).block(new BlockName(TableFile.DATA, 2));
        byte[] bytes = fixture.before(key).clone();
        bytes[8192 + 77] ^= 1;
        LoadedFixture.replace(store, key, bytes);
        assertThatThrownBy(() -> read(store, fixture.table()))
                .isInstanceOf(DamagedTableException.class)
                .hasMessageContaining(key)
                .hasMessageContaining("data page 9");
        store.delete(key, Condition.always());
        assertThatThrownBy(() -> read(store, fixture.table()))
                .isInstanceOf(DamagedTableException.class)
                .hasMessageContaining(key)
                .hasMessageContaining("no such object");
    }

    @Test
    void headerThatPromisesTheMoonIsRefusedAtOnce() {
        Fixture fixture = Fixture.of("plain");
        MemoryObjectStore store = LoadedFixture.before(fixture);
        LoadedFixture.replace(
                store,
                new ObjectNames(fixture.table()).header(),
                fixture.headerBefore(fixture.table())
                        .with(HeaderField.DATA_FILE_LENGTH, 1L << 40)
                        .bytes());
        assertThatThrownBy(() -> TableSnapshot.open(store, fixture.table()))
                .isInstanceOf(DamagedTableException.class);
    }

    // ---- one moment -------------------------------------------------------------------------

    interface Act {
        void run() throws IOException;
    }

    /** How a table is changed as a whole, write by write. */
    enum Change {
        /** A batch with readers=none: the lock is committed, blocks, header, the lock is released. */
        BATCH {
            @Override
            void plan(World world) {
                world.lock().blocks().headers().unlock();
            }
        },
        /** The same, but no header changes: nothing but blocks tells. */
        BATCH_OF_PAGES {
            @Override
            void plan(World world) {
                world.lock().blocks().unlock();
            }
        },
        FENCED_BATCH {
            @Override
            void plan(World world) {
                world.lock().deleteFrmAndHeaders().blocks().headers().frm().unlock();
            }
        },
        /** What {@code aria_s3_copy --force} does, without a lock. */
        COPY {
            @Override
            void plan(World world) {
                world.deleteBlocks().deleteFrmAndHeaders().frm().blocks().headers();
            }
        },
        DROP {
            @Override
            void plan(World world) {
                world.deleteBlocks().deleteFrmAndHeaders();
            }
        };

        abstract void plan(World world);
    }

    /** A fixture's table in a bucket, and the writes that make it what the fixture has after its batch. */
    static final class World {
        final MemoryObjectStore bucket;
        final List<Act> writes = new ArrayList<>();
        private final Fixture fixture;
        private final SortedMap<String, byte[]> after;
        private @Nullable BatchLocks locks;

        World(Fixture fixture, Change change) {
            this.fixture = fixture;
            this.bucket = LoadedFixture.before(fixture);
            this.after = fixture.after();
            change.plan(this);
        }

        World lock() {
            writes.add(
                    () -> {
                        var owner = new LockOwner("0123456789abcdef", "db7", 812, "boot");
                        locks =
                                new TableLocks(
                                                bucket,
                                                owner,
                                                Duration.ofSeconds(30),
                                                () -> 0,
                                                InstantSource.system())
                                        .acquire(BatchId.of(1, 2, 3), List.of(fixture.table()));
                    });
            writes.add(() -> requireNonNull(locks).commit(""));
            return this;
        }

        World unlock() {
            writes.add(() -> requireNonNull(locks).release());
            return this;
        }

        private World put(String part) {
            for (Map.Entry<String, byte[]> object : after.entrySet()) {
                if (object.getKey().contains(part)) {
                    writes.add(
                            () ->
                                    LoadedFixture.replace(
                                            bucket, object.getKey(), object.getValue()));
                }
            }
            return this;
        }

        World blocks() {
            return put("/data/").put("/index/");
        }

        World headers() {
            return put("/aria");
        }

        World frm() {
            return put("/frm");
        }

        private World delete(String part) {
            for (String key : fixture.before().keySet()) {
                if (key.contains(part)) {
                    writes.add(() -> bucket.delete(key, Condition.always()));
                }
            }
            return this;
        }

        World deleteBlocks() {
            return delete("/index/").delete("/data/");
        }

        World deleteFrmAndHeaders() {
            return delete("/frm").delete("/aria");
        }
    }

    /** All of the change just before one request of the reader, each in turn. */
    @ParameterizedTest
    @EnumSource(Change.class)
    void changeAtAnyRequestIsAnErrorNeverAMixture(Change change) throws IOException {
        Fixture fixture = SAME_LENGTH;
        Map<String, byte[]> changed = changed(change);
        int requests = requests(fixture);
        int refused = 0;
        for (int nth = 1; nth <= requests; nth++) {
            var world = new World(fixture, change);
            var store = new FaultyObjectStore(world.bucket);
            store.before(nth, request -> true, () -> world.writes.forEach(Unchecked::run));
            boolean read = isReadWhole(store, fixture, changed, change + " before request " + nth);
            refused += read ? 0 : 1;
        }
        assertThat(refused).as("of %d", requests).isGreaterThan(requests / 2);
    }

    /**
     * Some writes of the change before an early request, the others two by two from a later request on, or never:
     * so it stands still anywhere, and ends anywhere.
     */
    @ParameterizedTest
    @EnumSource(Change.class)
    void slowChangeIsAnErrorNeverAMixture(Change change) throws IOException {
        Fixture fixture = SAME_LENGTH;
        Map<String, byte[]> changed = changed(change);
        int requests = requests(fixture);
        int writes = new World(fixture, change).writes.size();
        for (int from : new int[] {2, requests / 2}) {
            for (int resumed = from + 1; resumed <= requests + 1; resumed++) {
                for (int head = 0; head <= writes; head++) {
                    var world = new World(fixture, change);
                    List<Act> first = world.writes.subList(0, head);
                    List<Act> rest = new ArrayList<>(world.writes.subList(head, writes));
                    var store = new FaultyObjectStore(world.bucket);
                    store.before(from, request -> true, () -> first.forEach(Unchecked::run));
                    for (int nth = resumed; nth <= requests; nth++) {
                        store.before(
                                nth,
                                request -> true,
                                () -> {
                                    List<Act> next = rest.subList(0, Math.min(2, rest.size()));
                                    next.forEach(Unchecked::run);
                                    next.clear();
                                });
                    }
                    String what =
                            "%s, %d writes before request %d, the rest from %d"
                                    .formatted(change, head, from, resumed);
                    isReadWhole(store, fixture, changed, what);
                }
            }
        }
    }

    @Test
    void tableOfABatchThatIsCommittedIsNotReadAtAll() throws IOException {
        var world = new World(SAME_LENGTH, Change.BATCH);
        world.writes.subList(0, 2).forEach(Unchecked::run);
        var store = new FaultyObjectStore(world.bucket);
        assertThatThrownBy(() -> TableSnapshot.open(store, SAME_LENGTH.table()))
                .isInstanceOf(TableLockedException.class)
                .hasMessageContaining("committed")
                .hasMessageContaining("db7");
        assertThat(store.requests()).hasSize(1);
    }

    @Test
    void tableOfAnOpenBatchIsRead() throws IOException {
        var world = new World(SAME_LENGTH, Change.BATCH);
        Unchecked.run(world.writes.getFirst());
        assertThat(isReadWhole(world.bucket, SAME_LENGTH, Map.of(), "open")).isTrue();
    }

    /** The table's objects when the change is over; none if it is not there then. */
    private static Map<String, byte[]> changed(Change change) throws IOException {
        var world = new World(SAME_LENGTH, change);
        world.writes.forEach(Unchecked::run);
        Map<String, byte[]> objects = new HashMap<>();
        for (String key : SAME_LENGTH.before().keySet()) {
            world.bucket.get(key).ifPresent(object -> objects.put(key, object.body()));
        }
        return objects;
    }

    private static int requests(Fixture fixture) throws IOException {
        var counting = new FaultyObjectStore(LoadedFixture.before(fixture));
        read(counting, fixture.table());
        return counting.requests().size();
    }

    /** False if the reader said that it could not. */
    private static boolean isReadWhole(
            ObjectStore store, Fixture fixture, Map<String, byte[]> changed, String what) {
        try {
            Files files = read(store, fixture.table());
            boolean before = files.are(fixture, fixture.before());
            boolean after = !before && !changed.isEmpty() && files.are(fixture, changed);
            assertThat(before || after).as(what).isTrue();
            return true;
        } catch (TableChangedException
                | TableLockedException
                | FencedTableException
                | NoSuchTableException
                | DamagedTableException expected) {
            return false;
        } catch (IOException e) {
            throw new AssertionError(what, e);
        }
    }

    /** Writes to a bucket in memory do not fail. */
    private static final class Unchecked {
        static void run(Act act) {
            try {
                act.run();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }
}
