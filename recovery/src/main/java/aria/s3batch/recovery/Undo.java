package aria.s3batch.recovery;

import aria.s3batch.format.BatchId;
import aria.s3batch.format.BlockFrame;
import aria.s3batch.format.BlockName;
import aria.s3batch.format.DamagedTableException;
import aria.s3batch.format.ObjectNames;
import aria.s3batch.format.PageVerifier;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableGeometry;
import aria.s3batch.format.TableName;
import aria.s3batch.s3block.ObjectStore;
import aria.s3batch.s3block.ObjectVersion;
import aria.s3batch.s3block.StoredObject;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;

/**
 * What undoes a batch: another one, in which its tables become what they were before. This stages it; it is
 * committed, and survives crashes, as any other.
 *
 * <p>Invariant U1: nothing is staged over a table of which any object that the batch wrote or deleted, its
 * header or its definition is another by now. What is looked at here is looked at again by the commit: every
 * block that is there is read, and so part of what the new batch is based on.
 */
public final class Undo {
    private final ObjectStore store;
    private final BatchRecord batch;
    private final List<Part> parts = new ArrayList<>();

    /** One table that the batch has changed. */
    private record Part(
            TableRecord table,
            SortedMap<BlockName, UndoSet.Copy> copies,
            Map<String, String> after) {}

    /** Where pages are staged: an open batch. */
    public interface Staging {
        void truncate(TableName table, TableFile file, long bytes) throws IOException;

        /**
         * @param images whole pages, verified
         */
        void pages(TableName table, TableFile file, long firstPage, ByteBuffer images)
                throws IOException;
    }

    private Undo(ObjectStore store, BatchRecord batch) {
        this.store = store;
        this.batch = batch;
    }

    /**
     * Reads what there is to undo a batch.
     *
     * @throws UndoRefusedException there is nothing, or not all
     */
    public static Undo of(ObjectStore store, BatchId id) throws IOException {
        Optional<List<Map<String, String>>> after = UndoSet.manifest(store, id);
        Optional<UndoSet.Before> before = UndoSet.before(store, id);
        if (after.isEmpty() || before.isEmpty()) {
            throw new UndoRefusedException(
                    id,
                    before.isEmpty()
                            ? "nothing of before it was kept: it was not committed with"
                                    + " --keep-undo, or that has expired"
                            : "it is not applied yet, or was forced or discarded");
        }
        BatchRecord batch = before.get().batch();
        var undo = new Undo(store, batch);
        for (int i = 0; i < batch.tables().size(); i++) {
            var part =
                    new Part(
                            batch.tables().get(i),
                            before.get().copies().get(i),
                            after.get().get(i));
            if (!part.after().isEmpty()) {
                undo.parts.add(part);
            }
        }
        return undo;
    }

    /** The tables that the batch has changed, partitions one by one. */
    public List<TableName> tables() {
        return parts.stream().map(part -> part.table().base().table()).toList();
    }

    /**
     * Stages the tables as they were.
     *
     * @param open {@link #tables}, in a new batch with nothing staged
     * @throws UndoRefusedException U1; abort the new batch
     * @throws DamagedTableException a copy is not what was laid aside; likewise
     */
    public void stage(List<OpenTable> open, Staging staging) throws IOException {
        for (Part part : parts) {
            requireDefinition(part, opened(open, part));
        }
        for (Part part : parts) {
            requireBlocks(part, opened(open, part));
        }
        for (Part part : parts) {
            stage(part, opened(open, part), staging);
        }
    }

    private static OpenTable opened(List<OpenTable> open, Part part) {
        return open.stream()
                .filter(table -> table.base().table().equals(part.table().base().table()))
                .findFirst()
                .orElseThrow(() -> new AssertionError("not begun: " + part.table().base().table()));
    }

    // ---- U1 ------------------------------------------------------------------------------------

    private void requireDefinition(Part part, OpenTable open) throws IOException {
        var names = new ObjectNames(open.base().table());
        String aria =
                part.after().getOrDefault(ObjectNames.HEADER, part.table().base().headerEtag());
        require(names.header(), aria, open.base().headerEtag());
        require(names.frm(), frmAfter(part), open.base().frmEtag());
    }

    /** Noted with the first of its partitions that the batch has changed. */
    private String frmAfter(Part part) {
        TableName definition = part.table().base().table().base();
        return parts.stream()
                .filter(other -> other.table().base().table().base().equals(definition))
                .map(other -> other.after().get(DefinitionWork.FRM))
                .filter(etag -> etag != null)
                .findFirst()
                .orElse(part.table().base().frmEtag());
    }

    private void requireBlocks(Part part, OpenTable open) throws IOException {
        var names = new ObjectNames(open.base().table());
        for (Map.Entry<String, String> object : part.after().entrySet()) {
            String key = names.prefix() + object.getKey();
            Optional<BlockName> block = names.blockOf(key);
            if (block.isEmpty()) {
                continue; // header and definition
            }
            if (object.getValue().isEmpty()) {
                require(key, null, store.head(key).map(ObjectVersion::etag).orElse(null));
            } else {
                try {
                    open.reader().require(block.get());
                } catch (DamagedTableException | BaseChangedException e) {
                    throw changed(key + ": " + e.getMessage());
                }
                require(key, object.getValue(), open.reader().etags().get(block.get()));
            }
        }
    }

    private void require(String key, @Nullable String after, @Nullable String found)
            throws UndoRefusedException {
        if (after == null ? found != null : !after.equals(found)) {
            throw changed(
                    "%s has %s, and the batch left %s"
                            .formatted(key, version(found), version(after)));
        }
    }

    private UndoRefusedException changed(String what) {
        return new UndoRefusedException(
                batch.id(),
                "its tables were changed since ("
                        + what
                        + "), and only the last batch on a table is undone");
    }

    private static String version(@Nullable String etag) {
        return etag == null ? "no object" : "ETag " + etag;
    }

    // ---- staging -------------------------------------------------------------------------------

    private void stage(Part part, OpenTable open, Staging staging) throws IOException {
        TableRecord was = part.table();
        TableName name = was.base().table();
        TableGeometry geometry = was.geometry();
        for (TableFile file : TableFile.values()) {
            long bytes = was.lengths(file).baseBytes();
            if (open.cache().length(file) != bytes) { // a longer one ends in zeros
                staging.truncate(name, file, bytes);
            }
        }
        var names = new ObjectNames(name);
        for (Map.Entry<BlockName, UndoSet.Copy> copy : part.copies().entrySet()) {
            BlockName block = copy.getKey();
            byte[] before = before(was, names.block(block), block, copy.getValue());
            stageDifference(name, geometry, block, before, open, staging);
        }
        byte[] header = was.base().header().asLocal().bytes();
        if (!Arrays.equals(header, open.base().header().asLocal().bytes())) {
            staging.pages(name, TableFile.INDEX, 0, ByteBuffer.wrap(header));
        }
    }

    private byte[] before(TableRecord was, String key, BlockName block, UndoSet.Copy copy)
            throws IOException {
        String copyKey = UndoSet.key(batch.id(), key);
        StoredObject found =
                store.get(copyKey)
                        .orElseThrow(
                                () -> new DamagedTableException(copyKey, "a copy", "no object"));
        if (!found.version().etag().equals(copy.copyEtag())) {
            throw new DamagedTableException(
                    copyKey,
                    "the copy with ETag " + copy.copyEtag(),
                    "ETag " + found.version().etag());
        }
        return BlockFrame.decode(
                found.body(), was.baseLength(block), was.geometry().compressed(), copyKey);
    }

    /** The pages that are others now, those in a row at once. */
    private static void stageDifference(
            TableName name,
            TableGeometry geometry,
            BlockName block,
            byte[] before,
            OpenTable open,
            Staging staging)
            throws IOException {
        int pageBytes = geometry.pageBytes();
        TableFile file = block.file();
        long firstPage = geometry.firstPage(block);
        ByteBuffer now = ByteBuffer.allocate(before.length);
        int seen = open.cache().read(file, firstPage * pageBytes, now);
        var verifier = PageVerifier.of(geometry);
        for (int at = 0; at < before.length; ) {
            int end = at;
            while (end < before.length && !isSame(before, now.array(), seen, end, pageBytes)) {
                Optional<String> problem =
                        verifier.problem(file, firstPage + end / pageBytes, before, end);
                if (problem.isPresent()) {
                    throw new DamagedTableException(
                            name.display() + " as it was, " + block,
                            "a page as Aria writes it",
                            problem.get());
                }
                end += pageBytes;
            }
            if (end > at) {
                staging.pages(
                        name,
                        file,
                        firstPage + at / pageBytes,
                        ByteBuffer.wrap(before, at, end - at).slice());
                at = end;
            } else {
                at += pageBytes;
            }
        }
    }

    private static boolean isSame(byte[] before, byte[] now, int seen, int at, int pageBytes) {
        return at + pageBytes <= seen
                && Arrays.equals(before, at, at + pageBytes, now, at, at + pageBytes);
    }
}
