package aria.s3batch.recovery;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.format.Fixture;
import aria.s3batch.format.SyntheticTable;
import aria.s3batch.format.TableFile;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.IntStream;

/** A batch, what readers are to see of it, and what a run of it is when nothing goes wrong. */
final class Trial {
    final BatchCase batchCase;
    final Readers readers;
    final Durability durability;
    final boolean keepUndo;

    /** Every call from the start of the process to the end of apply. */
    final List<Steps.Point> points;

    /** Every call of a process that finds the batch committed after a power cut, to the end of apply. */
    final List<Steps.Point> recovery;

    private final SortedMap<String, byte[]> before;
    private final SortedMap<String, ByteBuffer> after;
    private final SortedMap<String, ByteBuffer> afterDecoded;

    /** Where a batch is. */
    enum Found {
        OUT,
        IN
    }

    Trial(BatchCase batchCase, Readers readers) throws IOException {
        this(batchCase, readers, Durability.LOCAL);
    }

    Trial(BatchCase batchCase, Readers readers, Durability durability) throws IOException {
        this(batchCase, readers, durability, false);
    }

    Trial(BatchCase batchCase, Readers readers, Durability durability, boolean keepUndo)
            throws IOException {
        this.keepUndo = keepUndo;
        this.batchCase = batchCase;
        this.readers = readers;
        this.durability = durability;
        this.before = batchCase.before();
        Machine machine = loaded(Machine.inMemory());
        Steps counted = Steps.never();
        BatchWorld process = machine.process(counted);
        process.recovery.run();
        process.apply(committed(process));
        this.points = List.copyOf(counted.points());
        SortedMap<String, byte[]> left = BatchWorld.objects(machine.store, "");
        this.after = NewVersions.masked(wrapped(left));
        this.afterDecoded = NewVersions.masked(BatchWorld.decoded(left));
        assertThat(afterDecoded)
                .isEqualTo(NewVersions.masked(BatchWorld.decoded(batchCase.after())));
        Machine restarted = loaded(Machine.inMemory());
        committed(restarted.process(Steps.never()));
        restarted.cutPower(null);
        Steps again = Steps.never();
        restarted.process(again).recover();
        this.recovery = List.copyOf(again.points());
    }

    private static SortedMap<String, ByteBuffer> wrapped(SortedMap<String, byte[]> objects) {
        SortedMap<String, ByteBuffer> wrapped = new TreeMap<>();
        objects.forEach((key, body) -> wrapped.put(key, ByteBuffer.wrap(body)));
        return wrapped;
    }

    /** Small tables of many blocks: two partitioned, growing, shrinking, both. */
    static List<BatchCase> synthetic() {
        SyntheticTable small = BatchCase.table(false, 2, 4);
        SyntheticTable large = BatchCase.table(false, 8, 11);
        SyntheticTable regrown = large.resized(1, 2, 5).resized(6, 9, 6);
        return List.of(
                BatchCase.ofPartitions(),
                BatchCase.of("grows", small, small.resized(8, 11, 2)),
                BatchCase.of("shrinks", large, large.resized(1, 1, 2)),
                BatchCase.of(
                        "shrinks and grows",
                        large,
                        regrown.local(TableFile.INDEX),
                        BatchCase.withHole(regrown.local(TableFile.DATA), 3, 7),
                        Map.of(
                                TableFile.INDEX, List.of(2 * BatchCase.PAGE),
                                TableFile.DATA, List.of(2 * BatchCase.PAGE, 9 * BatchCase.PAGE))));
    }

    /** Every fixture, and the {@link #synthetic} ones. */
    static List<BatchCase> everyCase() {
        List<BatchCase> cases = new ArrayList<>(synthetic());
        Fixture.all().forEach(fixture -> cases.add(BatchCase.of(fixture)));
        return cases;
    }

    /** The machine with the tables of the batch in its bucket. */
    Machine loaded(Machine machine) throws IOException {
        machine.readers = readers;
        machine.durability = durability;
        machine.keepUndo = keepUndo;
        BatchWorld.load(machine.store, before);
        return machine;
    }

    /** Begins, stages and commits in a process. */
    BatchRecord committed(BatchWorld process) throws IOException {
        List<OpenTable> tables = process.begin(batchCase.tables());
        batchCase.staging().stage(tables);
        return process.commit(tables);
    }

    /**
     * The step of a clean run that makes the batch durable: the journal's, or if there is a copy, the last of
     * the locks' that names it.
     */
    int commitPoint() {
        int journal =
                IntStream.range(0, points.size())
                        .filter(step -> points.get(step).name().equals("journal commit"))
                        .findFirst()
                        .orElseThrow();
        return durability == Durability.LOCAL
                ? journal
                : IntStream.range(0, journal)
                        .filter(step -> points.get(step).name().startsWith("PUT _aria_s3_batch/l"))
                        .max()
                        .orElseThrow();
    }

    /** Whether the bucket holds the table as before the batch, or as it leaves it, to the last byte. */
    Found find(Machine machine, String what) throws IOException {
        SortedMap<String, byte[]> found = BatchWorld.objects(machine.store, "");
        if (wrapped(found).equals(wrapped(before))) {
            return Found.OUT;
        }
        if (!NewVersions.masked(wrapped(found)).equals(after)) {
            assertThat(NewVersions.masked(BatchWorld.decoded(found)))
                    .as(what)
                    .isEqualTo(afterDecoded);
        }
        if (readers != Readers.NONE) {
            found.keySet().stream()
                    .filter(key -> key.endsWith("/frm") && isRenewed(key))
                    .forEach(
                            key ->
                                    assertThat(found.get(key))
                                            .as(what)
                                            .isNotEqualTo(before.get(key)));
        }
        return Found.IN;
    }

    /** A batch that is in can be undone, and then all is as it was; of any other nothing is kept. */
    void assertUndoes(Machine machine, Found found, String what) throws IOException {
        if (!keepUndo || found == Found.OUT) {
            assertThat(BatchWorld.undoObjects(machine.store)).as(what).isEmpty();
            return;
        }
        machine.keepUndo = false;
        try (BatchWorld process = machine.process(Steps.never())) {
            BatchRecord batch = process.commit(process.undo(BatchWorld.BATCH));
            assertThat(process.apply(batch)).as(what).isEqualTo(new ApplyOutcome.Applied());
        }
        assertThat(NewVersions.masked(BatchWorld.decoded(BatchWorld.objects(machine.store, ""))))
                .as(what)
                .isEqualTo(NewVersions.masked(BatchWorld.decoded(before)));
    }

    /** What is left of a batch that is in is a receipt, which tells what is there; of another, none. */
    void assertReceipt(Machine machine, Found found, String what) throws IOException {
        Optional<WrittenReceipt> receipt = WrittenReceipt.find(machine.disk, BatchWorld.BATCH);
        assertThat(receipt.isPresent()).as(what).isEqualTo(found == Found.IN);
        if (receipt.isPresent()) {
            receipt.get().assertTells(before, machine.store, what);
            assertThat(machine.disk.list(BatchWorld.RECEIPTS)).as(what).hasSize(1);
        }
    }

    /** Whether the batch changes the table of a definition; of the partitioned one it always does. */
    private boolean isRenewed(String frm) {
        String table = frm.substring(0, frm.length() - "/frm".length());
        return after.keySet().stream()
                .filter(key -> key.startsWith(table + "/") || key.startsWith(table + "#P#"))
                .anyMatch(
                        key ->
                                !key.equals(frm)
                                        && !ByteBuffer.wrap(before.getOrDefault(key, new byte[0]))
                                                .equals(after.get(key)));
    }

    /** Starts the next process, in which nothing goes wrong; of the batch nothing is left to do then. */
    void recover(Machine machine, String what) throws IOException {
        try (BatchWorld process = machine.process(Steps.never())) {
            Recovery.Found found = process.recover();
            assertThat(found.orphans()).as(what).isEmpty();
            assertThat(found.quarantined()).as(what).isEmpty();
            assertNothingLeft(process, machine, what);
        }
    }

    static void assertNothingLeft(BatchWorld process, Machine machine, String what)
            throws IOException {
        assertThat(process.journal.batches()).as(what).isEmpty();
        assertThat(machine.disk.list(BatchWorld.CACHE_DIR.batches())).as(what).isEmpty();
        assertThat(BatchWorld.lockObjects(machine.store)).as(what).isEmpty();
    }

    @Override
    public String toString() {
        return batchCase
                + ", readers "
                + readers.word()
                + (durability == Durability.BUCKET ? ", durability bucket" : "")
                + (keepUndo ? ", keep-undo" : "");
    }
}
