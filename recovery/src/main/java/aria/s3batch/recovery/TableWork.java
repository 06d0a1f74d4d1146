package aria.s3batch.recovery;

import aria.s3batch.diskcache.BlockCache;
import aria.s3batch.diskcache.PageFile;
import aria.s3batch.format.BlockFrame;
import aria.s3batch.format.BlockName;
import aria.s3batch.format.DamagedTableException;
import aria.s3batch.format.ObjectNames;
import aria.s3batch.format.PageVerifier;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableGeometry;
import aria.s3batch.s3block.BaseBlock;
import aria.s3batch.s3block.BlockRewrite;
import aria.s3batch.s3block.Condition;
import aria.s3batch.s3block.ConditionalWrite;
import aria.s3batch.s3block.DeleteOutcome;
import aria.s3batch.s3block.ObjectVersion;
import aria.s3batch.s3block.PutAnswer;
import aria.s3batch.s3block.PutOutcome;
import aria.s3batch.s3block.StoreBusyException;
import aria.s3batch.s3block.StoreUnreachableException;
import aria.s3batch.s3block.StoredObject;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.NoSuchFileException;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.function.BooleanSupplier;

/**
 * The blocks of one table while its batch is applied; its header is the business of {@link
 * DefinitionWork}. Blocks are written by several threads, all else is done by one.
 */
final class TableWork implements AutoCloseable {
    /** Of a page file, at once. */
    private static final int READ_BYTES = 256 << 10;

    private final Applier.Rooms rooms;
    private final Patience patience;
    private final BatchRecord batch;
    private final BatchFolder folder;
    private final int number;
    private final TableRecord table;
    private final TableGeometry geometry;
    private final ObjectNames names;
    private final List<BlockRecord> blocks;
    private final Map<String, DoneObject> done;
    private final ApplyProgress progress;
    private @Nullable PageFile pageFile;

    /**
     * @param number the table's in the batch
     * @param blocks what the journal says that the batch does to its blocks
     * @param done objects of the table noted as done before
     */
    TableWork(
            Applier.Rooms rooms,
            Patience patience,
            BatchRecord batch,
            BatchFolder folder,
            int number,
            List<BlockRecord> blocks,
            Map<String, DoneObject> done,
            ApplyProgress progress) {
        this.rooms = rooms;
        this.patience = patience;
        this.batch = batch;
        this.folder = folder;
        this.number = number;
        this.table = batch.tables().get(number);
        this.geometry = table.geometry();
        this.names = new ObjectNames(table.base().table());
        this.blocks = blocks;
        this.done = Map.copyOf(done);
        this.progress = progress;
    }

    TableRecord table() {
        return table;
    }

    ObjectNames names() {
        return names;
    }

    /** Whether the batch changes anything in this table. */
    boolean isTouched() {
        return table.headerChanged() || !blocks.isEmpty();
    }

    int blockCount() {
        return blocks.size();
    }

    int doneCount() {
        return done.size();
    }

    /** The ETag under which an object of the table was noted as done before this apply; null if not. */
    @Nullable String doneEtag(String object) {
        DoneObject noted = done.get(object);
        return noted == null ? null : noted.etag();
    }

    private boolean isDone(BlockRecord block) {
        return done.containsKey(block.block().toString());
    }

    /** Whether every block to be written was noted as written before this apply. */
    boolean isWritten() {
        return blocks.stream().allMatch(block -> table.deletes(block) || isDone(block));
    }

    /** Notes that an object is as the batch wants it. */
    void done(String object, String etag) throws IOException {
        done(object, DoneObject.of(etag));
    }

    private void done(String object, DoneObject noted) throws IOException {
        rooms.journal().objectDone(batch.id(), number, object, noted);
        progress.objectDone();
    }

    /** CRC-32C of the stored bytes of a block, as far as they were at hand; for the receipt. */
    private static final class Crcs {
        @Nullable Integer base;
        @Nullable Integer written;
    }

    private PageFile openPages() throws IOException {
        try {
            PageFile file = PageFile.open(rooms.disk(), folder.pageFile(number));
            if (file.batch().equals(batch.id()) && file.table().equals(table.base().table())) {
                return file;
            }
            file.close();
            throw new MissingPagesException(
                    "%s holds pages of batch %s, table %s: not those of this batch"
                            .formatted(file.path(), file.batch(), file.table().display()));
        } catch (NoSuchFileException e) {
            throw new MissingPagesException(
                    ("the pages of this committed batch are gone: %s does not exist. Put the file"
                         + " back and resolve with --retry, or check the table and resolve with"
                         + " --discard")
                            .formatted(folder.pageFile(number)));
        }
    }

    /** A1. Opens the page file, if there are pages. */
    void verifyPages(BooleanSupplier stop) throws IOException {
        if (blocks.stream().allMatch(block -> block.pages().size() == 0)) {
            return;
        }
        pageFile = openPages();
        var verifier = new PageVerifier(geometry.pageBytes(), geometry.headerPages());
        var inFlight = new InFlight(rooms.executor(), rooms.concurrency());
        boolean stopped = false;
        for (BlockRecord record : blocks) {
            if (isDone(record)) {
                continue;
            }
            stopped = stop.getAsBoolean();
            if (stopped || !inFlight.start(() -> verifyPages(record, verifier))) {
                break;
            }
        }
        inFlight.finish();
        if (stopped) {
            throw new StoppedException();
        }
    }

    private void verifyPages(BlockRecord record, PageVerifier verifier) throws IOException {
        long firstPage = geometry.firstPage(record.block());
        TableFile file = record.block().file();
        readPages(
                record.pages(),
                (pageInBlock, images, offset) -> {
                    Optional<String> problem =
                            verifier.problem(file, firstPage + pageInBlock, images, offset);
                    if (problem.isPresent()) {
                        throw new DamagedTableException(
                                "staged page in " + names.block(record.block()),
                                "a page as Aria writes it",
                                problem.get());
                    }
                });
    }

    private interface PageVisitor {
        /**
         * @param images holds the page at {@code offset}
         */
        void page(int pageInBlock, byte[] images, int offset) throws IOException;
    }

    /** Shows the staged pages of a block, read from disk and verified, those in neighbouring slots at once. */
    private void readPages(PageTable pages, PageVisitor visitor) throws IOException {
        PageFile file = pageFile;
        assert file != null || pages.size() == 0 : "pages without a page file";
        int pageBytes = geometry.pageBytes();
        ByteBuffer images = ByteBuffer.allocate(Math.min(READ_BYTES, pages.size() * pageBytes));
        for (int i = 0; file != null && i < pages.size(); ) {
            int[] crcs = pages.crcsOfRun(i, images.capacity() / pageBytes);
            file.readVerified(pages.slot(i), crcs, images.clear());
            for (int k = 0; k < crcs.length; k++) {
                visitor.page(pages.pageInBlock(i + k), images.array(), k * pageBytes);
            }
            i += crcs.length;
        }
    }

    /**
     * Lays aside every block that the batch overwrites or deletes.
     *
     * @throws UndoLostException one is written already: what it was is gone
     */
    SortedMap<BlockName, UndoSet.Copy> copyBlocks(BooleanSupplier stop) throws IOException {
        SortedMap<BlockName, UndoSet.Copy> copies = new ConcurrentSkipListMap<>();
        List<BlockRecord> there =
                blocks.stream().filter(block -> table.baseLength(block.block()) > 0).toList();
        new PacedBlocks(rooms.executor(), rooms.concurrency(), patience, stop, there)
                .run(block -> copies.put(block.block(), copied(block)));
        return copies;
    }

    private UndoSet.Copy copied(BlockRecord block) throws IOException {
        String key = names.block(block.block());
        String etag = block.baseEtag();
        if (etag == null) {
            throw new BaseChangedException(key, null, null);
        }
        String copyKey = UndoSet.key(batch.id(), key);
        @Nullable PutAnswer answer = null;
        for (int attempt = 1; answer == null; attempt++) {
            try {
                answer = rooms.store().copy(key, etag, copyKey);
            } catch (StoreBusyException e) {
                throw e;
            } catch (StoreUnreachableException e) {
                patience.noteLateCopy();
                patience.pauseOrGiveUp(attempt, e);
            }
        }
        if (answer instanceof PutAnswer.Stored stored) {
            progress.step();
            return new UndoSet.Copy(etag, stored.etag());
        }
        Optional<ObjectVersion> now = patience.answered(() -> rooms.store().head(key));
        if (now.filter(found -> rooms.writes().isWriteOf(found, batch.id())).isPresent()) {
            throw new UndoLostException();
        }
        throw new BaseChangedException(key, etag, now.map(ObjectVersion::etag).orElse(null));
    }

    /** Writes every block that the batch changes or creates. */
    void putBlocks(BooleanSupplier stop) throws IOException {
        forEachBlock(false, stop, this::putBlock);
    }

    /** Counts as done what {@link #putBlocks} would find written: somebody knows that all of it is. */
    void passOverBlocks() {
        for (BlockRecord block : blocks) {
            if (!table.deletes(block) && !isDone(block)) {
                progress.objectDone();
            }
        }
    }

    /** As {@link #passOverBlocks}, for the header. */
    void passOverHeader() {
        if (doneEtag(ObjectNames.HEADER) == null) {
            progress.objectDone();
        }
    }

    /** Whether it has fewer blocks than before. */
    boolean deletes() {
        return blocks.stream().anyMatch(table::deletes);
    }

    /** Deletes the blocks behind the table's new end. */
    void deleteBlocks(BooleanSupplier stop) throws IOException {
        forEachBlock(true, stop, this::deleteBlock);
    }

    private void forEachBlock(boolean deletions, BooleanSupplier stop, PacedBlocks.Step step)
            throws IOException {
        List<BlockRecord> left =
                blocks.stream()
                        .filter(block -> table.deletes(block) == deletions && !isDone(block))
                        .toList();
        new PacedBlocks(rooms.executor(), rooms.concurrency(), patience, stop, left).run(step);
    }

    private void putBlock(BlockRecord planned) throws IOException {
        BlockRecord block = planned;
        String key = names.block(block.block());
        var crcs = new Crcs();
        for (int attempt = 1; ; attempt++) {
            PutOutcome outcome;
            try {
                outcome = settled(block, key, tryBlock(block, key, crcs), crcs);
            } catch (StoreBusyException e) {
                throw e;
            } catch (StoreUnreachableException e) {
                outcome = new PutOutcome.Unknown(e);
            }
            switch (outcome) {
                case PutOutcome.Landed landed -> {
                    done(
                            block.block().toString(),
                            new DoneObject(landed.etag(), crcs.written, crcs.base));
                    return;
                }
                case PutOutcome.ForeignWrite foreign -> {
                    if (!batch.force() || attempt >= Patience.ATTEMPTS) {
                        throw new BaseChangedException(key, block.baseEtag(), foreign.foundEtag());
                    }
                    block = block.withBaseEtag(foreign.foundEtag());
                    crcs = new Crcs();
                    rooms.journal().rebase(batch.id(), number, block);
                }
                case PutOutcome.Unknown(StoreBusyException busy) -> throw busy;
                case PutOutcome.Unknown unknown -> {
                    patience.noteLateWrite();
                    patience.pauseOrGiveUp(attempt, unknown.cause());
                }
            }
        }
    }

    private PutOutcome tryBlock(BlockRecord record, String key, Crcs crcs) throws IOException {
        // base, new bytes, and one more while the base is taken from the cache; or compressed
        // bytes, twice
        int copies = geometry.compressed() ? 4 : 3;
        int kib = Math.min(rooms.memoryKib(), copies * geometry.blockBytes() / 1024);
        rooms.memory().acquireUninterruptibly(kib);
        try {
            String etag = record.baseEtag();
            byte @Nullable [] base = null;
            Optional<byte[]> cached = Optional.empty();
            if (table.needsBase(record)) {
                if (etag == null) { // a force took note that somebody deleted it
                    throw new DamagedTableException(
                            key,
                            "a block, of which pages that are not staged are needed",
                            "no object");
                }
                cached = cachedBase(record.block(), etag);
                if (cached.isEmpty()) {
                    StoredObject found = rooms.store().get(key).orElse(null);
                    if (found == null || !found.version().etag().equals(etag)) {
                        return new PutOutcome.ForeignWrite(
                                found == null ? null : found.version().etag());
                    }
                    crcs.base = Crc32c.of(found.body());
                    base = decode(record.block(), found);
                } else if (!geometry.compressed()) { // the cache has it decoded
                    crcs.base = Crc32c.of(cached.get());
                }
            }
            byte[] decoded =
                    cached.isPresent()
                            ? overlayInPlace(record, cached.get())
                            : overlay(record, base);
            byte[] body = BlockFrame.encode(decoded, decoded.length, geometry.compressed());
            crcs.written = Crc32c.of(body);
            progress.put(body.length);
            PutOutcome outcome =
                    rooms.writes()
                            .write(
                                    key,
                                    body,
                                    etag == null ? Condition.ifAbsent() : Condition.ifMatch(etag),
                                    batch.id());
            if (base != null && etag != null && isBusy(outcome)) {
                keepForTheNextTry(record.block(), base, etag);
            }
            return outcome;
        } finally {
            rooms.memory().release(kib);
        }
    }

    /**
     * What is not the base is ours from before a crash, or somebody else's. Ours may differ from what was
     * just sent: another zlib packs the same block otherwise.
     */
    private PutOutcome settled(BlockRecord record, String key, PutOutcome outcome, Crcs crcs)
            throws IOException {
        if (!(outcome instanceof PutOutcome.ForeignWrite)) {
            return outcome;
        }
        Optional<ObjectVersion> ours = rooms.writes().landedEarlier(key, batch.id());
        ours.flatMap(ConditionalWrite::crc32c).ifPresent(crc -> crcs.written = crc);
        if (ours.isEmpty() && batch.force()) {
            // Where metadata is dropped nothing says whose it is; to a force that is the same.
            Optional<StoredObject> found = rooms.store().get(key);
            if (found.isPresent() && isAsWanted(record, found.get().body())) {
                crcs.written = Crc32c.of(found.get().body());
                ours = found.map(StoredObject::version);
            }
        }
        return ours.<PutOutcome>map(version -> new PutOutcome.Landed(version.etag()))
                .orElse(outcome);
    }

    /** Whether a block has its new length, and the batch would change nothing in it. */
    private boolean isAsWanted(BlockRecord record, byte[] body) throws IOException {
        byte[] found;
        try {
            int length = table.newLength(record.block());
            found = BlockFrame.decode(body, length, geometry.compressed(), "");
        } catch (DamagedTableException e) {
            return false; // of another length, for one: then it is the base, if anything
        }
        return Arrays.equals(found, overlay(record, found));
    }

    private static boolean isBusy(PutOutcome outcome) {
        return outcome instanceof PutOutcome.Unknown(StoreBusyException busy);
    }

    private BlockCache.Key cacheKey(BlockName block) {
        return new BlockCache.Key(batch.id(), number, block);
    }

    /** A store that is asked too often is not asked for the block again. */
    private void keepForTheNextTry(BlockName block, byte[] base, String etag) {
        rooms.blockCache()
                .filter(cache -> cache.find(cacheKey(block)).isEmpty())
                .ifPresent(cache -> cache.put(cacheKey(block), ByteBuffer.wrap(base), etag));
    }

    private Optional<byte[]> cachedBase(BlockName block, String etag) {
        if (rooms.blockCache().isEmpty()) {
            return Optional.empty();
        }
        ByteBuffer bytes = ByteBuffer.allocate(table.baseLength(block));
        return rooms.blockCache()
                .get()
                .read(cacheKey(block), 0, bytes)
                .filter(cached -> cached.etag().equals(etag))
                .map(cached -> bytes.array());
    }

    private byte[] decode(BlockName block, StoredObject object) throws IOException {
        int length = table.baseLength(block);
        int newLength = table.newLength(block);
        try {
            return decode(block, object, length);
        } catch (DamagedTableException e) {
            if (!batch.force() || newLength == length) {
                throw e;
            }
            // A force may build on what somebody made of our own block, before we noted it.
            return decode(block, object, newLength);
        }
    }

    private byte[] decode(BlockName block, StoredObject object, int length) throws IOException {
        return BaseBlock.of(rooms.store(), table.base(), block, length, object).bytes();
    }

    private byte[] overlay(BlockRecord record, byte @Nullable [] base) throws IOException {
        BlockName block = record.block();
        int length = table.newLength(block);
        return overlaid(
                record,
                new BlockRewrite(geometry.pageBytes(), base, table.keptLength(block), length));
    }

    private byte[] overlayInPlace(BlockRecord record, byte[] base) throws IOException {
        BlockName block = record.block();
        int length = table.newLength(block);
        return overlaid(
                record,
                BlockRewrite.inPlace(geometry.pageBytes(), base, table.keptLength(block), length));
    }

    private byte[] overlaid(BlockRecord record, BlockRewrite rewrite) throws IOException {
        readPages(record.pages(), rewrite::overlay);
        return rewrite.finish();
    }

    private void deleteBlock(BlockRecord record) throws IOException {
        BlockName block = record.block();
        String key = names.block(block);
        String etag = record.baseEtag();
        if (etag == null) {
            done(block.toString(), "");
            return;
        }
        for (int attempt = 1; ; attempt++) {
            switch (rooms.writes().delete(key, etag)) {
                case DeleteOutcome.Gone gone -> {
                    done(block.toString(), "");
                    return;
                }
                case DeleteOutcome.ForeignWrite foreign -> {
                    if (!batch.force() || attempt >= Patience.ATTEMPTS) {
                        throw new BaseChangedException(key, etag, foreign.foundEtag());
                    }
                    etag = foreign.foundEtag();
                }
                case DeleteOutcome.Unknown(StoreBusyException busy) -> throw busy;
                case DeleteOutcome.Unknown unknown -> {
                    patience.noteLateWrite();
                    patience.pauseOrGiveUp(attempt, unknown.cause());
                }
            }
        }
    }

    @Override
    public void close() throws IOException {
        if (pageFile != null) {
            pageFile.close();
        }
    }
}
