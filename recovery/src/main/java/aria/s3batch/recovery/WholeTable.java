package aria.s3batch.recovery;

import aria.s3batch.format.AriaHeader;
import aria.s3batch.format.BlockFrame;
import aria.s3batch.format.BlockName;
import aria.s3batch.format.DamagedTableException;
import aria.s3batch.format.ObjectNames;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableGeometry;
import aria.s3batch.format.TableName;
import aria.s3batch.s3block.BatchLocks;
import aria.s3batch.s3block.BlockVerifier;
import aria.s3batch.s3block.BlocksInFlight;
import aria.s3batch.s3block.Condition;
import aria.s3batch.s3block.ConditionalWrite;
import aria.s3batch.s3block.DeleteOutcome;
import aria.s3batch.s3block.LockedStore;
import aria.s3batch.s3block.ObjectStore;
import aria.s3batch.s3block.PutOutcome;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * Puts a whole table into the bucket, new or in place of another, or takes it away: under its lock, without
 * journal. Killed at any point, it leaves a table as it was before, as it is after, or none that a server could
 * read; run again from the start, it ends what it began. For one thread.
 *
 * <p>Invariants: W1 as A5: no {@code frm} without every {@code aria} below it. W2 no block is written while one of
 * them is there, and statements that had begun have been waited for. W3 an object is written or deleted only while it
 * is what {@link #look} saw, and under the lock: whoever replaces the table at the same time without a lock keeps his
 * own, and this ends with an exception. W4 nothing of a table that can be read is touched before every page of the one
 * that takes its place was verified. W5 what the new table does not have is deleted when all of it can be read.
 */
public final class WholeTable {
    private final TableName table;
    private final ObjectNames names;
    private final ObjectStore store;
    private final Patience patience;
    private final BlocksInFlight room;
    private final FenceWait fenceWait;
    private final Applier.Pauses pauses;

    /**
     * @param locks of the table
     * @param table never a partition: these are put and taken away with their table
     * @param room for blocks on their way
     */
    public WholeTable(
            ObjectStore store,
            BatchLocks locks,
            TableName table,
            BlocksInFlight room,
            FenceWait fenceWait,
            Applier.Pauses pauses) {
        if (table.isPartition()) {
            throw new IllegalArgumentException("a partition alone: " + table);
        }
        this.table = table;
        this.names = new ObjectNames(table);
        this.store = new LockedStore(store, locks);
        this.patience = new Patience(locks.batch(), new ConditionalWrite(this.store), pauses);
        this.room = room;
        this.fenceWait = fenceWait;
        this.pauses = pauses;
    }

    /** Where the pages of a new table come from. Safe for use by many threads. */
    public interface Source {
        /** Pages of a file of the table, or of a partition of it. */
        byte[] read(TableName unit, TableFile file, long offset, int length) throws IOException;

        /** As people know the file. */
        String inWords(TableName unit, TableFile file);

        /**
         * @throws IOException the files are not what they were when they were opened
         */
        void requireUnchanged() throws IOException;
    }

    /** The header of the table, or of one of its partitions, as it is to be in S3. */
    public record Unit(TableName table, AriaHeader header) {
        TableGeometry geometry() throws DamagedTableException {
            return header.geometry(table.display());
        }

        long blockCount(TableFile file) throws DamagedTableException {
            return geometry().blockCount(file, header.fileLength(file));
        }

        boolean has(BlockName block) {
            try {
                return block.number() <= blockCount(block.file());
            } catch (DamagedTableException e) {
                throw new AssertionError("written with this header", e);
            }
        }
    }

    /**
     * A table that is to be in the bucket.
     *
     * @param frm its definition, with a version that no server has seen
     * @param par its partitions; empty if it has none
     * @param units the table, or all its partitions
     */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    public record Upload(byte[] frm, Optional<byte[]> par, List<Unit> units, Source source) {
        /** Of all files. */
        public long bytes() {
            long bytes = 0;
            for (Unit unit : units) {
                for (TableFile file : TableFile.values()) {
                    bytes += unit.header().fileLength(file);
                }
            }
            return bytes;
        }
    }

    /** Told how far it is, one call at a time. */
    public interface Progress {
        void verified(long bytes, long total);

        void written(long bytes, long total);

        void deleted(long objects, long total);
    }

    /** What lies in the bucket under the table's name: a listing. */
    public TableObjects look() throws IOException {
        return TableObjects.list(store, table);
    }

    // ---- putting ----------------------------------------------------------------------------

    /**
     * Brings the table into the bucket. On return every server can read it.
     *
     * @param before what {@link #look} saw, under the lock
     * @throws DamagedTableException a page is damaged, and named. A table that was there is there still
     * @throws BaseChangedException somebody else writes the table
     * @throws IOException it is not finished: see {@link #canBeRead}
     */
    public void put(Upload upload, TableObjects before, Progress progress) throws IOException {
        try {
            if (before.isReadable()) {
                eachBlock(upload, (unit, block, pages) -> {}, progress::verified); // W4
                upload.source().requireUnchanged();
                takeAway(before);
            }
            // also of a table that a push before this one, or a drop, has taken away
            awaitRunningStatements();
            eachBlock(
                    upload,
                    (unit, block, pages) -> putBlock(unit, block, pages, before),
                    progress::written);
            upload.source().requireUnchanged();
            publish(upload, before);
            deleteSurplus(upload, before, progress);
        } finally {
            settle();
        }
    }

    /** Whether a server can open the table now: not one that was taken away, or comes. */
    public boolean canBeRead() throws IOException {
        // frm is the first that goes, and the last that comes
        return look().hasDefinitionAndHeaders();
    }

    private interface BlockStep {
        void run(Unit unit, BlockName block, byte[] pages) throws IOException;
    }

    private interface BytesDone {
        void at(long done, long total);
    }

    /** Reads and verifies every block, several at a time. */
    private void eachBlock(Upload upload, BlockStep step, BytesDone progress) throws IOException {
        long total = upload.bytes();
        var counted =
                new Object() {
                    long bytes;

                    synchronized void add(long more) {
                        bytes += more;
                        progress.at(bytes, total);
                    }
                };
        BlocksInFlight.Round round = room.round();
        boolean goesOn = true;
        try {
            for (Unit unit : upload.units()) {
                TableGeometry geometry = unit.geometry();
                BlockVerifier verifier = verifier(upload.source(), unit, geometry);
                counted.add(geometry.keystart());
                for (TableFile file : TableFile.values()) {
                    long count = unit.blockCount(file);
                    for (long number = 1; goesOn && number <= count; number++) {
                        var block = new BlockName(file, number);
                        int length = geometry.blockLength(block, unit.header().fileLength(file));
                        goesOn =
                                round.start(
                                        (geometry.compressed() ? 3L : 1L) * length,
                                        () -> {
                                            byte[] pages = read(upload, unit, block);
                                            verify(upload.source(), unit, block, pages, verifier);
                                            step.run(unit, block, pages);
                                            counted.add(length);
                                        });
                    }
                }
            }
        } finally {
            round.finish();
        }
    }

    private static BlockVerifier verifier(Source source, Unit unit, TableGeometry geometry) {
        return new BlockVerifier(
                geometry, block -> Optional.of(read(source, unit, geometry, block)));
    }

    private static byte[] read(Upload upload, Unit unit, BlockName block) throws IOException {
        return read(upload.source(), unit, unit.geometry(), block);
    }

    private static byte[] read(Source source, Unit unit, TableGeometry geometry, BlockName block)
            throws IOException {
        int length = geometry.blockLength(block, unit.header().fileLength(block.file()));
        return source.read(unit.table(), block.file(), geometry.offsetOf(block), length);
    }

    private static void verify(
            Source source, Unit unit, BlockName block, byte[] pages, BlockVerifier verifier)
            throws IOException {
        List<String> problems = verifier.problems(block, pages);
        if (!problems.isEmpty()) {
            throw new DamagedTableException(
                    source.inWords(unit.table(), block.file()),
                    "pages as Aria writes them",
                    String.join("; ", problems));
        }
    }

    private void putBlock(Unit unit, BlockName block, byte[] pages, TableObjects before)
            throws IOException {
        byte[] object = BlockFrame.encode(pages, pages.length, unit.geometry().compressed());
        put(new ObjectNames(unit.table()).block(block), object, before.etag(unit.table(), block));
    }

    /** W1. */
    private void publish(Upload upload, TableObjects before) throws IOException {
        if (upload.par().isPresent()) {
            put(names.par(), upload.par().get(), before.parEtag());
        }
        for (Unit unit : upload.units()) {
            put(new ObjectNames(unit.table()).header(), unit.header().bytes(), null);
        }
        put(names.frm(), upload.frm(), null);
    }

    /** W5. */
    private void deleteSurplus(Upload upload, TableObjects before, Progress progress)
            throws IOException {
        Map<TableName, Unit> units =
                upload.units().stream().collect(Collectors.toMap(Unit::table, Function.identity()));
        Map<String, String> surplus =
                before.blocksBut(
                        (unit, block) -> {
                            Unit now = units.get(unit);
                            return now != null && now.has(block);
                        });
        String parEtag = before.parEtag();
        if (parEtag != null && upload.par().isEmpty()) {
            surplus.put(names.par(), parEtag);
        }
        deleteAll(surplus, progress);
    }

    // ---- taking away ------------------------------------------------------------------------

    /**
     * Deletes all of the table, and what else lies in its folders. At once no server can open it; what is
     * left of it then, after a kill, is for the next run to delete.
     *
     * @param found what {@link #look} saw, under the lock
     * @throws BaseChangedException somebody else writes the table
     */
    public void remove(TableObjects found, Progress progress) throws IOException {
        try {
            takeAway(found);
            Map<String, String> left = found.blocksBut((unit, block) -> false);
            left.putAll(found.others());
            String parEtag = found.parEtag();
            if (parEtag != null) {
                left.put(names.par(), parEtag);
            }
            deleteAll(left, progress);
        } finally {
            settle();
        }
    }

    /** W1. */
    private void takeAway(TableObjects found) throws IOException {
        String frmEtag = found.frmEtag();
        if (frmEtag != null) {
            delete(names.frm(), frmEtag);
        }
        for (Map.Entry<String, String> header : found.headers().entrySet()) {
            delete(header.getKey(), header.getValue());
        }
        if (patience.deleteMayBeLate()) {
            pauses.pause(BatchWork.LATE_WRITE); // before it could meet what is put there
        }
    }

    /** W2: those that had opened the table go on reading it. */
    private void awaitRunningStatements() {
        FenceWait.Ended ended =
                fenceWait.servers().await(List.of(table), fenceWait.atMost(), () -> false);
        Duration left = fenceWait.atMost().minus(ended.after());
        if (!ended.all() && left.isPositive()) {
            pauses.pause(left);
        }
    }

    private void deleteAll(Map<String, String> objects, Progress progress) throws IOException {
        var counted =
                new Object() {
                    long objects;

                    synchronized void add(long total) {
                        objects++;
                        progress.deleted(objects, total);
                    }
                };
        BlocksInFlight.Round round = room.round();
        try {
            for (Map.Entry<String, String> object : objects.entrySet()) {
                boolean goesOn =
                        round.start(
                                0,
                                () -> {
                                    delete(object.getKey(), object.getValue());
                                    counted.add(objects.size());
                                });
                if (!goesOn) {
                    break;
                }
            }
        } finally {
            round.finish();
        }
    }

    // ---- single objects ---------------------------------------------------------------------

    /** W3. */
    private void put(String key, byte[] body, @Nullable String etag) throws IOException {
        Condition condition = etag == null ? Condition.ifAbsent() : Condition.ifMatch(etag);
        switch (patience.put(key, body, condition)) {
            case PutOutcome.Landed _ -> {}
            case PutOutcome.ForeignWrite foreign ->
                    throw new BaseChangedException(key, etag, foreign.foundEtag());
            case PutOutcome.Unknown unknown -> throw new AssertionError(unknown);
        }
    }

    /** W3. */
    private void delete(String key, String etag) throws IOException {
        if (patience.delete(key, etag) instanceof DeleteOutcome.ForeignWrite foreign) {
            throw new BaseChangedException(key, etag, foreign.foundEtag());
        }
    }

    /** Before the lock is released: the next who has it must not meet a write of this one. */
    private void settle() {
        if (patience.writeMayBeLate() || patience.deleteMayBeLate()) {
            pauses.pause(BatchWork.LATE_WRITE);
        }
    }
}
