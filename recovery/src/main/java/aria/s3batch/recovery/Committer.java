package aria.s3batch.recovery;

import aria.s3batch.diskcache.CacheFullException;
import aria.s3batch.diskcache.Disk;
import aria.s3batch.diskcache.StagedPages;
import aria.s3batch.format.AriaHeader;
import aria.s3batch.format.BatchId;
import aria.s3batch.format.BlockName;
import aria.s3batch.format.DamagedTableException;
import aria.s3batch.format.FrmImage;
import aria.s3batch.format.HeaderRules;
import aria.s3batch.format.ObjectNames;
import aria.s3batch.format.PageVerifier;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableGeometry;
import aria.s3batch.format.TableName;
import aria.s3batch.s3block.BaseTable;
import aria.s3batch.s3block.BatchLocks;
import aria.s3batch.s3block.ObjectStore;
import aria.s3batch.s3block.ObjectVersion;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.random.RandomGenerator;

/**
 * Commits a batch (DESIGN, "Journal and commit"): {@link #check} proves that it may be committed, and
 * changes nothing; {@link #copy} puts a copy into the bucket, for batches that are to survive their host;
 * {@link #makeDurable} is the step after which a batch cannot be lost.
 *
 * <p>Invariants: C1 no table has a header that breaks {@link HeaderRules}. C2 each file is exactly as long
 * as its header says. C3 {@code aria}, {@code frm} and every touched block are what the batch is based
 * on; those of which old pages are needed have been read, and found whole. C4 page files are synced before the journal names them, the journal before the mark, the mark
 * before the answer. C5 a commit begins only where the disk has room for it: a journal that failed half
 * way ends the daemon.
 */
public final class Committer {
    /** Free disk that a commit asks for, beside its page table: the journal's log, its tables, their merging. */
    private static final long JOURNAL_BYTES = 16 << 20;

    /** Of the journal, for each staged page: 12 in its log, as many in a table, and some air. */
    private static final long JOURNAL_BYTES_PER_PAGE = 32;

    private final ObjectStore store;
    private final CommitJournal journal;
    private final Disk disk;
    private final InstantSource clock;
    private final Executor executor;
    private final int concurrency;
    private final RandomGenerator random;
    private final BucketJournal copies;

    /**
     * @param random of which new versions of definitions are made, and names of copies
     */
    public Committer(
            ObjectStore store,
            CommitJournal journal,
            Disk disk,
            InstantSource clock,
            Executor executor,
            int concurrency,
            RandomGenerator random) {
        this.store = store;
        this.journal = journal;
        this.disk = disk;
        this.clock = clock;
        this.executor = executor;
        this.concurrency = concurrency;
        this.random = random;
        this.copies = new BucketJournal(store, executor);
    }

    /**
     * A batch that passed every check and is sealed.
     *
     * @param blocks one list a table, as the journal takes them
     */
    public record Checked(
            BatchFolder folder,
            BatchRecord batch,
            List<List<BlockRecord>> blocks,
            List<OpenTable> tables) {

        /** Whether there is nothing to write: no page was staged, or only what S3 has already. */
        public boolean isEmpty() {
            return batch.tables().stream().noneMatch(TableRecord::headerChanged)
                    && blocks.stream().allMatch(List::isEmpty);
        }

        /** The same, asked for by a user of this name. */
        public Checked by(String user) {
            return new Checked(folder, batch.committedBy(user), blocks, tables);
        }

        /** The same, with what is needed to undo it left behind or not. */
        public Checked keepingUndo(boolean keep) {
            return new Checked(folder, batch.keepingUndo(keep), blocks, tables);
        }

        private Checked withCopy(String name) {
            return new Checked(folder, batch.withCopy(name, false), blocks, tables);
        }
    }

    /**
     * Checks C1 to C3 on tables that the caller has sealed.
     *
     * @param staged what each table's seal gave
     * @param readers what they see of it
     * @throws CommitRefusedException the batch cannot be committed as it is; unseal it, it stays open
     * @throws BaseChangedException an object was changed by another writer since the batch began; as above
     * @throws CacheFullException the disk has no room for the journal; as above
     * @throws IOException store or disk failed; as above, and the same commit may work later
     */
    public Checked check(
            BatchFolder folder, List<OpenTable> tables, List<StagedPages> staged, Readers readers)
            throws IOException {
        List<TableRecord> records = new ArrayList<>();
        List<List<BlockRecord>> blocks = new ArrayList<>();
        Map<TableName, DefinitionRecord> definitions = new LinkedHashMap<>();
        Set<TableName> definitionsChecked = new HashSet<>();
        for (int i = 0; i < tables.size(); i++) {
            OpenTable table = tables.get(i);
            StagedPages pages = staged.get(i);
            TableRecord record = record(table, pages);
            checkPages(table, record, pages);
            List<BlockRecord> plan =
                    ApplyPlan.blocks(record.geometry(), record.index(), record.data(), pages);
            DefinitionRecord known = definitions.get(record.base().table().base());
            boolean touched = record.headerChanged() || !plan.isEmpty();
            if (touched) {
                TableName defined = record.base().table().base();
                plan = onUnchangedBase(table, record, plan, definitionsChecked.add(defined));
            }
            if (known == null || touched && !known.isRenewed()) {
                DefinitionRecord definition =
                        definition(record.base(), touched ? readers : Readers.NONE);
                definitions.put(definition.table(), definition);
            }
            records.add(record);
            blocks.add(plan);
        }
        BatchId id = folder.batch();
        var batch =
                new BatchRecord(
                        id,
                        BatchRecord.State.COMMITTED,
                        clock.millis(),
                        "",
                        "",
                        false,
                        readers,
                        "",
                        false,
                        0,
                        false,
                        false,
                        List.copyOf(definitions.values()),
                        records);
        var checked = new Checked(folder, batch, blocks, tables);
        if (!checked.isEmpty()) {
            requireRoom(folder, tables);
        }
        return checked;
    }

    /** What becomes of the definition of a table. */
    private DefinitionRecord definition(BaseTable base, Readers readers)
            throws CommitRefusedException {
        byte[] version = DefinitionRecord.NO_VERSION;
        if (readers != Readers.NONE) {
            version = new byte[FrmImage.VERSION_BYTES];
            random.nextBytes(version);
        }
        var definition =
                new DefinitionRecord(base.table().base(), base.frm(), base.frmEtag(), version);
        if (definition.isRenewed()) {
            try {
                definition.renewed();
            } catch (DamagedTableException e) {
                throw new CommitRefusedException(
                        base.table(),
                        List.of(
                                "its definition cannot be given a new version (%s); with readers none it stays as it is, and servers need FLUSH TABLES"
                                        .formatted(e.getMessage())));
            }
        }
        return definition;
    }

    /** C5. */
    private void requireRoom(BatchFolder folder, List<OpenTable> tables) throws IOException {
        long pages = tables.stream().mapToLong(table -> table.cache().pages()).sum();
        long needed = JOURNAL_BYTES + pages * JOURNAL_BYTES_PER_PAGE;
        Path root = folder.cacheDir().root();
        long free = disk.freeBytes(root);
        if (free < needed) {
            throw new CacheFullException(
                    "the disk of %s is full: %d MiB are free, and the journal needs %d. Nothing was changed, the batch is still open: free space there, or abort other batches, then commit again"
                            .formatted(root, free >> 20, needed >> 20));
        }
    }

    /** C1 and C2, and what the table becomes. */
    private static TableRecord record(OpenTable table, StagedPages pages) throws IOException {
        BaseTable base = table.base();
        AriaHeader before = base.header().asLocal();
        ByteBuffer bytes = ByteBuffer.allocate(base.header().keystart());
        table.cache().read(TableFile.INDEX, 0, bytes);
        AriaHeader after;
        try {
            after = AriaHeader.parse(bytes.array(), "the staged header");
        } catch (DamagedTableException e) {
            throw new CommitRefusedException(base.table(), List.of(String.valueOf(e.getMessage())));
        }
        List<String> refusals = new ArrayList<>(HeaderRules.refusals(before, after));
        Map<TableFile, Long> lastPages = new EnumMap<>(TableFile.class);
        pages.forEach((file, page, slot, crc32c, unverified) -> lastPages.put(file, page));
        Optional<FileLengths> index = lengths(table, after, TableFile.INDEX, lastPages, refusals);
        Optional<FileLengths> data = lengths(table, after, TableFile.DATA, lastPages, refusals);
        if (!refusals.isEmpty() || index.isEmpty() || data.isEmpty()) {
            throw new CommitRefusedException(base.table(), refusals);
        }
        ApplyPlan.refusal(base.geometry(), TableFile.INDEX, index.get(), pages)
                .ifPresent(refusals::add);
        ApplyPlan.refusal(base.geometry(), TableFile.DATA, data.get(), pages)
                .ifPresent(refusals::add);
        if (!refusals.isEmpty()) {
            throw new CommitRefusedException(base.table(), refusals);
        }
        AriaHeader published =
                after.equals(before) ? base.header() : after.withS3FieldsOf(base.header());
        return new TableRecord(base, published, index.get(), data.get());
    }

    private static Optional<FileLengths> lengths(
            OpenTable table,
            AriaHeader after,
            TableFile file,
            Map<TableFile, Long> lastPages,
            List<String> refusals) {
        long says = after.fileLength(file);
        long staged = table.cache().length(file);
        if (says > staged) {
            refusals.add(
                    "its header says that the %s file has %d bytes, but with the staged pages it has %d: stage the missing pages"
                            .formatted(file.key(), says, staged));
            return Optional.empty();
        }
        long lastPage = lastPages.getOrDefault(file, -1L);
        long pageBytes = after.pageBytes();
        if ((lastPage + 1) * pageBytes > says) {
            refusals.add(
                    "page %d of the %s file is staged, but its header says that the file ends at page %d: stage the header that belongs to the pages"
                            .formatted(lastPage, file.key(), says / pageBytes - 1));
            return Optional.empty();
        }
        long base = table.base().header().fileLength(file);
        long kept = Math.min(table.cache().baseVisibleBytes(file), says);
        return Optional.of(new FileLengths(base, kept, says));
    }

    /**
     * Pages that were written in parts have not been checked yet: now they must be whole. So must the
     * page that a truncation went through, where the file has grown again.
     */
    private static void checkPages(OpenTable table, TableRecord record, StagedPages pages)
            throws IOException {
        TableGeometry geometry = record.geometry();
        var verifier = new PageVerifier(geometry.pageBytes(), geometry.headerPages());
        int pageBytes = geometry.pageBytes();
        ByteBuffer image = ByteBuffer.allocate(pageBytes);
        List<String> refusals = new ArrayList<>();
        pages.forEach(
                (file, page, slot, crc32c, unverified) -> {
                    if (unverified && refusals.isEmpty()) {
                        table.cache().read(file, page * pageBytes, image.clear());
                        verifier.problem(file, page, image.array(), 0).ifPresent(refusals::add);
                    }
                });
        for (TableFile file : TableFile.values()) {
            long kept = record.lengths(file).keptBytes();
            if (kept % pageBytes != 0) {
                long page = kept / pageBytes;
                table.cache().read(file, page * pageBytes, image.clear());
                verifier.problem(file, page, image.array(), 0).ifPresent(refusals::add);
            }
        }
        if (!refusals.isEmpty()) {
            throw new CommitRefusedException(record.base().table(), refusals);
        }
    }

    /** C3: one HEAD for the header, each block and, if it is asked for, the frm, in parallel. */
    private List<BlockRecord> onUnchangedBase(
            OpenTable table, TableRecord record, List<BlockRecord> plan, boolean definitionToo)
            throws IOException {
        BaseTable base = record.base();
        var names = new ObjectNames(base.table());
        List<BlockRecord> based = new ArrayList<>(Collections.nCopies(plan.size(), null));
        var inFlight = new InFlight(executor, concurrency);
        inFlight.start(() -> unchanged(names.header(), base.headerEtag()));
        if (definitionToo) {
            inFlight.start(() -> unchanged(names.frm(), base.frmEtag()));
        }
        for (BlockName first : ApplyPlan.firstBlocks(record, plan)) {
            inFlight.start(() -> cutAsTheHeaderSays(table, record, first, plan));
        }
        for (int i = 0; i < plan.size(); i++) {
            int at = i;
            inFlight.start(
                    () -> {
                        BlockRecord block = onUnchangedBase(table, record, names, plan.get(at));
                        synchronized (based) {
                            based.set(at, block);
                        }
                    });
        }
        inFlight.finish();
        return based;
    }

    private void unchanged(String key, String etag) throws IOException {
        Optional<ObjectVersion> found = store.head(key);
        if (found.isEmpty() || !found.get().etag().equals(etag)) {
            throw new BaseChangedException(key, etag, found.map(ObjectVersion::etag).orElse(null));
        }
    }

    private BlockRecord onUnchangedBase(
            OpenTable table, TableRecord record, ObjectNames names, BlockRecord planned)
            throws IOException {
        BlockName block = planned.block();
        String key = names.block(block);
        Map<BlockName, String> read = table.reader().etags();
        @Nullable String expected = read.get(block);
        Optional<ObjectVersion> found = store.head(key);
        @Nullable String etag = found.map(ObjectVersion::etag).orElse(null);
        int baseLength = record.baseLength(block);
        if (expected != null && !expected.equals(etag)) {
            throw new BaseChangedException(key, expected, etag);
        }
        if (baseLength > 0 && found.isEmpty()) {
            throw new DamagedTableException(
                    key, "a block of " + baseLength + " bytes", "no object");
        }
        // Behind the table's end an object is a stray that no reader asks for: it may be replaced,
        // but
        // only as it was seen here.
        if (baseLength > 0) {
            checkLength(record, block, found);
        }
        if (record.needsBase(planned)) {
            table.reader().require(block);
            String readNow = read.get(block);
            if (!Objects.equals(readNow, etag)) {
                throw new BaseChangedException(key, etag, readNow);
            }
        }
        return planned.withBaseEtag(etag);
    }

    /**
     * No checksum covers the header. With a wrong block size in it every block but the first would be
     * taken for another, and one that is staged whole be written over it without being read.
     */
    private void cutAsTheHeaderSays(
            OpenTable table, TableRecord record, BlockName first, List<BlockRecord> plan)
            throws IOException {
        if (record.geometry().compressed()) {
            table.reader().require(first);
        } else if (!table.reader().hasRead(first)
                && plan.stream().noneMatch(block -> block.block().equals(first))) {
            String key = new ObjectNames(record.base().table()).block(first);
            checkLength(record, first, store.head(key));
        }
    }

    private void checkLength(TableRecord record, BlockName block, Optional<ObjectVersion> found)
            throws IOException {
        int expected = record.baseLength(block);
        long length = found.map(ObjectVersion::lengthBytes).orElse(0L);
        if (!record.geometry().compressed() && length != expected) {
            String key = new ObjectNames(record.base().table()).block(block);
            // of the HEAD a part may have been lost, in mid-number; of a GET it cannot
            long stored = store.get(key).map(object -> object.version().lengthBytes()).orElse(0L);
            if (stored != expected) {
                throw new DamagedTableException(key, expected + " bytes", stored + " bytes");
            }
        }
    }

    /**
     * Writes a copy into the bucket, under a name that no other attempt has. It counts when all locks of the
     * batch name it, see {@link BatchLocks#commit}.
     *
     * @return what to make durable then; its batch has the name
     * @throws IOException some of the copy may be there, see {@link #dropCopies}; the batch stays open
     */
    public Checked copy(Checked checked, BatchLocks locks) throws IOException {
        Checked named = checked.withCopy(HexFormat.of().toHexDigits(random.nextLong()));
        copies.write(named.batch(), named.blocks(), named.folder(), locks);
        return named;
    }

    /**
     * Deletes what there is of copies of a batch that is not committed.
     *
     * @throws IOException nobody answers: some may be left
     */
    public void dropCopies(BatchId batch) throws IOException {
        copies.delete(batch);
    }

    /**
     * The commit point. On return the batch survives kill, power loss and a full disk.
     *
     * @throws IOException a sync or the journal failed: what is on disk is unknown, the daemon must stop
     *     and recover by reading
     */
    public void makeDurable(Checked checked) throws IOException {
        BatchFolder folder = checked.folder();
        for (OpenTable table : checked.tables()) {
            table.cache().sync();
        }
        disk.syncDirectory(folder.path());
        disk.syncDirectory(folder.cacheDir().batches());
        disk.syncDirectory(folder.cacheDir().root());
        journal.commit(checked.batch(), checked.blocks());
        folder.mark();
    }
}
