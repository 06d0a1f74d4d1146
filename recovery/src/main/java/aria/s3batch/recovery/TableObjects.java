package aria.s3batch.recovery;

import aria.s3batch.format.BlockName;
import aria.s3batch.format.ObjectNames;
import aria.s3batch.format.TableName;
import aria.s3batch.s3block.ListedObject;
import aria.s3batch.s3block.ObjectStore;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.BiPredicate;

/**
 * All objects under the name of a table, those of its partitions too, as two listings have them: of {@code
 * db/table/}, and of {@code db/table#P#}. Some 200 bytes of heap for each.
 */
public final class TableObjects {
    private final ObjectNames names;
    private @Nullable String frmEtag;
    private @Nullable String parEtag;
    private final SortedMap<String, String> headers = new TreeMap<>();
    private final SortedMap<TableName, Map<BlockName, String>> blocks = new TreeMap<>();
    private final SortedMap<String, String> others = new TreeMap<>();
    private long count;
    private long bytes;

    private TableObjects(TableName table) {
        this.names = new ObjectNames(table);
    }

    static TableObjects list(ObjectStore store, TableName table) throws IOException {
        var objects = new TableObjects(table);
        store.list(objects.names.prefix(), objects::add);
        store.list(table.partitionPrefix(), objects::add);
        return objects;
    }

    private void add(ListedObject object) {
        String key = object.key();
        count++;
        bytes += object.lengthBytes();
        if (key.equals(names.frm())) {
            frmEtag = object.etag();
        } else if (key.equals(names.par())) {
            parEtag = object.etag();
        } else {
            Optional<TableName> unit = unitOf(key);
            if (unit.isEmpty() || !addOfUnit(unit.get(), object)) {
                others.put(key, object.etag());
            }
        }
    }

    private boolean addOfUnit(TableName unit, ListedObject object) {
        var ofUnit = new ObjectNames(unit);
        if (object.key().equals(ofUnit.header())) {
            headers.put(object.key(), object.etag());
            return true;
        }
        Optional<BlockName> block = ofUnit.blockOf(object.key());
        block.ifPresent(
                name ->
                        blocks.computeIfAbsent(unit, first -> new HashMap<>())
                                .put(name, object.etag()));
        return block.isPresent();
    }

    /** The table or partition in whose folder an object lies; empty for the remains of an ALTER. */
    private static Optional<TableName> unitOf(String key) {
        String[] parts = key.split("/", 3);
        try {
            return Optional.of(new TableName(parts[0], parts[1]));
        } catch (IllegalArgumentException e) {
            return Optional.empty(); // the answer: no table has such a name
        }
    }

    /** Whether a server could open the table, or try to. */
    public boolean isReadable() {
        return frmEtag != null || !headers.isEmpty();
    }

    /** Whether nothing that {@code push} writes or {@code drop} deletes first and last is missing. */
    boolean hasDefinitionAndHeaders() {
        return frmEtag != null && !headers.isEmpty();
    }

    /** Whether it has a definition that leads to partitions, or what is left of one. */
    public boolean isPartitioned() {
        return parEtag != null || blocks.keySet().stream().anyMatch(TableName::isPartition);
    }

    public long count() {
        return count;
    }

    /** Of all objects, as they are stored. */
    public long bytes() {
        return bytes;
    }

    /** Headers: 1 of a table that is no ruin, or one a partition. */
    public int headerCount() {
        return headers.size();
    }

    @Nullable String frmEtag() {
        return frmEtag;
    }

    @Nullable String parEtag() {
        return parEtag;
    }

    /** ETags by key. */
    SortedMap<String, String> headers() {
        return headers;
    }

    /** What lies in the folders and belongs to no S3 table; ETags by key. */
    public SortedMap<String, String> others() {
        return others;
    }

    @Nullable String etag(TableName unit, BlockName block) {
        return blocks.getOrDefault(unit, Map.of()).get(block);
    }

    /** ETags by key of all blocks but some. */
    SortedMap<String, String> blocksBut(BiPredicate<TableName, BlockName> kept) {
        SortedMap<String, String> rest = new TreeMap<>();
        blocks.forEach(
                (unit, ofUnit) ->
                        ofUnit.forEach(
                                (block, etag) -> {
                                    if (!kept.test(unit, block)) {
                                        rest.put(new ObjectNames(unit).block(block), etag);
                                    }
                                }));
        return rest;
    }
}
