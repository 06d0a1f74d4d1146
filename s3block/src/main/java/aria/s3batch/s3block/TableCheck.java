package aria.s3batch.s3block;

import aria.s3batch.format.AriaHeader;
import aria.s3batch.format.BlockFrame;
import aria.s3batch.format.BlockName;
import aria.s3batch.format.DamagedTableException;
import aria.s3batch.format.HeaderRules;
import aria.s3batch.format.ObjectNames;
import aria.s3batch.format.StateFlag;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableGeometry;
import aria.s3batch.format.TableName;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.util.BitSet;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;

/**
 * Reads a whole table in S3 and says what is wrong with it: more than a server notices, for the S3 engine
 * checks neither page checksums nor block lengths. Changes nothing. Costs a listing and a GET for every
 * block; several at a time.
 *
 * <p>It sees every missing, surplus, shortened or foreign object, and every page whose checksum is wrong. It
 * cannot see a whole and valid block of an older version of the table: nothing in the format tells.
 */
public final class TableCheck {
    /** More are counted, not kept. */
    public static final int FINDINGS_MAX = 1000;

    /** Of a table: 256 TiB in blocks of 4 MiB. A header that says more is not believed. */
    private static final long BLOCKS_MAX = 1 << 26;

    /**
     * Something that is wrong.
     *
     * @param object key of the object
     * @param what in words, without the key at its start
     */
    public record Finding(String object, String what) {}

    /**
     * What was seen.
     *
     * @param blocks read, or listed, of those that there must be
     * @param pages verified; 0 of a listing
     * @param findings by key; the first {@link #FINDINGS_MAX}
     * @param findingsTotal how many there were; 0 = the table is as MariaDB writes it
     */
    public record Result(
            TableName table, long blocks, long pages, List<Finding> findings, long findingsTotal) {
        public boolean isClean() {
            return findingsTotal == 0;
        }
    }

    /** Told after every block, by the thread that read it; one call at a time. */
    public interface Progress {
        void blocksDone(long done, long total);
    }

    /** How much is read. */
    public enum Depth {
        /** Header and listing: what is there, and how long it is. */
        LISTING,
        /** Every block, every page. */
        PAGES
    }

    private final ObjectStore store;
    private final TableName table;
    private final ObjectNames names;
    private final Depth depth;
    private final Progress progress;

    // guarded by this
    private final TreeSet<Finding> findings =
            new TreeSet<>(Comparator.comparing(Finding::object).thenComparing(Finding::what));
    private long findingsTotal;
    private long blocks;
    private long pages;
    private long blocksDone;

    private TableCheck(ObjectStore store, TableName table, Depth depth, Progress progress) {
        this.store = store;
        this.table = table;
        this.names = new ObjectNames(table);
        this.depth = depth;
        this.progress = progress;
    }

    /** A header that can be right, and which of its blocks were listed, by number. */
    private record Shape(AriaHeader header, TableGeometry geometry, Map<TableFile, BitSet> listed) {
        static Shape of(AriaHeader header, TableGeometry geometry) {
            var listed = new EnumMap<TableFile, BitSet>(TableFile.class);
            for (TableFile file : TableFile.values()) {
                listed.put(file, new BitSet());
            }
            return new Shape(header, geometry, listed);
        }

        int blockLength(BlockName block) {
            return geometry.blockLength(block, header.fileLength(block.file()));
        }

        long blockCount(TableFile file) {
            return geometry.blockCount(file, header.fileLength(file));
        }

        long blockCount() {
            return blockCount(TableFile.INDEX) + blockCount(TableFile.DATA);
        }

        BitSet listed(TableFile file) {
            BitSet numbers = listed.get(file);
            assert numbers != null : file;
            return numbers;
        }
    }

    /**
     * Checks one table, or one partition.
     *
     * @param room for blocks that are read
     * @throws NoSuchTableException there is nothing of this table in the bucket
     * @throws FencedTableException a batch keeps readers out of it
     * @throws TableChangedException it was replaced meanwhile, which may be all that was found
     * @throws IOException the store could not be read to the end; that says nothing of the table
     */
    public static Result run(
            ObjectStore store, TableName table, BlocksInFlight room, Depth depth, Progress progress)
            throws IOException {
        return new TableCheck(store, table, depth, progress).run(room);
    }

    private Result run(BlocksInFlight room) throws IOException {
        Optional<StoredObject> aria = Optional.empty();
        boolean header = true;
        try {
            aria = store.get(names.header());
            header = aria.isPresent();
        } catch (DamagedTableException tooLarge) {
            find(names.header(), String.valueOf(tooLarge.getMessage()));
        }
        boolean definition = store.head(names.frm()).isPresent();
        Shape shape = aria.isPresent() ? shape(aria.get()) : null;
        boolean[] any = new boolean[1];
        store.list(
                names.prefix(),
                object -> {
                    any[0] = true;
                    see(object, shape);
                });
        if (!header || !definition) {
            String missed = header ? names.frm() : names.header();
            IOException missing = FenceCopies.whyMissing(store, table, missed);
            if (missing instanceof FencedTableException || !any[0]) {
                throw missing;
            }
        }
        if (!definition) {
            find(names.frm(), "is missing: servers do not find the table");
        }
        if (!header) {
            find(names.header(), "is missing: servers hang when they open the table");
        }
        if (aria.isEmpty()) {
            return result();
        }
        if (shape != null) {
            checkBlocks(shape, room);
        }
        Result result = result();
        if (!result.isClean()) {
            requireUnchanged(aria.get());
        }
        return result;
    }

    /** What is found in a table that was replaced meanwhile is no damage. */
    private void requireUnchanged(StoredObject aria) throws IOException {
        Optional<ObjectVersion> now = store.head(names.header());
        if (now.isEmpty()) {
            throw FenceCopies.whyMissing(store, table, names.header());
        }
        if (!now.get().etag().equals(aria.version().etag())) {
            throw new TableChangedException(table, names.header());
        }
    }

    /** Null if the header does not say where blocks must be; that is a finding then. */
    private @Nullable Shape shape(StoredObject aria) {
        try {
            AriaHeader header = AriaHeader.parse(aria.body(), names.header());
            checkState(header);
            Shape shape = Shape.of(header, header.geometry(names.header()));
            if (BaseTable.wrongLength(header).isPresent()) {
                return null;
            }
            if (shape.blockCount() > BLOCKS_MAX) {
                find(names.header(), "promises %d blocks".formatted(shape.blockCount()));
                return null;
            }
            return shape;
        } catch (DamagedTableException e) {
            find(names.header(), String.valueOf(e.getMessage()));
            return null;
        }
    }

    private void see(ListedObject object, @Nullable Shape shape) {
        String key = object.key();
        if (key.equals(names.header()) || key.equals(names.frm()) || key.equals(names.par())) {
            return;
        }
        Optional<BlockName> block = names.blockOf(key);
        if (block.isEmpty()) {
            find(key, "belongs to no S3 table");
            return;
        }
        if (shape == null) {
            return;
        }
        TableFile file = block.get().file();
        int length = shape.blockLength(block.get());
        if (length == 0) {
            find(key, "lies behind the end of the " + file.key() + " file");
            return;
        }
        shape.listed(file).set(Math.toIntExact(block.get().number()));
        if (depth == Depth.LISTING) {
            checkLength(object, length, shape.geometry().compressed());
        }
    }

    /** As far as a listing tells: how long a stream of zlib is, nobody knows before. */
    private void checkLength(ListedObject object, int length, boolean compressed) {
        long found = object.lengthBytes();
        boolean right =
                compressed
                        ? found > BlockFrame.HEADER_BYTES
                                && found <= BlockFrame.HEADER_BYTES + length
                        : found == length;
        if (!right) {
            find(
                    object.key(),
                    "has %d bytes, where a block of %s%d is expected"
                            .formatted(
                                    found,
                                    compressed ? "at most " : "",
                                    compressed ? BlockFrame.HEADER_BYTES + length : length));
        }
    }

    private void checkState(AriaHeader header) {
        HeaderRules.unsupported(header).forEach(what -> find(names.header(), what));
        BaseTable.wrongLength(header).ifPresent(what -> find(names.header(), what));
        if (header.openCount() != 0) {
            find(
                    names.header(),
                    "open_count is %d: servers wait for a repair that cannot happen"
                            .formatted(header.openCount()));
        }
        if (StateFlag.in(header.changed()).stream().anyMatch(StateFlag::meansDamage)) {
            find(names.header(), "is marked " + StateFlag.words(header.changed()));
        }
    }

    private void checkBlocks(Shape shape, BlocksInFlight room) throws IOException {
        long total = shape.blockCount();
        TableGeometry geometry = shape.geometry();
        var verifier =
                new BlockVerifier(
                        store, names, geometry, shape.header().fileLength(TableFile.DATA));
        BlocksInFlight.Round round = room.round();
        boolean goesOn = true;
        for (TableFile file : TableFile.values()) {
            BitSet listed = shape.listed(file);
            long count = shape.blockCount(file);
            for (long number = 1; goesOn && number <= count; number++) {
                var block = new BlockName(file, number);
                if (!listed.get((int) number)) {
                    int next = listed.nextSetBit((int) number);
                    long last = next < 0 ? count : next - 1;
                    findGap(block, last);
                    done(last - number + 1, total);
                    number = last;
                } else if (depth == Depth.LISTING) {
                    counted(0);
                    done(1, total);
                } else {
                    int length = shape.blockLength(block);
                    goesOn =
                            round.start(
                                    geometry.compressed() ? 2L * length : length,
                                    () -> {
                                        checkBlock(block, length, geometry, verifier);
                                        done(1, total);
                                    });
                }
            }
        }
        round.finish();
    }

    private void checkBlock(
            BlockName block, int length, TableGeometry geometry, BlockVerifier verifier)
            throws IOException {
        String key = names.block(block);
        try {
            Optional<StoredObject> object = store.get(key);
            if (object.isEmpty()) {
                find(key, "is missing");
                return;
            }
            byte[] bytes =
                    BlockFrame.decode(object.get().body(), length, geometry.compressed(), key);
            for (String problem : verifier.problems(block, bytes)) {
                find(key, problem);
            }
            counted(bytes.length / geometry.pageBytes());
        } catch (DamagedTableException e) {
            find(key, String.valueOf(e.getMessage()));
        }
    }

    /** One finding, however long it is: a broken header may promise any number of blocks. */
    private void findGap(BlockName first, long last) {
        boolean alone = first.number() == last;
        String all = alone ? "" : ", and all up to " + new BlockName(first.file(), last);
        find(names.block(first), "is missing" + all);
    }

    private synchronized void find(String object, String what) {
        findingsTotal++;
        findings.add(new Finding(object, what));
        if (findings.size() > FINDINGS_MAX) {
            findings.removeLast();
        }
    }

    private synchronized void counted(long blockPages) {
        blocks++;
        pages += blockPages;
    }

    private synchronized void done(long count, long total) {
        blocksDone += count;
        progress.blocksDone(blocksDone, total);
    }

    private synchronized Result result() {
        return new Result(table, blocks, pages, List.copyOf(findings), findingsTotal);
    }
}
