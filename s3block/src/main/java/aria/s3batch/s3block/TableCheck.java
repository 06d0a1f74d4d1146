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
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Executor;
import java.util.concurrent.Semaphore;

/**
 * Reads a whole table in S3 and says what is wrong with it: more than a server notices, for the S3 engine
 * checks neither page checksums nor block lengths. Changes nothing. Costs a listing and a GET for every
 * block; several at a time, each with up to two blocks of heap.
 *
 * <p>It sees every missing, surplus, shortened or foreign object, and every page whose checksum is wrong. It
 * cannot see a whole and valid block of an older version of the table: nothing in the format tells.
 */
public final class TableCheck {
    /** More are counted, not kept. */
    public static final int FINDINGS_MAX = 1000;

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
     * @param blocks read, of those that there must be
     * @param pages verified
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

    private final ObjectStore store;
    private final TableName table;
    private final ObjectNames names;
    private final Progress progress;

    // guarded by this
    private final TreeSet<Finding> findings =
            new TreeSet<>(Comparator.comparing(Finding::object).thenComparing(Finding::what));
    private long findingsTotal;
    private long blocks;
    private long pages;
    private long blocksDone;
    private @Nullable Throwable failure;

    private TableCheck(ObjectStore store, TableName table, Progress progress) {
        this.store = store;
        this.table = table;
        this.names = new ObjectNames(table);
        this.progress = progress;
    }

    /**
     * Checks one table, or one partition.
     *
     * @param executor runs the GETs; {@code Runnable::run} checks in the calling thread
     * @param concurrency most GETs at a time
     * @throws NoSuchTableException there is nothing of this table in the bucket
     * @throws FencedTableException a batch keeps readers out of it
     * @throws IOException the store could not be read to the end; that says nothing of the table
     */
    public static Result run(
            ObjectStore store,
            TableName table,
            Executor executor,
            int concurrency,
            Progress progress)
            throws IOException {
        return new TableCheck(store, table, progress).run(executor, concurrency);
    }

    private Result run(Executor executor, int concurrency) throws IOException {
        Set<BlockName> present = new TreeSet<>();
        List<String> foreign = new ArrayList<>();
        store.list(
                names.prefix(),
                object ->
                        names.blockOf(object.key())
                                .ifPresentOrElse(present::add, () -> foreign.add(object.key())));
        Optional<StoredObject> aria = store.get(names.header());
        boolean definition = store.head(names.frm()).isPresent();
        if (aria.isEmpty() || !definition) {
            String missed = aria.isEmpty() ? names.header() : names.frm();
            IOException missing = FenceCopies.whyMissing(store, table, missed);
            if (missing instanceof FencedTableException || present.isEmpty() && foreign.isEmpty()) {
                throw missing;
            }
        }
        foreign.removeAll(List.of(names.header(), names.frm(), names.par()));
        foreign.forEach(key -> find(key, "belongs to no S3 table"));
        if (!definition) {
            find(names.frm(), "is missing: servers do not find the table");
        }
        if (aria.isEmpty()) {
            find(names.header(), "is missing: servers hang when they open the table");
            return result();
        }
        try {
            AriaHeader header = AriaHeader.parse(aria.get().body(), names.header());
            checkState(header);
            TableGeometry geometry = header.geometry(names.header());
            if (BaseTable.wrongLength(header).isEmpty()) {
                checkBlocks(header, geometry, present, executor, concurrency);
            }
        } catch (DamagedTableException e) {
            find(names.header(), String.valueOf(e.getMessage()));
        }
        return result();
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

    private void checkBlocks(
            AriaHeader header,
            TableGeometry geometry,
            Set<BlockName> present,
            Executor executor,
            int concurrency)
            throws IOException {
        for (BlockName block : present) {
            if (geometry.blockLength(block, header.fileLength(block.file())) == 0) {
                find(
                        names.block(block),
                        "lies behind the end of the " + block.file().key() + " file");
            }
        }
        long total = 0;
        for (TableFile file : TableFile.values()) {
            total += geometry.blockCount(file, header.fileLength(file));
        }
        var verifier = new BlockVerifier(store, names, geometry, header.fileLength(TableFile.DATA));
        Semaphore free = new Semaphore(concurrency);
        for (TableFile file : TableFile.values()) {
            long fileBytes = header.fileLength(file);
            long count = geometry.blockCount(file, fileBytes);
            for (long number = 1; number <= count && goesOn(); number++) {
                var block = new BlockName(file, number);
                if (!present.contains(block)) {
                    find(names.block(block), "is missing");
                    done(total);
                    continue;
                }
                int length = geometry.blockLength(block, fileBytes);
                long blocksTotal = total;
                free.acquireUninterruptibly();
                executor.execute(
                        () -> {
                            try {
                                checkBlock(block, length, geometry, verifier);
                                done(blocksTotal);
                            } catch (IOException | RuntimeException | Error e) {
                                fail(e);
                            } finally {
                                free.release();
                            }
                        });
            }
        }
        free.acquireUninterruptibly(concurrency);
        rethrow();
    }

    private void checkBlock(
            BlockName block, int length, TableGeometry geometry, BlockVerifier verifier)
            throws IOException {
        String key = names.block(block);
        Optional<StoredObject> object = store.get(key);
        if (object.isEmpty()) {
            find(key, "is missing");
            return;
        }
        try {
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

    private synchronized void done(long total) {
        blocksDone++;
        progress.blocksDone(blocksDone, total);
    }

    private synchronized void fail(Throwable e) {
        if (failure == null) {
            failure = e;
        } else {
            failure.addSuppressed(e);
        }
    }

    private synchronized boolean goesOn() {
        return failure == null;
    }

    private synchronized void rethrow() throws IOException {
        switch (failure) {
            case null -> {}
            case IOException e -> throw e;
            case RuntimeException e -> throw e;
            case Error e -> throw e;
            default -> throw new AssertionError(failure);
        }
    }

    private synchronized Result result() {
        return new Result(table, blocks, pages, List.copyOf(findings), findingsTotal);
    }
}
