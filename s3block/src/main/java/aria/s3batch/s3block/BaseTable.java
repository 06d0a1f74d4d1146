package aria.s3batch.s3block;

import aria.s3batch.format.AriaHeader;
import aria.s3batch.format.DamagedTableException;
import aria.s3batch.format.HeaderRules;
import aria.s3batch.format.ObjectNames;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableGeometry;
import aria.s3batch.format.TableName;

import java.io.IOException;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;

/**
 * What a batch is based on: header and definition of a table as they were in S3 when the batch began.
 * Which blocks there are follows from the header, so that nothing is listed.
 *
 * @param header the object {@code aria}, with its S3 fields
 * @param headerEtag its ETag
 * @param frm the definition; that of the partitioned table if this is a partition
 * @param frmEtag its ETag
 */
@SuppressWarnings("ArrayRecordComponent") // never compared; the ETags tell
public record BaseTable(
        TableName table, AriaHeader header, String headerEtag, byte[] frm, String frmEtag) {
    /**
     * @throws IllegalArgumentException the header is not that of a table in S3; {@link #read} finds out
     *     before
     */
    public BaseTable {
        try {
            header.geometry(table.display());
        } catch (DamagedTableException e) {
            throw new IllegalArgumentException(e);
        }
    }

    /**
     * Reads headers and definitions: a GET each, and the definition of partitions of one table once. What has no
     * header may be a partitioned table: it stands for all its partitions, see {@link Partitions#expand}.
     *
     * @return each table once, in the order in which they are asked for
     * @throws IOException as {@link #read}
     */
    public static List<BaseTable> readAll(ObjectStore store, List<TableName> tables)
            throws IOException {
        Map<TableName, StoredObject> definitions = new HashMap<>();
        SequencedMap<TableName, BaseTable> bases = new LinkedHashMap<>();
        for (TableName table : tables) {
            Optional<StoredObject> aria = store.get(new ObjectNames(table).header());
            if (aria.isPresent()) {
                bases.put(table, of(store, table, aria.get(), definitions));
                continue;
            }
            List<TableName> partitions =
                    table.isPartition() ? List.of(table) : Partitions.of(store, table);
            for (TableName partition : partitions) {
                bases.put(partition, read(store, partition, definitions));
            }
        }
        return List.copyOf(bases.values());
    }

    /**
     * Reads a table's header and definition: two GETs, whatever its size.
     *
     * @throws NoSuchTableException one of them is missing
     * @throws FencedTableException one of them is missing because a batch is being applied
     * @throws DamagedTableException the header cannot be right
     * @throws UnsupportedTableException no table that the S3 engine could have made
     */
    public static BaseTable read(ObjectStore store, TableName table) throws IOException {
        return read(store, table, new HashMap<>());
    }

    private static BaseTable read(
            ObjectStore store, TableName table, Map<TableName, StoredObject> definitions)
            throws IOException {
        StoredObject aria = mustGet(store, table, new ObjectNames(table).header());
        return of(store, table, aria, definitions);
    }

    private static BaseTable of(
            ObjectStore store,
            TableName table,
            StoredObject aria,
            Map<TableName, StoredObject> definitions)
            throws IOException {
        var names = new ObjectNames(table);
        StoredObject frm = definitions.get(table.base());
        if (frm == null) {
            frm = mustGet(store, table, names.frm());
            definitions.put(table.base(), frm);
        }
        AriaHeader header = AriaHeader.parse(aria.body(), names.header());
        List<String> unsupported = HeaderRules.unsupported(header);
        if (!unsupported.isEmpty()) {
            throw new UnsupportedTableException(table, unsupported);
        }
        Optional<String> wrongLength = wrongLength(header);
        if (wrongLength.isPresent()) {
            throw new DamagedTableException(
                    names.header(), "file lengths of whole pages", wrongLength.get());
        }
        header.geometry(names.header());
        return new BaseTable(
                table, header, aria.version().etag(), frm.body(), frm.version().etag());
    }

    private static StoredObject mustGet(ObjectStore store, TableName table, String key)
            throws IOException {
        Optional<StoredObject> object = store.get(key);
        if (object.isEmpty()) {
            throw FenceCopies.whyMissing(store, table, key);
        }
        return object.get();
    }

    /** A file length that no Aria table can have; empty if both can be. */
    static Optional<String> wrongLength(AriaHeader header) {
        for (TableFile file : TableFile.values()) {
            long length = header.fileLength(file);
            long least = file == TableFile.INDEX ? header.keystart() : header.pageBytes();
            if (length < least
                    || length % header.pageBytes() != 0
                    || length / header.pageBytes() > header.pagesEnd(file)) {
                return Optional.of(
                        "%s file of %d bytes, with at most %d pages of %d and a header of %d"
                                .formatted(
                                        file.key(),
                                        length,
                                        header.pagesEnd(file),
                                        header.pageBytes(),
                                        header.keystart()));
            }
        }
        return Optional.empty();
    }

    /** How the table is cut into pages and blocks. */
    public TableGeometry geometry() {
        try {
            return header.geometry(table.display());
        } catch (DamagedTableException e) {
            throw new AssertionError("checked when it was made", e);
        }
    }
}
