package aria.s3batch.recovery;

import static java.nio.charset.StandardCharsets.UTF_8;

import aria.s3batch.format.BatchId;
import aria.s3batch.format.BlockName;
import aria.s3batch.format.DamagedTableException;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;
import aria.s3batch.recovery.JournalValue.Kind;
import aria.s3batch.s3block.BucketLocks;
import aria.s3batch.s3block.ConditionalWrite;
import aria.s3batch.s3block.DeleteOutcome;
import aria.s3batch.s3block.ObjectStore;
import aria.s3batch.s3block.StoredObject;

import java.io.DataOutputStream;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * What a batch with keep-undo leaves in the bucket, below {@code _aria_s3_batch/undo/BATCH/}, so that it can be
 * undone. Nothing depends on it but {@link Undo}.
 *
 * <pre>
 * db/table/index/000001, ...   copies of the blocks that the batch overwrites or deletes
 * copied    when all of these are there, and before any block, header or definition is written or deleted.
 *           A {@link JournalValue} under its own object key, big-endian:
 *           batch: see {@link RecordCodec}, so headers and definitions, too;
 *           for each of its tables u32 copies, then each: u8 0 index, 1 data, u64 number,
 *           text ETag of the block, text ETag of the copy
 * manifest  when all of the batch is applied: now it can be undone. As above: u16 tables, for each u32 objects,
 *           then each: text object, text ETag that the batch gave it, empty if it has deleted it </pre>
 *
 * <p>So a set without {@code manifest} is of a batch that is not applied yet, or will never be.
 */
public final class UndoSet {
    private static final String PREFIX = "_aria_s3_batch/undo/";
    private static final String COPIED = "copied";
    private static final String MANIFEST = "manifest";
    private static final int ATTEMPTS = 3;

    private UndoSet() {}

    /** One block that was laid aside. */
    record Copy(String baseEtag, String copyEtag) {}

    /**
     * What is there since before the first write.
     *
     * @param copies one map a table, in the order of {@code batch.tables()}
     */
    record Before(BatchRecord batch, List<SortedMap<BlockName, Copy>> copies) {}

    private static String folder(BatchId batch) {
        return PREFIX + batch + "/";
    }

    /** The key of the copy of an object. */
    static String key(BatchId batch, String key) {
        return folder(batch) + key;
    }

    // ---- writing -------------------------------------------------------------------------------

    static String beforeKey(BatchId batch) {
        return key(batch, COPIED);
    }

    static String manifestKey(BatchId batch) {
        return key(batch, MANIFEST);
    }

    static byte[] encode(Before before) throws IOException {
        return JournalValue.frame(
                Kind.UNDO,
                beforeKey(before.batch().id()).getBytes(UTF_8),
                out -> {
                    RecordCodec.write(before.batch(), out);
                    for (SortedMap<BlockName, Copy> table : before.copies()) {
                        out.writeInt(table.size());
                        for (Map.Entry<BlockName, Copy> copy : table.entrySet()) {
                            write(copy.getKey(), copy.getValue(), out);
                        }
                    }
                });
    }

    private static void write(BlockName block, Copy copy, DataOutputStream out) throws IOException {
        out.writeByte(block.file() == TableFile.INDEX ? 0 : 1);
        out.writeLong(block.number());
        JournalValue.writeText(out, copy.baseEtag());
        JournalValue.writeText(out, copy.copyEtag());
    }

    /**
     * @param written one map a table: what the journal notes of its objects
     */
    static byte[] encodeManifest(BatchId batch, List<Map<String, DoneObject>> written)
            throws IOException {
        return JournalValue.frame(
                Kind.UNDO_MANIFEST,
                manifestKey(batch).getBytes(UTF_8),
                out -> {
                    out.writeShort(written.size());
                    for (Map<String, DoneObject> table : written) {
                        out.writeInt(table.size());
                        for (Map.Entry<String, DoneObject> object :
                                new TreeMap<>(table).entrySet()) {
                            JournalValue.writeText(out, object.getKey());
                            JournalValue.writeText(out, object.getValue().etag());
                        }
                    }
                });
    }

    // ---- reading -------------------------------------------------------------------------------

    /**
     * @return empty if the batch has not laid everything aside
     * @throws DamagedTableException what is there is damaged
     */
    static Optional<Before> before(ObjectStore store, BatchId batch) throws IOException {
        String key = beforeKey(batch);
        Optional<StoredObject> found = store.get(key);
        if (found.isEmpty()) {
            return Optional.empty();
        }
        JournalValue.Opened in = open(Kind.UNDO, key, found.get().body());
        BatchRecord record = RecordCodec.readBatch(batch, in);
        List<SortedMap<BlockName, Copy>> copies = new ArrayList<>();
        for (int table = 0; table < record.tables().size(); table++) {
            SortedMap<BlockName, Copy> ofTable = new TreeMap<>();
            int count = in.readInt();
            for (int i = 0; i < count; i++) {
                TableFile file = in.readByte() == 0 ? TableFile.INDEX : TableFile.DATA;
                var block = new BlockName(file, in.readLong());
                ofTable.put(block, new Copy(JournalValue.readText(in), JournalValue.readText(in)));
            }
            copies.add(ofTable);
        }
        return Optional.of(new Before(record, copies));
    }

    /** ETags that the batch gave to its objects, one map a table; empty if it is not applied. */
    static Optional<List<Map<String, String>>> manifest(ObjectStore store, BatchId batch)
            throws IOException {
        String key = manifestKey(batch);
        Optional<StoredObject> found = store.get(key);
        if (found.isEmpty()) {
            return Optional.empty();
        }
        JournalValue.Opened in = open(Kind.UNDO_MANIFEST, key, found.get().body());
        List<Map<String, String>> tables = new ArrayList<>();
        int tableCount = in.readUnsignedShort();
        for (int table = 0; table < tableCount; table++) {
            Map<String, String> etags = new LinkedHashMap<>();
            int count = in.readInt();
            for (int i = 0; i < count; i++) {
                etags.put(JournalValue.readText(in), JournalValue.readText(in));
            }
            tables.add(etags);
        }
        return Optional.of(tables);
    }

    /** The daemon's own journal is another matter, with another cure. */
    private static JournalValue.Opened open(Kind kind, String key, byte[] body) throws IOException {
        try {
            return JournalValue.open(kind, key.getBytes(UTF_8), body);
        } catch (CorruptJournalException e) {
            throw new DamagedTableException(key, "what is kept to undo a batch", e.found());
        }
    }

    // ---- all of them ---------------------------------------------------------------------------

    /**
     * A set in the bucket.
     *
     * @param complete whether its batch can be undone, if nothing has changed since
     * @param objects and bytes of all that there is of it
     */
    public record Listed(BatchId batch, boolean complete, long objects, long bytes) {}

    /** All sets, oldest batch first. A listing of the sets, and one of each. */
    public static List<Listed> list(ObjectStore store) throws IOException {
        List<Listed> sets = new ArrayList<>();
        for (BatchId batch : batches(store)) {
            long[] sums = new long[3];
            store.list(
                    folder(batch),
                    object -> {
                        sums[0]++;
                        sums[1] += object.lengthBytes();
                        sums[2] += object.key().equals(manifestKey(batch)) ? 1 : 0;
                    });
            sets.add(new Listed(batch, sums[2] > 0, sums[0], sums[1]));
        }
        return sets;
    }

    private static List<BatchId> batches(ObjectStore store) throws IOException {
        List<BatchId> batches = new ArrayList<>();
        for (String found : store.folders(PREFIX)) {
            String name = found.substring(PREFIX.length(), found.length() - 1);
            if (name.matches("[0-7][0-9A-HJKMNP-TV-Z]{25}")) { // what else lies there is left alone
                batches.add(BatchId.parse(name));
            }
        }
        batches.sort(null);
        return batches;
    }

    /**
     * Deletes a set, the manifest first: what is left of it by a crash passes for none. May be repeated.
     *
     * @return whether there was anything of it
     */
    public static boolean delete(ObjectStore store, BatchId batch) throws IOException {
        List<String> keys = new ArrayList<>();
        store.list(folder(batch), object -> keys.add(object.key()));
        boolean any = !keys.isEmpty();
        var writes = new ConditionalWrite(store);
        for (String first : List.of(manifestKey(batch), beforeKey(batch))) {
            if (keys.remove(first)) {
                delete(writes, first);
            }
        }
        for (String key : keys) {
            delete(writes, key);
        }
        return any;
    }

    private static void delete(ConditionalWrite writes, String key) throws IOException {
        for (int attempt = 1; ; attempt++) {
            if (!(writes.delete(key, null) instanceof DeleteOutcome.Unknown unknown)) {
                return;
            }
            if (attempt >= ATTEMPTS) {
                throw unknown.cause();
            }
        }
    }

    /**
     * Deletes a set that nobody wants any more.
     *
     * @return whether there was anything of it
     * @throws UndoRefusedException its batch is not applied yet
     */
    public static boolean forget(ObjectStore store, BatchId batch) throws IOException {
        if (locked(store).contains(batch)) {
            throw new UndoRefusedException(
                    batch, "it still has its locks, and so what it laid aside is not forgotten");
        }
        return delete(store, batch);
    }

    private static Set<BatchId> locked(ObjectStore store) throws IOException {
        Set<BatchId> locked = new HashSet<>();
        for (TableName table : BucketLocks.tables(store)) {
            BucketLocks.read(store, table).ifPresent(found -> locked.add(found.lock().batch()));
        }
        return locked;
    }

    /**
     * Deletes the sets of batches that were begun so long ago, of any host; but of none that still has its
     * locks: it is not applied yet.
     *
     * @return the batches
     */
    public static List<BatchId> expire(ObjectStore store, Instant now, Duration keep)
            throws IOException {
        List<BatchId> expired = new ArrayList<>(batches(store));
        expired.removeIf(batch -> batch.begunAt().plus(keep).isAfter(now));
        if (expired.isEmpty()) {
            return expired;
        }
        expired.removeAll(locked(store));
        for (BatchId batch : expired) {
            delete(store, batch);
        }
        return expired;
    }
}
