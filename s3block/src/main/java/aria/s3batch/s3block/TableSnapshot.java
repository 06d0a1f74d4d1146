package aria.s3batch.s3block;

import aria.s3batch.format.AriaHeader;
import aria.s3batch.format.BlockName;
import aria.s3batch.format.DamagedTableException;
import aria.s3batch.format.FrmImage;
import aria.s3batch.format.ObjectNames;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableGeometry;
import aria.s3batch.format.TableName;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * A table read whole, with all its partitions, as it was at one moment: not while a batch is applied to it, and
 * never a mixture of two states. It takes no lock and changes nothing.
 *
 * <p>Invariants: S1 every object that is handed out had, when its GET ended, the ETag that the listing shows
 * which begins after the last GET. So at the moment between the two all of them were as they were read. S2 at that
 * moment the table's lock was not committed: no batch was half applied. S3 header and definition are among these
 * objects. Whoever replaces a table as a whole without a lock (ALTER, {@code aria_s3_copy}) takes blocks away
 * before the header and brings the header after the blocks, so that a header with all its blocks is a table.
 *
 * <p>Heap: 8 bytes a block, and what the blocks in flight take.
 */
public final class TableSnapshot {
    /** Of one file: 16 TiB in blocks of 4 MiB. A header that says more is not believed. */
    private static final long BLOCKS_MAX = 1 << 22;

    private final ObjectStore store;
    private final TableName table;
    private final Map<TableName, Unit> units = new LinkedHashMap<>();
    private final BaseTable first;
    private final @Nullable StoredObject par;
    private final long bytes;

    // guarded by this
    private long bytesDone;

    /** A table, or a partition, and what its blocks were when they were read: 0, not yet. */
    private record Unit(BaseTable base, Map<TableFile, long[]> seen) {
        static Unit of(BaseTable base) throws DamagedTableException {
            var seen = new EnumMap<TableFile, long[]>(TableFile.class);
            for (TableFile file : TableFile.values()) {
                long count = base.geometry().blockCount(file, base.header().fileLength(file));
                if (count > BLOCKS_MAX) {
                    throw new DamagedTableException(
                            new ObjectNames(base.table()).header(),
                            "lengths of at most %d blocks".formatted(BLOCKS_MAX),
                            "%d of the %s file".formatted(count, file.key()));
                }
                seen.put(file, new long[Math.toIntExact(count)]);
            }
            return new Unit(base, seen);
        }

        long[] seen(TableFile file) {
            return Objects.requireNonNull(seen.get(file));
        }

        /** Its ETag in 64 bits when it was read; 0 for a block that was not, or is none. */
        long seen(BlockName block) {
            long[] numbers = seen(block.file());
            return block.number() <= numbers.length ? numbers[(int) block.number() - 1] : 0;
        }

        void see(BlockName block, String etag) {
            seen(block.file())[(int) block.number() - 1] = hash(etag);
        }
    }

    /** Takes what is read; called by several threads, each byte of a file once. */
    public interface Target {
        void write(TableName unit, TableFile file, long offset, byte[] bytes) throws IOException;
    }

    /** Told after every block; one call at a time. */
    public interface Progress {
        void bytesDone(long done, long total);
    }

    private TableSnapshot(
            ObjectStore store, TableName table, List<BaseTable> bases, @Nullable StoredObject par)
            throws DamagedTableException {
        this.store = store;
        this.table = table;
        this.first = bases.getFirst();
        this.par = par;
        long sum = 0;
        for (BaseTable base : bases) {
            units.put(base.table(), Unit.of(base));
            sum += base.header().fileLength(TableFile.INDEX);
            sum += base.header().fileLength(TableFile.DATA);
        }
        this.bytes = sum;
    }

    /**
     * Reads headers and definition.
     *
     * @param table a table, or one partition
     * @throws TableLockedException a batch that is committed is, or will be, applied to it
     * @throws FencedTableException the same
     * @throws NoSuchTableException it is not there
     * @throws DamagedTableException header or definition cannot be right
     */
    public static TableSnapshot open(ObjectStore store, TableName table) throws IOException {
        requireNotCommitted(store, table);
        List<BaseTable> bases = BaseTable.readAll(store, List.of(table));
        var names = new ObjectNames(table);
        StoredObject par = null;
        if (!table.isPartition()
                && FrmImage.parse(bases.getFirst().frm(), names.frm()).isPartitioned()) {
            Optional<StoredObject> found = store.get(names.par());
            if (found.isEmpty()) {
                throw FenceCopies.whyMissing(store, table, names.par());
            }
            par = found.get();
        }
        return new TableSnapshot(store, table, bases, par);
    }

    private static void requireNotCommitted(ObjectStore store, TableName table) throws IOException {
        Optional<BucketLocks.Found> lock = BucketLocks.read(store, table);
        if (lock.isPresent() && lock.get().lock().state() == TableLock.State.COMMITTED) {
            throw TableLockedException.committed(lock.get().lock());
        }
    }

    public TableName table() {
        return table;
    }

    /** The headers: of the table, or of its partitions. */
    public List<BaseTable> units() {
        return units.values().stream().map(Unit::base).toList();
    }

    /** The definition in S3; of the partitioned table, if a partition is read. */
    public byte[] frm() {
        return first.frm();
    }

    /** The list of partitions in S3; empty if it is not partitioned, or one partition is read. */
    public Optional<byte[]> par() {
        return Optional.ofNullable(par).map(StoredObject::body);
    }

    /** Of all files that {@link #read} hands out. */
    public long bytes() {
        return bytes;
    }

    /** How many objects {@link #read} gets. */
    public long blocks() {
        return units.values().stream()
                .flatMap(unit -> unit.seen().values().stream())
                .mapToLong(numbers -> numbers.length)
                .sum();
    }

    /**
     * Hands out both files of all units as a local Aria table has them, every page verified. On return all of it
     * was there at one moment.
     *
     * @throws TableChangedException it was changed meanwhile: what was handed out is to be thrown away
     * @throws TableLockedException as {@link #open}, meanwhile
     * @throws DamagedTableException a block is missing, of another length, or has a bad page; it is named
     */
    public void read(Target target, BlocksInFlight room, Progress progress) throws IOException {
        for (Unit unit : units.values()) {
            AriaHeader header = unit.base().header();
            target.write(unit.base().table(), TableFile.INDEX, 0, header.asLocal().bytes());
            done(header.keystart(), progress);
        }
        try {
            readBlocks(target, room, progress);
        } catch (DamagedTableException e) {
            try {
                requireUnchanged();
            } catch (IOException changed) {
                changed.addSuppressed(e);
                throw changed;
            }
            throw e;
        }
        requireUnchanged();
    }

    private void readBlocks(Target target, BlocksInFlight room, Progress progress)
            throws IOException {
        BlocksInFlight.Round round = room.round();
        boolean goesOn = true;
        for (Unit unit : units.values()) {
            TableGeometry geometry = unit.base().geometry();
            for (TableFile file : TableFile.values()) {
                long fileBytes = unit.base().header().fileLength(file);
                for (int i = 1; goesOn && i <= unit.seen(file).length; i++) {
                    var block = new BlockName(file, i);
                    int length = geometry.blockLength(block, fileBytes);
                    goesOn =
                            round.start(
                                    geometry.compressed() ? 2L * length : length,
                                    () -> {
                                        BaseBlock read =
                                                BaseBlock.read(store, unit.base(), block, length);
                                        unit.see(block, read.etag());
                                        target.write(
                                                unit.base().table(),
                                                file,
                                                geometry.offsetOf(block),
                                                read.bytes());
                                        done(length, progress);
                                    });
                }
            }
        }
        round.finish();
    }

    private synchronized void done(long read, Progress progress) {
        bytesDone += read;
        progress.bytesDone(bytesDone, bytes);
    }

    // ---- one moment -------------------------------------------------------------------------

    /** S1, S2, S3, for all that was read so far. */
    private void requireUnchanged() throws IOException {
        requireNotCommitted(store, table); // the moment
        var names = new ObjectNames(table);
        for (Unit unit : units.values()) {
            requireUnchanged(unit);
        }
        requireUnchanged(names.frm(), first.frmEtag());
        if (par != null) {
            requireUnchanged(names.par(), par.version().etag());
        }
    }

    private void requireUnchanged(Unit unit) throws IOException {
        var names = new ObjectNames(unit.base().table());
        var left =
                new Object() {
                    long blocks =
                            unit.seen().values().stream().mapToLong(TableSnapshot::readCount).sum();
                    boolean header = true;
                    @Nullable String changed;
                };
        store.list(
                names.prefix(),
                object -> {
                    if (object.key().equals(names.header())) {
                        left.header = !object.etag().equals(unit.base().headerEtag());
                        return;
                    }
                    long seen =
                            names.blockOf(object.key()).map(block -> unit.seen(block)).orElse(0L);
                    if (seen != 0 && seen == hash(object.etag())) {
                        left.blocks--;
                    } else if (seen != 0) {
                        left.changed = object.key();
                    }
                });
        if (left.header) {
            throw new TableChangedException(table, names.header());
        }
        if (left.blocks != 0) {
            String shown = left.changed == null ? names.prefix() : left.changed;
            throw new TableChangedException(table, shown);
        }
    }

    private void requireUnchanged(String key, String etag) throws IOException {
        if (store.head(key).filter(now -> now.etag().equals(etag)).isEmpty()) {
            throw new TableChangedException(table, key);
        }
    }

    private static long readCount(long[] numbers) {
        return Arrays.stream(numbers).filter(number -> number != 0).count();
    }

    /** Never 0. An ETag is a digest, or as good as one: 64 bits of it tell two versions apart. */
    private static long hash(String etag) {
        long hash = 0xcbf29ce484222325L; // FNV-1a
        for (int i = 0; i < etag.length(); i++) {
            hash = (hash ^ etag.charAt(i)) * 0x100000001b3L;
        }
        return hash == 0 ? 1 : hash;
    }
}
