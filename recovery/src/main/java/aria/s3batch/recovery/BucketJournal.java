package aria.s3batch.recovery;

import static java.nio.charset.StandardCharsets.UTF_8;

import aria.s3batch.diskcache.DamagedPageFileException;
import aria.s3batch.diskcache.PageFile;
import aria.s3batch.format.BatchId;
import aria.s3batch.format.BlockName;
import aria.s3batch.format.TableFile;
import aria.s3batch.recovery.JournalValue.Kind;
import aria.s3batch.s3block.BatchLocks;
import aria.s3batch.s3block.Condition;
import aria.s3batch.s3block.ConditionalWrite;
import aria.s3batch.s3block.DeleteOutcome;
import aria.s3batch.s3block.ObjectStore;
import aria.s3batch.s3block.PutOutcome;
import aria.s3batch.s3block.StoreUnreachableException;
import aria.s3batch.s3block.StoredObject;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.concurrent.Semaphore;

/**
 * Copies of committed batches in the bucket, from which another host can finish them. Safe for use by many
 * threads. A copy lies below {@code _aria_s3_batch/journal/BATCH/NAME/}; each attempt at a commit has a
 * NAME of its own, 16 hexadecimal digits, so that a late PUT of one never gets into another.
 *
 * <pre>
 * pages-000000, ...  images of all staged pages, without a gap, in the order in which the record lists
 *                    tables, blocks and pages; whole pages, up to 8 MiB an object
 * record             written last: a copy without it is none. A {@link JournalValue} under its own
 *                    object key, so a record in another's place is none. Big-endian:
 *
 *   offset size type field
 *        0    2 u16  magic     0xA353
 *        2    1 u8   kind      6
 *        3    1 u8   version   3, of the batch in it; 1 and 2 are read, too
 *        4    n -    body      text owner, text host: who commits it;
 *                              batch: see {@link RecordCodec};
 *                              for each of its tables u32 blocks, then each: u8 0 index, 1 data,
 *                              u64 number, block: see RecordCodec;
 *                              u32 page objects, then each: u32 bytes, u32 CRC-32C
 *    4 + n    4 u32  crc       CRC-32C of the key, then bytes [0, 4 + n) </pre>
 *
 * <p>A batch is committed by its copy when every one of its locks says committed, and names it. The record
 * is deleted first: locks that name a copy without one are those of a batch that has ended. {@code
 * _aria_s3_batch/journal/BATCH/finished} tells the daemon that committed a batch that another has finished
 * it: lines of text.
 */
public final class BucketJournal {
    private static final String PREFIX = "_aria_s3_batch/journal/";
    private static final String RECORD = "record";
    private static final String FINISHED = "finished";
    private static final String FINISHED_LINE = "aria_s3_batch finished 1";

    /** Large enough that a request costs little beside its bytes. */
    static final int PAGES_BYTES_MAX = 8 << 20;

    /** Page objects in memory, over all batches; each twice, for the wire. */
    private static final int IN_FLIGHT = 3;

    /** Of a write with no clear answer. */
    private static final int ATTEMPTS = 3;

    private final ObjectStore store;
    private final ConditionalWrite writes;
    private final Executor executor;
    private final int pagesBytesMax;
    private final Semaphore bodies = new Semaphore(IN_FLIGHT);

    /**
     * @param executor for requests that write page objects
     */
    public BucketJournal(ObjectStore store, Executor executor) {
        this(store, executor, PAGES_BYTES_MAX);
    }

    BucketJournal(ObjectStore store, Executor executor, int pagesBytesMax) {
        this.store = store;
        this.writes = new ConditionalWrite(store);
        this.executor = executor;
        this.pagesBytesMax = pagesBytesMax;
    }

    /**
     * A copy that is whole as far as its record tells.
     *
     * @param owner the id of the cache directory that committed it
     * @param host of that, for people
     * @param blocks one list a table, as the journal takes them
     */
    public record Copy(
            BatchRecord batch,
            String owner,
            String host,
            List<List<BlockRecord>> blocks,
            List<PageObject> objects) {}

    /** One object of page images. */
    public record PageObject(int bytes, int crc32c) {}

    private static String folder(BatchId batch) {
        return PREFIX + batch + "/";
    }

    private static String recordKey(BatchId batch, String name) {
        return folder(batch) + name + "/" + RECORD;
    }

    private static String pagesKey(BatchId batch, String name, int number) {
        return "%s%s/pages-%06d".formatted(folder(batch), name, number);
    }

    /** How many objects a copy has, of so many bytes of pages. */
    static long objects(long pageBytes) {
        return 1 + Math.ceilDiv(pageBytes, PAGES_BYTES_MAX);
    }

    // ---- writing -------------------------------------------------------------------------------

    /**
     * Writes a copy; durable on return. After an exception a part of it may be there, or may come.
     *
     * @param batch names the copy
     * @param folder has the page files, to which nothing is written meanwhile; each page is verified
     * @throws StoreUnreachableException no clear answer
     */
    void write(
            BatchRecord batch, List<List<BlockRecord>> blocks, BatchFolder folder, BatchLocks locks)
            throws IOException {
        List<PageObject> objects = new ArrayList<>();
        var inFlight = new InFlight(executor, IN_FLIGHT);
        try (var pages = new Outgoing(batch, objects, inFlight)) {
            forEachPage(
                    batch,
                    blocks,
                    (table, pageTable, i) ->
                            pages.add(folder, table, pageTable.slot(i), pageTable.crc32c(i)));
            pages.send();
        } finally {
            inFlight.finish();
        }
        String key = recordKey(batch.id(), batch.copy());
        put(key, record(key, batch, blocks, objects, locks), batch.id());
    }

    private static byte[] record(
            String key,
            BatchRecord batch,
            List<List<BlockRecord>> blocks,
            List<PageObject> objects,
            BatchLocks locks)
            throws IOException {
        return JournalValue.frame(
                Kind.COPY,
                key.getBytes(UTF_8),
                out -> {
                    JournalValue.writeText(out, locks.owner().id());
                    JournalValue.writeText(out, locks.owner().host());
                    RecordCodec.write(batch, out);
                    for (List<BlockRecord> table : blocks) {
                        out.writeInt(table.size());
                        for (BlockRecord block : table) {
                            out.writeByte(block.block().file() == TableFile.INDEX ? 0 : 1);
                            out.writeLong(block.block().number());
                            RecordCodec.write(block, out);
                        }
                    }
                    out.writeInt(objects.size());
                    for (PageObject object : objects) {
                        out.writeInt(object.bytes());
                        out.writeInt(object.crc32c());
                    }
                });
    }

    private interface PageStep {
        void page(int table, PageTable pages, int i) throws IOException;
    }

    private static void forEachPage(
            BatchRecord batch, List<List<BlockRecord>> blocks, PageStep step) throws IOException {
        for (int table = 0; table < batch.tables().size(); table++) {
            for (BlockRecord block : blocks.get(table)) {
                for (int i = 0; i < block.pages().size(); i++) {
                    step.page(table, block.pages(), i);
                }
            }
        }
    }

    /** Page images on their way into objects. */
    private final class Outgoing implements AutoCloseable {
        private final BatchRecord batch;
        private final List<PageObject> objects;
        private final InFlight inFlight;
        private int openTable = -1;
        private @Nullable PageFile file;
        private byte @Nullable [] body;
        private int filled;

        Outgoing(BatchRecord batch, List<PageObject> objects, InFlight inFlight) {
            this.batch = batch;
            this.objects = objects;
            this.inFlight = inFlight;
        }

        void add(BatchFolder folder, int table, int slot, int crc32c) throws IOException {
            if (table != openTable) {
                closeFile();
                file = PageFile.open(folder.disk(), folder.pageFile(table));
                openTable = table;
            }
            PageFile pages = file;
            assert pages != null : table;
            if (body != null && body.length - filled < pages.pageBytes()) {
                send();
            }
            if (body == null) {
                bodies.acquireUninterruptibly();
                body = new byte[pagesBytesMax];
                filled = 0;
            }
            pages.readVerified(slot, crc32c, ByteBuffer.wrap(body, filled, pages.pageBytes()));
            filled += pages.pageBytes();
        }

        void send() {
            byte[] full = body;
            if (full == null) {
                return;
            }
            body = null;
            byte[] image = filled == full.length ? full : Arrays.copyOf(full, filled);
            String key = pagesKey(batch.id(), batch.copy(), objects.size());
            objects.add(new PageObject(image.length, Crc32c.of(image)));
            boolean started = false;
            try {
                started =
                        inFlight.start(
                                () -> {
                                    try {
                                        put(key, image, batch.id());
                                    } finally {
                                        bodies.release();
                                    }
                                });
            } finally {
                if (!started) {
                    bodies.release(); // what failed before says why
                }
            }
        }

        private void closeFile() throws IOException {
            if (file != null) {
                file.close();
            }
            file = null;
        }

        @Override
        public void close() throws IOException {
            if (body != null) {
                bodies.release();
            }
            body = null;
            closeFile();
        }
    }

    private void put(String key, byte[] body, BatchId batch) throws IOException {
        for (int attempt = 1; ; attempt++) {
            switch (writes.write(key, body, Condition.ifAbsent(), batch)) {
                case PutOutcome.Landed _ -> {
                    return;
                }
                case PutOutcome.ForeignWrite foreign ->
                        throw new StoreUnreachableException(
                                key + " was written by another: ETag " + foreign.foundEtag());
                case PutOutcome.Unknown unknown -> {
                    if (attempt >= ATTEMPTS) {
                        throw unclear(unknown.cause());
                    }
                }
            }
        }
    }

    private static IOException unclear(IOException cause) {
        return cause instanceof StoreUnreachableException
                ? cause
                : new StoreUnreachableException(String.valueOf(cause.getMessage()), cause);
    }

    // ---- reading -------------------------------------------------------------------------------

    /**
     * The batches of which there is anything: a copy, a part of one, or the note that it is finished. One
     * listing.
     */
    List<BatchId> batches() throws IOException {
        List<BatchId> batches = new ArrayList<>();
        for (String found : store.folders(PREFIX)) {
            String name = found.substring(PREFIX.length(), found.length() - 1);
            if (name.matches("[0-9A-Z]{26}")) { // what else lies there is left alone
                batches.add(BatchId.parse(name));
            }
        }
        batches.sort(null);
        return batches;
    }

    /** Whether there are copies of the batch, or parts of some. One listing. */
    boolean hasCopies(BatchId batch) throws IOException {
        return keys(batch).stream().anyMatch(key -> !key.equals(folder(batch) + FINISHED));
    }

    private List<String> keys(BatchId batch) throws IOException {
        List<String> keys = new ArrayList<>();
        store.list(folder(batch), object -> keys.add(object.key()));
        return keys;
    }

    /** The names of the copies of a batch that have a record. */
    List<String> names(BatchId batch) throws IOException {
        List<String> names = new ArrayList<>();
        for (String key : keys(batch)) {
            String[] parts = key.substring(folder(batch).length()).split("/", -1);
            if (parts.length == 2 && parts[1].equals(RECORD)) {
                names.add(parts[0]);
            }
        }
        return names;
    }

    /**
     * Reads the record of a copy.
     *
     * @return empty if it has none
     * @throws DamagedCopyException it is none
     */
    Optional<Copy> read(BatchId batch, String name) throws IOException {
        String key = recordKey(batch, name);
        Optional<StoredObject> object = store.get(key);
        if (object.isEmpty()) {
            return Optional.empty();
        }
        try {
            return Optional.of(decode(batch, key, object.get().body()));
        } catch (CorruptJournalException e) {
            throw new DamagedCopyException(key, "the record of a copy", e.found());
        }
    }

    private static Copy decode(BatchId id, String key, byte[] body) throws IOException {
        JournalValue.Opened in = JournalValue.open(Kind.COPY, key.getBytes(UTF_8), body);
        String owner = JournalValue.readText(in);
        String host = JournalValue.readText(in);
        BatchRecord batch = RecordCodec.readBatch(id, in);
        List<List<BlockRecord>> blocks = new ArrayList<>();
        for (int table = 0; table < batch.tables().size(); table++) {
            int count = in.readInt();
            List<BlockRecord> ofTable = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                TableFile file = in.readByte() == 0 ? TableFile.INDEX : TableFile.DATA;
                ofTable.add(RecordCodec.readBlock(new BlockName(file, in.readLong()), in));
            }
            blocks.add(ofTable);
        }
        List<PageObject> objects = new ArrayList<>();
        int count = in.readInt();
        for (int i = 0; i < count; i++) {
            objects.add(new PageObject(in.readInt(), in.readInt()));
        }
        return new Copy(batch, owner, host, blocks, objects);
    }

    /**
     * Makes the page files of a batch from its copy; durable on return, but for the names above its folder.
     * What was in the folder before is deleted.
     *
     * @param locks of the batch: others are given a sign of life before each object
     * @throws DamagedCopyException an object is missing, or not what was written
     */
    void restorePages(Copy copy, BatchFolder folder, BatchLocks locks) throws IOException {
        folder.delete();
        Map<Integer, PageFile> files = new HashMap<>();
        try {
            var pages = new Incoming(copy, locks);
            forEachPage(
                    copy.batch(),
                    copy.blocks(),
                    (table, pageTable, i) -> {
                        PageFile file = files.get(table);
                        if (file == null) {
                            file = create(copy, folder, table);
                            files.put(table, file);
                        }
                        ByteBuffer image = pages.next(file.pageBytes());
                        file.write(pageTable.slot(i), image);
                        verify(pages, file, pageTable, i);
                    });
            pages.requireEnd();
            for (PageFile file : files.values()) {
                file.sync();
            }
        } finally {
            for (PageFile file : files.values()) {
                file.close();
            }
        }
        folder.disk().createDirectories(folder.path());
        folder.disk().syncDirectory(folder.path());
    }

    private static PageFile create(Copy copy, BatchFolder folder, int table) throws IOException {
        Path path = folder.pageFile(table);
        folder.disk().createDirectories(folder.path());
        TableRecord record = copy.batch().tables().get(table);
        return PageFile.create(
                folder.disk(),
                path,
                record.geometry().pageBytes(),
                copy.batch().id(),
                record.base().table());
    }

    /** What was written, read back: the page that was staged. */
    private static void verify(Incoming pages, PageFile file, PageTable table, int i)
            throws IOException {
        try {
            file.readVerified(
                    table.slot(i), table.crc32c(i), ByteBuffer.allocate(file.pageBytes()));
        } catch (DamagedPageFileException e) {
            throw new DamagedCopyException(
                    pages.key(), "pages as they were staged", String.valueOf(e.getMessage()));
        }
    }

    /** Page images on their way out of objects, each of which is verified whole. */
    private final class Incoming {
        private final Copy copy;
        private final BatchLocks locks;
        private int number = -1;
        private ByteBuffer body = ByteBuffer.allocate(0);

        Incoming(Copy copy, BatchLocks locks) {
            this.copy = copy;
            this.locks = locks;
        }

        String key() {
            return pagesKey(copy.batch().id(), copy.batch().copy(), number);
        }

        ByteBuffer next(int pageBytes) throws IOException {
            if (!body.hasRemaining()) {
                load();
            }
            if (body.remaining() < pageBytes) {
                throw new DamagedCopyException(
                        key(), "whole pages", body.remaining() + " bytes behind the last");
            }
            ByteBuffer image = body.slice(body.position(), pageBytes);
            body.position(body.position() + pageBytes);
            return image;
        }

        private void load() throws IOException {
            locks.renew();
            number++;
            if (number == copy.objects().size()) {
                throw new DamagedCopyException(key(), "one more object of pages", "none");
            }
            PageObject expected = copy.objects().get(number);
            byte[] found =
                    store.get(key())
                            .map(StoredObject::body)
                            .orElseThrow(
                                    () ->
                                            new DamagedCopyException(
                                                    key(),
                                                    expected.bytes() + " bytes of pages",
                                                    "no object"));
            if (found.length != expected.bytes()) {
                throw new DamagedCopyException(
                        key(), expected.bytes() + " bytes", found.length + " bytes");
            }
            int crc = Crc32c.of(found);
            if (crc != expected.crc32c()) {
                throw new DamagedCopyException(
                        key(), "CRC-32C %08x".formatted(expected.crc32c()), "%08x".formatted(crc));
            }
            body = ByteBuffer.wrap(found);
        }

        void requireEnd() throws IOException {
            if (body.hasRemaining() || number + 1 != copy.objects().size()) {
                throw new DamagedCopyException(
                        key(), "no more pages than the record lists", "more");
            }
        }
    }

    // ---- the end -------------------------------------------------------------------------------

    /**
     * Deletes all that there is of a batch, records first. May be repeated. One listing, and a DELETE an
     * object.
     *
     * @throws StoreUnreachableException nobody answers; some may be left
     */
    void delete(BatchId batch) throws IOException {
        List<String> keys = keys(batch);
        for (String key : keys) {
            if (key.endsWith("/" + RECORD)) {
                delete(key);
            }
        }
        for (String key : keys) {
            if (!key.endsWith("/" + RECORD)) {
                delete(key);
            }
        }
    }

    private void delete(String key) throws IOException {
        for (int attempt = 1; ; attempt++) {
            switch (writes.delete(key, null)) {
                case DeleteOutcome.Gone _, DeleteOutcome.ForeignWrite _ -> {
                    return;
                }
                case DeleteOutcome.Unknown unknown -> {
                    if (attempt >= ATTEMPTS) {
                        throw unclear(unknown.cause());
                    }
                }
            }
        }
    }

    /** Tells the daemon that committed the batch that it is over. */
    void noteFinished(BatchId batch, String outcome, BatchLocks locks) throws IOException {
        String text =
                String.join(
                        "\n",
                        FINISHED_LINE,
                        "batch=" + batch,
                        "outcome=" + outcome,
                        "by=" + locks.owner().inWords(),
                        "at=" + locks.now(),
                        "");
        String key = folder(batch) + FINISHED;
        for (int attempt = 1; ; attempt++) {
            switch (writes.write(key, text.getBytes(UTF_8), Condition.always(), batch)) {
                case PutOutcome.Landed _, PutOutcome.ForeignWrite _ -> {
                    return;
                }
                case PutOutcome.Unknown unknown -> {
                    if (attempt >= ATTEMPTS) {
                        throw unclear(unknown.cause());
                    }
                }
            }
        }
    }

    /** How another daemon says that it has finished the batch; empty if none does. */
    Optional<String> finished(BatchId batch) throws IOException {
        return store.get(folder(batch) + FINISHED)
                .map(note -> new String(note.body(), UTF_8))
                .filter(text -> text.startsWith(FINISHED_LINE + "\n"))
                .map(text -> text.contains("\noutcome=discarded\n") ? "discarded" : "applied");
    }

    void forgetFinished(BatchId batch) throws IOException {
        delete(folder(batch) + FINISHED);
    }
}
