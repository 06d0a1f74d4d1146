package aria.s3batch.recovery;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.diskcache.MemoryDisk;
import aria.s3batch.format.DamagedTableException;
import aria.s3batch.format.Fixture;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;
import aria.s3batch.s3block.BaseTable;
import aria.s3batch.s3block.BlocksInFlight;
import aria.s3batch.s3block.FaultyObjectStore;
import aria.s3batch.s3block.FencedTableException;
import aria.s3batch.s3block.MemoryObjectStore;
import aria.s3batch.s3block.NoSuchTableException;
import aria.s3batch.s3block.ObjectStore;
import aria.s3batch.s3block.TableChangedException;
import aria.s3batch.s3block.TableLockedException;
import aria.s3batch.s3block.TableSnapshot;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** A table is copied while the real commit and apply change it: the copy is before, or after, or an error. */
final class SnapshotDuringApplyTest {
    private static final BlocksInFlight ONE = new BlocksInFlight(Runnable::run, 1, 1 << 20);

    enum Seen {
        BEFORE,
        AFTER,
        ERROR
    }

    private final Fixture fixture = Fixture.of("part");

    private Seen copy(ObjectStore store) throws IOException {
        Map<String, byte[]> files = new HashMap<>();
        try {
            TableSnapshot snapshot = TableSnapshot.open(store, fixture.table());
            for (BaseTable unit : snapshot.units()) {
                for (TableFile file : TableFile.values()) {
                    int length = (int) unit.header().fileLength(file);
                    files.put(unit.table() + "." + file, new byte[length]);
                }
            }
            snapshot.read(
                    (unit, file, offset, bytes) ->
                            System.arraycopy(
                                    bytes,
                                    0,
                                    files.getOrDefault(unit + "." + file, new byte[0]),
                                    (int) offset,
                                    bytes.length),
                    ONE,
                    (done, total) -> {});
        } catch (TableChangedException
                | TableLockedException
                | FencedTableException
                | NoSuchTableException
                | DamagedTableException said) {
            return Seen.ERROR;
        }
        if (is(files, false)) {
            return Seen.BEFORE;
        }
        assertThat(is(files, true)).as("no mixture").isTrue();
        return Seen.AFTER;
    }

    private boolean is(Map<String, byte[]> files, boolean after) {
        for (TableName unit : fixture.units()) {
            for (TableFile file : TableFile.values()) {
                if (!Arrays.equals(
                        files.get(unit + "." + file), fixture.local(unit, file, after))) {
                    return false;
                }
            }
        }
        return true;
    }

    /** A batch that is staged, and what becomes of it. */
    private final class Batch implements AutoCloseable {
        final MemoryObjectStore bucket = new MemoryObjectStore();
        final FaultyObjectStore seen = new FaultyObjectStore(bucket);
        final BatchWorld world;
        final List<OpenTable> tables;

        Batch(Readers readers) throws IOException {
            BatchWorld.load(bucket, fixture.before());
            world = new BatchWorld(seen, new MemoryDisk(), new MemoryJournal());
            world.readers = readers;
            tables = world.begin(fixture.units());
            BatchWorld.stage(tables, fixture);
        }

        @Override
        public void close() throws IOException {
            world.close();
        }

        void commitAndApply() {
            try {
                assertThat(world.apply(world.commit(tables))).isEqualTo(new ApplyOutcome.Applied());
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    @ParameterizedTest
    @EnumSource(Readers.class)
    void copyBetweenAnyTwoRequestsOfABatchIsBeforeOrAfterOrAnError(Readers readers)
            throws IOException {
        int requests;
        try (var counted = new Batch(readers)) {
            int begun = counted.seen.requests().size();
            counted.commitAndApply();
            requests = counted.seen.requests().size() - begun;
        }
        List<Seen> copies = new ArrayList<>();
        Seen last;
        try (var batch = new Batch(readers)) {
            for (int nth = 1; nth <= requests; nth++) {
                batch.seen.before(
                        nth,
                        request -> true,
                        () -> {
                            try {
                                copies.add(copy(batch.bucket));
                            } catch (IOException e) {
                                throw new UncheckedIOException(e);
                            }
                        });
            }
            batch.commitAndApply();
            last = copy(batch.bucket);
        }
        assertThat(copies).hasSize(requests).startsWith(Seen.BEFORE).contains(Seen.ERROR);
        assertThat(copies.subList(copies.indexOf(Seen.ERROR), requests))
                .as("from the committed lock on, to its release")
                .containsOnly(Seen.ERROR);
        assertThat(last).isEqualTo(Seen.AFTER);
    }

    @ParameterizedTest
    @EnumSource(Readers.class)
    void wholeBatchBetweenAnyTwoRequestsOfACopyIsAnErrorOrNotSeen(Readers readers)
            throws IOException {
        int requests;
        try (var batch = new Batch(readers)) {
            var counting = new FaultyObjectStore(batch.bucket);
            assertThat(copy(counting)).isEqualTo(Seen.BEFORE);
            requests = counting.requests().size();
        }
        List<Seen> copies = new ArrayList<>();
        for (int nth = 1; nth <= requests; nth++) {
            try (var batch = new Batch(readers)) {
                var store = new FaultyObjectStore(batch.bucket);
                store.before(nth, request -> true, batch::commitAndApply);
                copies.add(copy(store));
            }
        }
        assertThat(copies).startsWith(Seen.AFTER).contains(Seen.ERROR);
    }
}
