package aria.s3batch.recovery;

import aria.s3batch.diskcache.BlockCache;
import aria.s3batch.diskcache.DamagedPageFileException;
import aria.s3batch.diskcache.Disk;
import aria.s3batch.diskcache.PageFile;
import aria.s3batch.format.AriaHeader;
import aria.s3batch.format.BlockFrame;
import aria.s3batch.format.BlockName;
import aria.s3batch.format.DamagedTableException;
import aria.s3batch.format.ObjectNames;
import aria.s3batch.format.PageVerifier;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableGeometry;
import aria.s3batch.s3block.BaseBlock;
import aria.s3batch.s3block.BaseTable;
import aria.s3batch.s3block.BlockRewrite;
import aria.s3batch.s3block.BucketMissingException;
import aria.s3batch.s3block.Condition;
import aria.s3batch.s3block.ConditionalWrite;
import aria.s3batch.s3block.DeleteOutcome;
import aria.s3batch.s3block.ObjectStore;
import aria.s3batch.s3block.ObjectVersion;
import aria.s3batch.s3block.PutOutcome;
import aria.s3batch.s3block.StoreRefusedException;
import aria.s3batch.s3block.StoreUnreachableException;
import aria.s3batch.s3block.StoredObject;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.NoSuchFileException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.concurrent.Semaphore;
import java.util.function.BooleanSupplier;

/**
 * Brings a committed batch into S3, live or after a crash: the same code, which may be killed at any
 * point and run again. Table by table: data and index blocks several at a time, then the header, then
 * deletions.
 *
 * <p>Invariants: A1 no PUT before every page that is still to be written has been read back and verified
 * (its CRC-32C and Aria's own checksum). A2 an object is overwritten or deleted only while it is what the
 * batch was based on. A3 the header is written when all blocks of its table are, surplus blocks are
 * deleted after it. A4 the journal forgets the batch before its pages are deleted, and says so durably.
 */
public final class Applier {
    private static final Logger log = LoggerFactory.getLogger(Applier.class);

    /** Attempts at one object with no clear answer, before the whole batch waits. */
    private static final int ATTEMPTS = 5;

    private static final Duration FIRST_PAUSE = Duration.ofMillis(200);

    private final ObjectStore store;
    private final ConditionalWrite writes;
    private final CommitJournal journal;
    private final Disk disk;
    private final Optional<BlockCache> blockCache;
    private final Executor executor;
    private final int concurrency;
    private final int memoryKib;
    private final Semaphore memory;
    private final Pauses pauses;

    /** Waits between attempts: a thread's sleep in the daemon, a step of its clock in a simulator. */
    public interface Pauses {
        void pause(Duration duration);
    }

    /**
     * @param blockCache blocks that the batch has read already; none after a crash
     * @param concurrency objects in flight, over all batches as far as {@code executor} goes
     * @param memoryBytes heap for blocks in flight, over all batches; a block takes up to four times its
     *     size, so fewer of the largest are in flight
     */
    public Applier(
            ObjectStore store,
            CommitJournal journal,
            Disk disk,
            Optional<BlockCache> blockCache,
            Executor executor,
            int concurrency,
            long memoryBytes,
            Pauses pauses) {
        this.store = store;
        this.writes = new ConditionalWrite(store);
        this.journal = journal;
        this.disk = disk;
        this.blockCache = blockCache;
        this.executor = executor;
        this.concurrency = concurrency;
        this.memoryKib = (int) Math.min(Integer.MAX_VALUE, memoryBytes / 1024);
        this.memory = new Semaphore(memoryKib, true);
        this.pauses = pauses;
    }

    /**
     * Applies what is left of a committed batch, and ends it.
     *
     * @param stop asked before each object; objects in flight finish
     * @throws IOException journal or local disk failed: the daemon must stop and recover by reading
     */
    public ApplyOutcome apply(
            BatchRecord batch, BatchFolder folder, ApplyProgress progress, BooleanSupplier stop)
            throws IOException {
        List<TableWork> tables = new ArrayList<>();
        try {
            try {
                openTables(batch, folder, progress, tables);
                for (TableWork table : tables) {
                    table.verifyPages(stop);
                }
                for (TableWork table : tables) {
                    table.checkBase();
                }
                for (TableWork table : tables) {
                    table.apply(stop);
                }
            } finally {
                for (TableWork table : tables) {
                    table.close();
                }
            }
            end(batch, folder, journal);
            return new ApplyOutcome.Applied();
        } catch (StoppedException e) {
            return new ApplyOutcome.Stopped();
        } catch (StoreUnreachableException | StoreRefusedException | BucketMissingException e) {
            return new ApplyOutcome.Waiting(String.valueOf(e.getMessage()));
        } catch (BaseChangedException
                | DamagedTableException
                | DamagedPageFileException
                | MissingPagesException e) {
            String reason = String.valueOf(e.getMessage());
            journal.update(batch.with(BatchRecord.State.QUARANTINED, reason, false));
            return new ApplyOutcome.Quarantined(reason);
        }
    }

    /**
     * Deletes a batch that is over, from disk and journal; it may be called again after a crash in it.
     * Nothing of the batch is left on return.
     */
    static void end(BatchRecord batch, BatchFolder folder, CommitJournal journal)
            throws IOException {
        journal.update(batch.with(BatchRecord.State.ENDED, "", false));
        folder.delete();
        journal.forget(batch.id());
    }

    private void openTables(
            BatchRecord batch, BatchFolder folder, ApplyProgress progress, List<TableWork> tables)
            throws IOException {
        long objects = 0;
        long objectsDone = 0;
        for (int i = 0; i < batch.tables().size(); i++) {
            List<BlockRecord> blocks = journal.blocks(batch.id(), i);
            Map<String, String> done = journal.objectsDone(batch.id(), i);
            TableRecord table = batch.tables().get(i);
            objects += blocks.size() + (table.headerChanged() ? 1 : 0);
            objectsDone += done.size();
            tables.add(new TableWork(batch, folder, i, table, blocks, done, progress));
        }
        progress.begin(objects, objectsDone);
    }

    /** Says that the pages of a committed batch cannot be found. */
    static final class MissingPagesException extends IOException {
        private static final long serialVersionUID = 1L;

        MissingPagesException(String message) {
            super(message);
        }
    }

    private static final class StoppedException extends IOException {
        private static final long serialVersionUID = 1L;
    }

    /** One table of the batch while it is applied. Used by several threads once its pages are verified. */
    private final class TableWork implements AutoCloseable {
        private final BatchRecord batch;
        private final int number;
        private final TableRecord table;
        private final TableGeometry geometry;
        private final ObjectNames names;
        private final List<BlockRecord> blocks;
        private final Map<String, String> done;
        private final ApplyProgress progress;
        private final @Nullable PageFile pageFile;

        TableWork(
                BatchRecord batch,
                BatchFolder folder,
                int number,
                TableRecord table,
                List<BlockRecord> blocks,
                Map<String, String> done,
                ApplyProgress progress)
                throws IOException {
            this.batch = batch;
            this.number = number;
            this.table = table;
            this.geometry = table.geometry();
            this.names = new ObjectNames(table.base().table());
            this.blocks = blocks;
            this.done = new HashMap<>(done);
            this.progress = progress;
            boolean hasPages = blocks.stream().anyMatch(block -> block.pages().size() > 0);
            this.pageFile = hasPages ? open(folder) : null;
        }

        private PageFile open(BatchFolder folder) throws IOException {
            try {
                PageFile file = PageFile.open(disk, folder.pageFile(number));
                if (file.batch().equals(batch.id()) && file.table().equals(table.base().table())) {
                    return file;
                }
                file.close();
                throw new MissingPagesException(
                        "%s holds pages of batch %s, table %s: not those of this batch"
                                .formatted(file.path(), file.batch(), file.table().display()));
            } catch (NoSuchFileException e) {
                throw new MissingPagesException(
                        ("the pages of this committed batch are gone: %s does not exist. Put the"
                             + " file back and resolve with --retry, or check the table and resolve"
                             + " with --discard")
                                .formatted(folder.pageFile(number)));
            }
        }

        private boolean isDone(BlockRecord block) {
            return done.containsKey(block.block().toString());
        }

        /** A1. */
        void verifyPages(BooleanSupplier stop) throws IOException {
            var verifier = new PageVerifier(geometry.pageBytes(), geometry.headerPages());
            ByteBuffer image = ByteBuffer.allocate(geometry.pageBytes());
            for (BlockRecord record : blocks) {
                if (isDone(record)) {
                    continue;
                }
                stopIfAsked(stop);
                PageTable pages = record.pages();
                for (int i = 0; i < pages.size(); i++) {
                    readPage(pages, i, image.clear());
                    long page = geometry.firstPage(record.block()) + pages.pageInBlock(i);
                    TableFile file = record.block().file();
                    Optional<String> problem = verifier.problem(file, page, image.array(), 0);
                    if (problem.isPresent()) {
                        throw new DamagedTableException(
                                "staged page in " + names.block(record.block()),
                                "a page as Aria writes it",
                                problem.get());
                    }
                }
            }
        }

        private void readPage(PageTable pages, int i, ByteBuffer into) throws IOException {
            PageFile file = pageFile;
            assert file != null : "pages without a page file";
            file.readVerified(pages.slot(i), pages.crc32c(i), into);
        }

        /**
         * A2 before the first write: who replaces or redefines a table changes its header or its
         * definition, and then not even blocks that are new may be written. Blocks are compared one by
         * one when they are written.
         */
        void checkBase() throws IOException {
            if (batch.force() || done.containsKey(ObjectNames.HEADER)) {
                return;
            }
            BaseTable base = table.base();
            StoredObject header = answered(() -> store.get(names.header())).orElse(null);
            boolean ours =
                    header != null
                            && table.headerChanged()
                            && Arrays.equals(header.body(), table.header().bytes());
            if (!ours) {
                requireBase(
                        names.header(),
                        base.headerEtag(),
                        header == null ? null : header.version().etag());
            }
            String frmEtag =
                    answered(() -> store.head(names.frm())).map(ObjectVersion::etag).orElse(null);
            requireBase(names.frm(), base.frmEtag(), frmEtag);
        }

        private static void requireBase(String key, String etag, @Nullable String found)
                throws BaseChangedException {
            if (!etag.equals(found)) {
                throw new BaseChangedException(key, etag, found);
            }
        }

        private interface Read<T> {
            T read() throws IOException;
        }

        private <T> T answered(Read<T> request) throws IOException {
            for (int attempt = 1; ; attempt++) {
                try {
                    return request.read();
                } catch (StoreUnreachableException e) {
                    pauseOrGiveUp(attempt, e);
                }
            }
        }

        void apply(BooleanSupplier stop) throws IOException {
            forEachBlock(false, stop, this::putBlock);
            stopIfAsked(stop);
            putHeader();
            forEachBlock(true, stop, this::deleteBlock);
        }

        private interface BlockStep {
            void run(BlockRecord block) throws IOException;
        }

        private void forEachBlock(boolean deletions, BooleanSupplier stop, BlockStep step)
                throws IOException {
            var inFlight = new InFlight(executor, concurrency);
            boolean stopped = false;
            for (BlockRecord block : blocks) {
                boolean deletes = table.deletes(block);
                if (deletes != deletions || isDone(block)) {
                    continue;
                }
                stopped = stop.getAsBoolean();
                if (stopped || !inFlight.start(() -> step.run(block))) {
                    break;
                }
            }
            inFlight.finish();
            if (stopped) {
                throw new StoppedException();
            }
        }

        private void stopIfAsked(BooleanSupplier stop) throws StoppedException {
            if (stop.getAsBoolean()) {
                throw new StoppedException();
            }
        }

        private void putBlock(BlockRecord planned) throws IOException {
            BlockRecord block = planned;
            String key = names.block(block.block());
            for (int attempt = 1; ; attempt++) {
                PutOutcome outcome;
                try {
                    outcome = settled(block, key, tryBlock(block, key));
                } catch (StoreUnreachableException e) {
                    outcome = new PutOutcome.Unknown(e);
                }
                switch (outcome) {
                    case PutOutcome.Landed landed -> {
                        done(block.block().toString(), landed.etag());
                        return;
                    }
                    case PutOutcome.ForeignWrite foreign -> {
                        if (!batch.force() || attempt >= ATTEMPTS) {
                            throw new BaseChangedException(
                                    key, block.baseEtag(), foreign.foundEtag());
                        }
                        block = block.withBaseEtag(foreign.foundEtag());
                        journal.rebase(batch.id(), number, block);
                    }
                    case PutOutcome.Unknown unknown -> pauseOrGiveUp(attempt, unknown.cause());
                }
            }
        }

        private PutOutcome tryBlock(BlockRecord record, String key) throws IOException {
            // base, new bytes, compressed bytes, and a copy for the wire
            int kib = Math.min(memoryKib, 4 * geometry.blockBytes() / 1024);
            memory.acquireUninterruptibly(kib);
            try {
                String etag = record.baseEtag();
                byte @Nullable [] base = null;
                if (table.needsBase(record)) {
                    if (etag == null) { // a force took note that somebody deleted it
                        throw new DamagedTableException(
                                key,
                                "a block, of which pages that are not staged are needed",
                                "no object");
                    }
                    Optional<byte[]> cached = cachedBase(record.block(), etag);
                    if (cached.isPresent()) {
                        base = cached.get();
                    } else {
                        StoredObject found = store.get(key).orElse(null);
                        if (found == null || !found.version().etag().equals(etag)) {
                            return new PutOutcome.ForeignWrite(
                                    found == null ? null : found.version().etag());
                        }
                        base = decode(record.block(), found);
                    }
                }
                byte[] decoded = overlay(record, base);
                byte[] body = BlockFrame.encode(decoded, decoded.length, geometry.compressed());
                progress.put(body.length);
                return writes.write(
                        key,
                        body,
                        etag == null ? Condition.ifAbsent() : Condition.ifMatch(etag),
                        batch.id());
            } finally {
                memory.release(kib);
            }
        }

        /**
         * What is not the base is ours from before a crash, or somebody else's. Ours may differ from what
         * was just sent: another zlib packs the same block otherwise.
         */
        private PutOutcome settled(BlockRecord record, String key, PutOutcome outcome)
                throws IOException {
            if (!(outcome instanceof PutOutcome.ForeignWrite)) {
                return outcome;
            }
            Optional<ObjectVersion> ours = writes.landedEarlier(key, batch.id());
            if (ours.isEmpty() && batch.force()) {
                // Where metadata is dropped nothing says whose it is; to a force that is the same.
                Optional<StoredObject> found = store.get(key);
                if (found.isPresent() && isAsWanted(record, found.get().body())) {
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

        private Optional<byte[]> cachedBase(BlockName block, String etag) {
            if (blockCache.isEmpty()) {
                return Optional.empty();
            }
            ByteBuffer bytes = ByteBuffer.allocate(table.baseLength(block));
            return blockCache
                    .get()
                    .read(new BlockCache.Key(batch.id(), number, block), 0, bytes)
                    .filter(cached -> cached.etag().equals(etag))
                    .map(cached -> bytes.array());
        }

        private byte[] decode(BlockName block, StoredObject object) throws IOException {
            return BaseBlock.of(store, table.base(), block, table.baseLength(block), object)
                    .bytes();
        }

        private byte[] overlay(BlockRecord record, byte @Nullable [] base) throws IOException {
            BlockName block = record.block();
            var rewrite =
                    new BlockRewrite(
                            geometry.pageBytes(),
                            base,
                            table.keptLength(block),
                            table.newLength(block));
            PageTable pages = record.pages();
            ByteBuffer image = ByteBuffer.allocate(geometry.pageBytes());
            for (int i = 0; i < pages.size(); i++) {
                readPage(pages, i, image.clear());
                rewrite.overlay(pages.pageInBlock(i), image.array());
            }
            return rewrite.finish();
        }

        /** A3. */
        private void putHeader() throws IOException {
            if (!table.headerChanged() || done.containsKey(ObjectNames.HEADER)) {
                return;
            }
            String key = names.header();
            String etag = table.base().headerEtag();
            AriaHeader header = table.header();
            for (int attempt = 1; ; attempt++) {
                PutOutcome outcome =
                        writes.write(key, header.bytes(), new Condition.IfMatch(etag), batch.id());
                switch (outcome) {
                    case PutOutcome.Landed landed -> {
                        done(ObjectNames.HEADER, landed.etag());
                        return;
                    }
                    case PutOutcome.ForeignWrite foreign -> {
                        String found = foreign.foundEtag();
                        if (!batch.force() || found == null || attempt >= ATTEMPTS) {
                            throw new BaseChangedException(key, etag, found);
                        }
                        etag = found;
                    }
                    case PutOutcome.Unknown unknown -> pauseOrGiveUp(attempt, unknown.cause());
                }
            }
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
                switch (writes.delete(key, etag)) {
                    case DeleteOutcome.Gone gone -> {
                        done(block.toString(), "");
                        return;
                    }
                    case DeleteOutcome.ForeignWrite foreign -> {
                        if (!batch.force() || attempt >= ATTEMPTS) {
                            throw new BaseChangedException(key, etag, foreign.foundEtag());
                        }
                        etag = foreign.foundEtag();
                    }
                    case DeleteOutcome.Unknown unknown -> pauseOrGiveUp(attempt, unknown.cause());
                }
            }
        }

        private void done(String object, String etag) throws IOException {
            journal.objectDone(batch.id(), number, object, etag);
            progress.objectDone();
        }

        private void pauseOrGiveUp(int attempt, IOException cause) throws IOException {
            if (attempt >= ATTEMPTS) {
                throw new StoreUnreachableException(
                        "no clear answer after " + attempt + " attempts: " + cause.getMessage(),
                        cause);
            }
            log.atWarn()
                    .addKeyValue("batch", batch.id())
                    .addKeyValue("attempt", attempt)
                    .addKeyValue("cause", cause.getMessage())
                    .log("no clear answer from the object store; trying again");
            pauses.pause(FIRST_PAUSE.multipliedBy(1L << (attempt - 1)));
        }

        @Override
        public void close() throws IOException {
            if (pageFile != null) {
                pageFile.close();
            }
        }
    }
}
