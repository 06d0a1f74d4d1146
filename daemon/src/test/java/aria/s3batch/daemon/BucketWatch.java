package aria.s3batch.daemon;

import aria.s3batch.format.AriaHeader;
import aria.s3batch.format.BatchId;
import aria.s3batch.format.BlockFrame;
import aria.s3batch.format.BlockName;
import aria.s3batch.format.DamagedTableException;
import aria.s3batch.format.FrmImage;
import aria.s3batch.format.ObjectNames;
import aria.s3batch.format.TableName;
import aria.s3batch.recovery.Fence;
import aria.s3batch.recovery.MemoryJournal;
import aria.s3batch.recovery.Readers;
import aria.s3batch.s3block.Condition;
import aria.s3batch.s3block.DeleteAnswer;
import aria.s3batch.s3block.ListedObject;
import aria.s3batch.s3block.MemoryObjectStore;
import aria.s3batch.s3block.ObjectStore;
import aria.s3batch.s3block.ObjectVersion;
import aria.s3batch.s3block.PutAnswer;
import aria.s3batch.s3block.StoredObject;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;

/**
 * Stands right before the bucket and holds every write of the daemon that takes effect against the model,
 * at that moment: invariants 2, 6, 7, 8, 11 of DESIGN, and A5 and A6 of {@code Applier}. What it finds
 * is kept in {@link #violations}, for an error would only look like another failure to the daemon.
 */
final class BucketWatch implements ObjectStore {
    private final MemoryObjectStore bucket;
    private final MemoryJournal journal;
    private final Map<BatchId, ClientBatch> batches = new HashMap<>();

    /** ETags that the last GET of an object gave. */
    private final Map<String, String> lastGot = new HashMap<>();

    /** What the batch that has the table open read first. */
    private final Map<String, String> based = new HashMap<>();

    /** What its commit saw of what it did not read; a commit that was refused has seen nothing. */
    private final Map<String, String> seenByCommit = new HashMap<>();

    /** ETags of versions that somebody else wrote. */
    private final Set<String> foreign = new HashSet<>();

    /** Definitions as they were loaded: only their versions change. */
    final Map<String, byte[]> bodies = new HashMap<>();

    /** Of all tables that were loaded. */
    final Set<String> headers = new HashSet<>();

    final List<String> violations;

    /** Told of a table to which somebody else than its batch wrote. */
    private final Consumer<TableName> disturbed;

    /** While a write is done of which nobody waits for the answer. */
    boolean late;

    /** The next read will be damaged on its way: who asked will not have seen it. */
    boolean nextReadUnseen;

    BucketWatch(
            MemoryObjectStore bucket,
            MemoryJournal journal,
            List<String> violations,
            Consumer<TableName> disturbed) {
        this.bucket = bucket;
        this.journal = journal;
        this.violations = violations;
        this.disturbed = disturbed;
    }

    // ---- what the model says -------------------------------------------------------------------

    void opened(ClientBatch batch) {
        batches.put(batch.id(), batch);
        for (TableName table : batch.tables) {
            ObjectNames names = new ObjectNames(table);
            based.keySet().removeIf(key -> key.startsWith(names.prefix()));
            for (String key : List.of(names.header(), names.frm())) {
                based.put(key, String.valueOf(lastGot.get(key)));
            }
        }
    }

    void commits(ClientBatch batch) {
        for (TableName table : batch.tables) {
            seenByCommit.keySet().removeIf(key -> key.startsWith(new ObjectNames(table).prefix()));
        }
    }

    /** What a batch may overwrite whose commit is durable now. */
    Map<String, String> bases() {
        Map<String, String> bases = new HashMap<>(seenByCommit);
        bases.putAll(based);
        return bases;
    }

    /** Another process replaces an object. */
    void foreignWrite(TableName table, String key, byte[] body) {
        if (bucket.put(key, body, Condition.always(), Map.of())
                instanceof PutAnswer.Stored stored) {
            foreign.add(stored.etag());
            disturbed.accept(table);
        }
    }

    void foreignDelete(String key) {
        bucket.delete(key, Condition.always());
    }

    // ---- the seam ------------------------------------------------------------------------------

    @Override
    public Optional<StoredObject> get(String key) throws IOException {
        Optional<StoredObject> found = bucket.get(key);
        found.ifPresent(
                object -> {
                    lastGot.put(key, object.version().etag());
                    saw(based, key, object.version());
                });
        return found;
    }

    @Override
    public Optional<ObjectVersion> head(String key) {
        Optional<ObjectVersion> found = bucket.head(key);
        found.ifPresent(version -> saw(seenByCommit, key, version));
        return found;
    }

    private void saw(Map<String, String> where, String key, ObjectVersion version) {
        if (!nextReadUnseen) {
            where.putIfAbsent(key, version.etag());
        }
        nextReadUnseen = false;
    }

    @Override
    public PutAnswer put(String key, byte[] body, Condition condition, Map<String, String> metadata)
            throws IOException {
        Optional<StoredObject> replaced = bucket.get(key);
        PutAnswer answer = bucket.put(key, body, condition, metadata);
        if (answer instanceof PutAnswer.Stored stored) {
            try {
                checkPut(key, body, replaced.orElse(null), metadata, stored.etag());
            } catch (DamagedTableException e) {
                violation("6: " + key + ": " + e.getMessage());
            }
        }
        return answer;
    }

    @Override
    public DeleteAnswer delete(String key, Condition condition) throws IOException {
        Optional<StoredObject> deleted = bucket.get(key);
        DeleteAnswer answer = bucket.delete(key, condition);
        if (deleted.isPresent() && answer instanceof DeleteAnswer.Gone) {
            checkDelete(key, deleted.get());
        }
        return answer;
    }

    private void violation(String what) {
        violations.add(what + (late ? " (a late write)" : ""));
    }

    private @Nullable ClientBatch ownerOf(Map<String, String> metadata) {
        String id = metadata.get("aria-s3-batch");
        ClientBatch batch = id == null ? null : batches.get(BatchId.parse(id));
        return batch != null && isInJournal(batch) ? batch : null;
    }

    private boolean isInJournal(ClientBatch batch) {
        return journal.batches().stream().anyMatch(known -> known.id().equals(batch.id));
    }

    private void checkPut(
            String key,
            byte[] body,
            @Nullable StoredObject replaced,
            Map<String, String> metadata,
            String etag)
            throws IOException {
        if (key.startsWith("_aria_s3_batch/")) {
            return; // copies: nobody reads them but people
        }
        TableName written = tableOf(key);
        ClientBatch batch = ownerOf(metadata);
        if (batch == null || late && batch.isGivenUp()) {
            if (late) {
                foreign.add(etag); // of a batch that was given up
                disturbed.accept(written);
            } else {
                violation("2: PUT " + key + " of no committed batch");
            }
            return;
        }
        checkOverwrites(key, replaced, metadata, batch);
        if (key.endsWith("/frm")) {
            checkDefinition(batch, key, body);
        } else if (key.endsWith("/aria")) {
            checkHeader(batch, written, key, body);
        } else {
            checkBlock(batch, written, key, body, replaced);
        }
        batch.unwritten.remove(key);
        checkNoFrmAlone("PUT " + key);
    }

    /** Invariant 7. */
    private void checkOverwrites(
            String key,
            @Nullable StoredObject replaced,
            Map<String, String> metadata,
            ClientBatch batch) {
        if (replaced == null || batch.isForced()) {
            return;
        }
        ObjectVersion version = replaced.version();
        boolean own =
                metadata.get("aria-s3-batch") != null
                        && metadata.get("aria-s3-batch")
                                .equals(version.metadata().get("aria-s3-batch"));
        if (!own && !version.etag().equals(batch.basedOn.get(key))) {
            violation(
                    "7: %s overwrites %s, which is %s; it is based on %s"
                            .formatted(
                                    batch,
                                    key,
                                    foreign.contains(version.etag()) ? "foreign" : "another",
                                    batch.basedOn.get(key)));
        }
    }

    /** Invariants 6 and 11, A6. */
    private void checkBlock(
            ClientBatch batch,
            TableName table,
            String key,
            byte[] body,
            @Nullable StoredObject replaced)
            throws IOException {
        PlainTable plain = batch.plain(table);
        BlockName block = new ObjectNames(table).blockOf(key).orElseThrow();
        PlainTable.Content after = batch.after(table);
        boolean compressed = after.geometry().compressed();
        int length = after.geometry().blockLength(block, after.local(block.file()).length);
        byte[] current = replaced == null ? null : decode(replaced.body(), compressed);
        byte[] expected = plain.block(block, length, current);
        byte[] found = BlockFrame.decode(body, length, compressed, key);
        if (!Arrays.equals(found, expected)) {
            violation("11: " + key + " is not what was there under what was staged");
        }
        boolean nobodySees = replaced != null && Arrays.equals(replaced.body(), body);
        if (batch.readers == Readers.FENCE && !nobodySees) {
            if (fence(batch) != Fence.UP) {
                violation("A6: " + key + " written with the fence " + fence(batch));
            }
            ObjectNames names = new ObjectNames(table);
            for (String away : List.of(names.frm(), names.header())) {
                if (bucket.head(away).isPresent()) {
                    violation("A6: " + key + " written while " + away + " is there");
                }
            }
        }
    }

    private Fence fence(ClientBatch batch) {
        return journal.fence(batch.id());
    }

    /** A block of whatever length its object says. */
    static byte[] decode(byte[] object, boolean compressed) throws DamagedTableException {
        int length = object.length;
        if (compressed) {
            length =
                    object[0] == 0
                            ? object.length - BlockFrame.HEADER_BYTES
                            : object[1] & 0xff | (object[2] & 0xff) << 8 | (object[3] & 0xff) << 16;
        }
        return BlockFrame.decode(object, length, compressed, "an object");
    }

    /** Whether a fence is being lowered, over whatever is written by now. */
    private boolean isLowering(ClientBatch batch) {
        return batch.isGivenUp() || fence(batch) == Fence.RISING;
    }

    /** Invariant 8: the new header after all blocks; the old one only to lower a fence. */
    private void checkHeader(ClientBatch batch, TableName table, String key, byte[] body) {
        AriaHeader before = batch.plain(table).before.header();
        AriaHeader after = batch.after(table).header();
        List<String> early = batch.unwritten.stream().filter(BucketWatch::isBlock).toList();
        if (!Arrays.equals(body, after.bytes())) {
            if (!Arrays.equals(body, before.bytes()) || !isLowering(batch)) {
                violation("11: " + key + " is neither the header before nor after");
            }
        } else if (!early.isEmpty() && !isLowering(batch)) {
            violation("8: " + key + " written before " + early);
        }
    }

    private static boolean isBlock(String key) {
        return key.matches(".*/(index|data)/[0-9]+");
    }

    /** Invariant 8: after all blocks, and the headers below it. */
    private void checkDefinition(ClientBatch batch, String key, byte[] body) throws IOException {
        byte[] zeros = new byte[FrmImage.VERSION_BYTES];
        byte[] known = bodies.getOrDefault(key, new byte[0]);
        boolean same =
                Arrays.equals(
                        FrmImage.parse(body, key).withVersion(zeros).bytes(),
                        FrmImage.parse(known, key).withVersion(zeros).bytes());
        if (!same) {
            violation("11: " + key + " is another definition");
        }
        List<String> early =
                batch.unwritten.stream()
                        .filter(object -> isBlock(object) || isHeaderBelow(key, object))
                        .toList();
        if (!early.isEmpty() && !isLowering(batch)) {
            violation("8: " + key + " written before " + early);
        }
    }

    private static boolean isHeaderBelow(String frm, String key) {
        return key.endsWith("/aria") && new ObjectNames(tableOf(key)).frm().equals(frm);
    }

    private void checkDelete(String key, StoredObject deleted) {
        if (key.startsWith("_aria_s3_batch/")) {
            return;
        }
        TableName table = tableOf(key);
        Optional<ClientBatch> holder =
                batches.values().stream()
                        .filter(batch -> isInJournal(batch) && batch.holds(table))
                        .findAny();
        if (holder.isEmpty()) {
            violation("2: DELETE " + key + " of no committed batch");
            return;
        }
        ClientBatch batch = holder.get();
        boolean own =
                batch.id().toString().equals(deleted.version().metadata().get("aria-s3-batch"));
        if (!batch.isForced() && !own && !deleted.version().etag().equals(batch.basedOn.get(key))) {
            violation("7: " + batch + " deletes " + key + ", which is another");
        }
        if (isBlock(key)) {
            if (!batch.undeleted.remove(key)) {
                violation("11: DELETE " + key + ", which is no surplus");
            }
            if (!batch.unwritten.isEmpty()) {
                violation("8: DELETE " + key + " before " + batch.unwritten);
            }
        } else if (fence(batch) == Fence.DOWN) {
            violation("A6: DELETE " + key + " with no fence");
        }
        checkNoFrmAlone("DELETE " + key);
    }

    /** A5. */
    private void checkNoFrmAlone(String after) {
        for (String frm : bodies.keySet()) {
            if (bucket.head(frm).isEmpty()) {
                continue;
            }
            for (String aria : headers) {
                if (isHeaderBelow(frm, aria) && bucket.head(aria).isEmpty()) {
                    violation("A5: " + frm + " without " + aria + " after " + after);
                }
            }
        }
    }

    static TableName tableOf(String key) {
        String[] parts = key.split("/", 3);
        return new TableName(parts[0], parts[1]);
    }

    @Override
    public void list(String prefix, Consumer<ListedObject> visitor) {
        bucket.list(prefix, visitor);
    }

    @Override
    public List<String> folders(String prefix) {
        return bucket.folders(prefix);
    }

    @Override
    public String toString() {
        return bucket.toString();
    }

    @Override
    public void close() {
        bucket.close();
    }
}
