package aria.s3batch.recovery;

import aria.s3batch.format.BatchId;
import aria.s3batch.format.BlockName;
import aria.s3batch.format.TableFile;
import aria.s3batch.recovery.JournalValue.Kind;

import org.jspecify.annotations.Nullable;
import org.rocksdb.InfoLogLevel;
import org.rocksdb.Options;
import org.rocksdb.ReadOptions;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;
import org.rocksdb.RocksIterator;
import org.rocksdb.Slice;
import org.rocksdb.Status;
import org.rocksdb.WALRecoveryMode;
import org.rocksdb.WriteBatch;
import org.rocksdb.WriteOptions;
import org.slf4j.LoggerFactory;

import java.io.DataInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.ReentrantReadWriteLock;

/**
 * The {@link CommitJournal} in RocksDB. Keys sort so that one scan reads a batch; big-endian. Since
 * format 3; checked with RocksDB 11.1.
 *
 * <pre>
 * 'F'                                                          format
 * 'B' batch[16]                                                batch
 * 'P' batch[16] table[u16] file[u8: 0 index, 1 data] block[8]  what happens to a block
 * 'D' batch[16] table[u16] object name (UTF-8)                 object done
 * 'R' batch[16]                                                how far the fence is up; none: down
 * </pre>
 *
 * <p>The write-ahead log is replayed up to the first record that does not check out: after power loss
 * that is the torn end of a write which nobody was told of. A flipped byte in the middle looks the same
 * to RocksDB, and hides what follows. That is why a committed batch has a second witness, the mark in
 * its {@link BatchFolder}, written before the commit is answered.
 */
public final class RocksJournal implements CommitJournal {
    private static final int FORMAT = 4;

    /** Read as it is; what is written to it from now on is of {@link #FORMAT}. */
    private static final int FORMAT_BEFORE = 3;

    private static final byte[] FORMAT_KEY = {'F'};
    private static final long WRITE_BUFFER_BYTES = 8 << 20;

    static {
        RocksDB.loadLibrary();
    }

    private final Path dir;
    private final Options options;
    private final Warnings warnings;
    private final WriteOptions synced = new WriteOptions().setSync(true);
    private final WriteOptions unsynced = new WriteOptions();
    private final RocksDB db;

    /** Calls in flight hold it shared, close alone: a native handle must not be used after close. */
    private final ReentrantReadWriteLock open = new ReentrantReadWriteLock();

    private boolean closed;

    private RocksJournal(Path dir, Options options, Warnings warnings, RocksDB db) {
        this.dir = dir;
        this.options = options;
        this.warnings = warnings;
        this.db = db;
    }

    /**
     * Opens the journal, or creates it where there is none.
     *
     * @throws CorruptJournalException what is there cannot be trusted
     * @throws IOException it cannot be read or written, or has another format
     */
    public static RocksJournal open(Path dir) throws IOException {
        Files.createDirectories(dir);
        return checked(open(dir, true, RocksDB::open), true);
    }

    /**
     * Opens the journal for looking at, beside a daemon that has it open: what that had written by now.
     * Nothing is written.
     *
     * @throws CorruptJournalException what is there cannot be trusted
     * @throws IOException there is no journal, or it cannot be read
     */
    public static RocksJournal openReadOnly(Path dir) throws IOException {
        return checked(open(dir, false, RocksDB::openReadOnly), false);
    }

    /** How RocksDB is opened, with which options beside ours. */
    interface Opening {
        RocksDB open(Options options, String dir) throws RocksDBException;
    }

    static RocksJournal open(Path dir, boolean create, Opening opening) throws IOException {
        RocksLogCheck.check(dir);
        var warnings = new Warnings();
        var options =
                new Options()
                        .setCreateIfMissing(create)
                        .setParanoidChecks(true)
                        .setWalRecoveryMode(WALRecoveryMode.PointInTimeRecovery)
                        .setWriteBufferSize(WRITE_BUFFER_BYTES)
                        .setMaxOpenFiles(64)
                        .setStatsDumpPeriodSec(0);
        options.setLogger(warnings);
        try {
            RocksDB db = opening.open(options, dir.toString());
            return new RocksJournal(dir, options, warnings, db);
        } catch (RocksDBException e) {
            options.close();
            warnings.close();
            throw failure(dir, "open", e);
        }
    }

    /** RocksDB's own log, from warnings on, goes where ours goes: no LOG files beside the journal. */
    private static final class Warnings extends org.rocksdb.Logger {
        private static final org.slf4j.Logger log = LoggerFactory.getLogger(RocksJournal.class);

        Warnings() {
            super(InfoLogLevel.WARN_LEVEL);
        }

        @Override
        protected void log(InfoLogLevel level, String message) {
            log.atWarn().addKeyValue("level", level).addKeyValue("message", message).log("RocksDB");
        }
    }

    private static RocksJournal checked(RocksJournal journal, boolean writable) throws IOException {
        try {
            journal.checkFormat(writable);
            return journal;
        } catch (IOException | RuntimeException e) {
            journal.close();
            throw e;
        }
    }

    private void checkFormat(boolean writable) throws IOException {
        byte[] value = read("read the format", () -> db.get(FORMAT_KEY));
        int found =
                value == null
                        ? FORMAT_BEFORE
                        : JournalValue.open(Kind.FORMAT, FORMAT_KEY, value).readInt();
        if (found == FORMAT_BEFORE) {
            if (writable) {
                byte[] written =
                        JournalValue.frame(Kind.FORMAT, FORMAT_KEY, out -> out.writeInt(FORMAT));
                write("write the format", () -> db.put(synced, FORMAT_KEY, written));
            }
            return;
        }
        if (found != FORMAT) {
            throw new IOException(
                    ("the journal in %s has format %d, this version reads %d: another version wrote"
                                    + " it. Nothing was changed; start that version again")
                            .formatted(dir, found, FORMAT));
        }
    }

    @Override
    public void commit(BatchRecord batch, List<List<BlockRecord>> blocks) throws IOException {
        assert blocks.size() == batch.tables().size() : blocks.size();
        try (var rows = new WriteBatch()) {
            for (int table = 0; table < blocks.size(); table++) {
                for (BlockRecord block : blocks.get(table)) {
                    put(rows, batch.id(), table, block);
                }
            }
            put(rows, batch);
            write("commit batch " + batch.id(), () -> db.write(synced, rows));
        } catch (RocksDBException e) {
            throw failure(dir, "commit batch " + batch.id(), e);
        }
    }

    @Override
    public List<BatchRecord> batches() throws IOException {
        List<BatchRecord> batches = new ArrayList<>();
        scan(
                new byte[] {'B'},
                (key, value) -> {
                    ByteBuffer id = ByteBuffer.wrap(key, 1, BatchId.BYTES);
                    var batch = new BatchId(id.getLong(), id.getLong());
                    batches.add(
                            RecordCodec.readBatch(
                                    batch, JournalValue.open(Kind.BATCH, key, value)));
                });
        return batches;
    }

    @Override
    public List<BlockRecord> blocks(BatchId batch, int table) throws IOException {
        List<BlockRecord> blocks = new ArrayList<>();
        scan(
                tableKey('P', batch, table, 0).array(),
                (key, value) -> {
                    ByteBuffer tail = ByteBuffer.wrap(key, key.length - 9, 9);
                    var name = new BlockName(fileOf(tail.get()), tail.getLong());
                    DataInputStream body = JournalValue.open(Kind.BLOCK, key, value);
                    blocks.add(RecordCodec.readBlock(name, body));
                });
        return blocks;
    }

    @Override
    public void objectDone(BatchId batch, int table, String object, DoneObject done)
            throws IOException {
        byte[] name = object.getBytes(StandardCharsets.UTF_8);
        byte[] key = tableKey('D', batch, table, name.length).put(name).array();
        byte[] value =
                JournalValue.frame(Kind.OBJECT_DONE, key, out -> RecordCodec.write(done, out));
        write("note " + object + " as done", () -> db.put(unsynced, key, value));
    }

    @Override
    public Map<String, DoneObject> objectsDone(BatchId batch, int table) throws IOException {
        byte[] prefix = tableKey('D', batch, table, 0).array();
        Map<String, DoneObject> done = new LinkedHashMap<>();
        scan(
                prefix,
                (key, value) -> {
                    int length = key.length - prefix.length;
                    String object = new String(key, prefix.length, length, StandardCharsets.UTF_8);
                    done.put(
                            object,
                            RecordCodec.readDone(JournalValue.open(Kind.OBJECT_DONE, key, value)));
                });
        return done;
    }

    @Override
    public void syncDone() throws IOException {
        write("sync", db::syncWal);
    }

    @Override
    public void rebase(BatchId batch, int table, BlockRecord block) throws IOException {
        try (var rows = new WriteBatch()) {
            put(rows, batch, table, block);
            write("rebase " + block.block(), () -> db.write(synced, rows));
        } catch (RocksDBException e) {
            throw failure(dir, "rebase " + block.block(), e);
        }
    }

    @Override
    public Fence fence(BatchId batch) throws IOException {
        byte[] key = batchKey('R', batch, 0).array();
        byte[] value = read("read the fence of batch " + batch, () -> db.get(key));
        return value == null
                ? Fence.DOWN
                : RecordCodec.readFence(JournalValue.open(Kind.FENCE, key, value));
    }

    @Override
    public void setFence(BatchId batch, Fence fence) throws IOException {
        byte[] key = batchKey('R', batch, 0).array();
        byte[] value = JournalValue.frame(Kind.FENCE, key, out -> out.writeByte(fence.code()));
        write("note the fence of batch " + batch, () -> db.put(synced, key, value));
    }

    @Override
    public void update(BatchRecord batch) throws IOException {
        try (var rows = new WriteBatch()) {
            put(rows, batch);
            write("update batch " + batch.id(), () -> db.write(synced, rows));
        } catch (RocksDBException e) {
            throw failure(dir, "update batch " + batch.id(), e);
        }
    }

    @Override
    public void forget(BatchId batch) throws IOException {
        try (var rows = new WriteBatch()) {
            rows.delete(batchKey('B', batch, 0).array());
            rows.delete(batchKey('R', batch, 0).array());
            for (char kind : new char[] {'P', 'D'}) {
                byte[] from = batchKey(kind, batch, 0).array();
                rows.deleteRange(from, after(from));
            }
            write("forget batch " + batch, () -> db.write(synced, rows));
        } catch (RocksDBException e) {
            throw failure(dir, "forget batch " + batch, e);
        }
    }

    /** How many rows the journal holds besides its format: none when no batch is pending. */
    long rows() throws IOException {
        long[] rows = new long[1];
        scan(new byte[0], (key, value) -> rows[0]++);
        return rows[0] - 1;
    }

    @Override
    public void close() {
        open.writeLock().lock();
        try {
            if (!closed) {
                closed = true;
                db.close();
                synced.close();
                unsynced.close();
                options.close();
                warnings.close();
            }
        } finally {
            open.writeLock().unlock();
        }
    }

    private static void put(WriteBatch rows, BatchRecord batch)
            throws IOException, RocksDBException {
        byte[] key = batchKey('B', batch.id(), 0).array();
        rows.put(key, JournalValue.frame(Kind.BATCH, key, out -> RecordCodec.write(batch, out)));
    }

    private static void put(WriteBatch rows, BatchId batch, int table, BlockRecord block)
            throws IOException, RocksDBException {
        byte[] key =
                tableKey('P', batch, table, 9)
                        .put(codeOf(block.block().file()))
                        .putLong(block.block().number())
                        .array();
        rows.put(key, JournalValue.frame(Kind.BLOCK, key, out -> RecordCodec.write(block, out)));
    }

    private static byte codeOf(TableFile file) {
        return (byte) (file == TableFile.INDEX ? 0 : 1);
    }

    private static TableFile fileOf(byte code) {
        return code == 0 ? TableFile.INDEX : TableFile.DATA;
    }

    private static ByteBuffer batchKey(char kind, BatchId batch, int moreBytes) {
        return ByteBuffer.allocate(1 + BatchId.BYTES + moreBytes)
                .put((byte) kind)
                .putLong(batch.high())
                .putLong(batch.low());
    }

    private static ByteBuffer tableKey(char kind, BatchId batch, int table, int moreBytes) {
        return batchKey(kind, batch, 2 + moreBytes).putShort((short) table);
    }

    /** The smallest key behind all that start with the prefix, whose bytes are not all 0xff. */
    private static byte[] after(byte[] prefix) {
        byte[] end = prefix.clone();
        for (int i = end.length - 1; ; i--) {
            if (++end[i] != 0) {
                return end;
            }
        }
    }

    private interface Row {
        void visit(byte[] key, byte[] value) throws IOException;
    }

    private void scan(byte[] prefix, Row row) throws IOException {
        open.readLock().lock();
        try (var bound = new Slice(prefix.length == 0 ? new byte[] {(byte) 0xff} : after(prefix));
                var reading = new ReadOptions().setIterateUpperBound(bound);
                RocksIterator rows = openDb().newIterator(reading)) {
            for (rows.seek(prefix); rows.isValid(); rows.next()) {
                row.visit(rows.key(), rows.value());
            }
            rows.status();
        } catch (RocksDBException e) {
            throw failure(dir, "read", e);
        } finally {
            open.readLock().unlock();
        }
    }

    private RocksDB openDb() {
        if (closed) {
            throw new IllegalStateException("journal " + dir + " is closed");
        }
        return db;
    }

    private interface RocksRead {
        byte @Nullable [] get() throws RocksDBException;
    }

    private byte @Nullable [] read(String what, RocksRead read) throws IOException {
        open.readLock().lock();
        try {
            openDb();
            return read.get();
        } catch (RocksDBException e) {
            throw failure(dir, what, e);
        } finally {
            open.readLock().unlock();
        }
    }

    private interface RocksWrite {
        void run() throws RocksDBException;
    }

    private void write(String what, RocksWrite write) throws IOException {
        open.readLock().lock();
        try {
            openDb();
            write.run();
        } catch (RocksDBException e) {
            throw failure(dir, what, e);
        } finally {
            open.readLock().unlock();
        }
    }

    private static IOException failure(Path dir, String what, RocksDBException cause) {
        Status status = cause.getStatus();
        if (status != null && status.getCode() == Status.Code.Corruption) {
            return new CorruptJournalException(
                    dir.toString(), String.valueOf(cause.getMessage()), cause);
        }
        return new IOException(
                "journal " + dir + ": cannot " + what + ": " + cause.getMessage(), cause);
    }
}
