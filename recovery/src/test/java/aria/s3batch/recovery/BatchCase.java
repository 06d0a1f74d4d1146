package aria.s3batch.recovery;

import aria.s3batch.diskcache.TableCache;
import aria.s3batch.format.AriaHeader;
import aria.s3batch.format.Fixture;
import aria.s3batch.format.ObjectNames;
import aria.s3batch.format.SyntheticTable;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Tables before and after a batch, and how a client stages it.
 *
 * @param before everything in the bucket
 * @param after everything in the bucket when the batch has been applied
 */
record BatchCase(
        String name,
        List<TableName> tables,
        SortedMap<String, byte[]> before,
        SortedMap<String, byte[]> after,
        Staging staging) {
    static final TableName TABLE = new TableName("db", "t");
    static final int PAGE = SyntheticTable.PAGE_BYTES;

    /** Small enough that few pages make many blocks. */
    static final int BLOCK = 3 * PAGE;

    interface Staging {
        void stage(List<OpenTable> tables) throws IOException;
    }

    static BatchCase of(Fixture fixture) {
        return new BatchCase(
                fixture.name(),
                fixture.units(),
                fixture.before(),
                fixture.after(),
                tables -> BatchWorld.stage(tables, fixture));
    }

    /** A batch that makes one synthetic table of another of the same definition. */
    static BatchCase of(String name, SyntheticTable before, SyntheticTable after) {
        return of(
                name, before, after.local(TableFile.INDEX), after.local(TableFile.DATA), Map.of());
    }

    /**
     * @param lengths bytes that each file is set to, in this order, before its pages are staged; all-zero
     *     pages behind the last of them are not staged: they are holes
     */
    static BatchCase of(
            String name,
            SyntheticTable before,
            byte[] index,
            byte[] data,
            Map<TableFile, List<Integer>> lengths) {
        var names = new ObjectNames(before.name());
        SortedMap<String, byte[]> objects = before.objects();
        SortedMap<String, byte[]> after = Fixture.cut(before.name(), before.header(), index, data);
        byte[] frm = objects.get(names.frm());
        assert frm != null : name;
        after.put(names.frm(), frm);
        return new BatchCase(
                name,
                List.of(before.name()),
                objects,
                after,
                tables -> {
                    TableCache cache = tables.getFirst().cache();
                    for (TableFile file : TableFile.values()) {
                        for (int length : lengths.getOrDefault(file, List.of())) {
                            cache.truncate(file, length);
                        }
                    }
                    BatchWorld.stage(tables.getFirst(), index, data);
                });
    }

    /**
     * Three partitions, of which the batch changes the first and the last, and a table beside them; of two
     * more, which are in the batch too, it changes nothing.
     */
    static BatchCase ofPartitions() {
        List<TableName> tables = new ArrayList<>();
        SortedMap<String, byte[]> before = new TreeMap<>();
        SortedMap<String, byte[]> after = new TreeMap<>();
        Map<TableName, SyntheticTable> wanted = new HashMap<>();
        for (String name : List.of("p#P#p0", "p#P#p1", "p#P#p2", "t", "u")) {
            var table = new TableName("db", name);
            SyntheticTable old = SyntheticTable.of(table, BLOCK, false, 2, 4, 1);
            SyntheticTable changed =
                    switch (name) {
                        case "p#P#p0" -> old.withPage(TableFile.DATA, 1, 9); // not its header
                        case "p#P#p2" -> old.resized(2, 1, 9);
                        case "t" -> old.resized(3, 5, 9);
                        default -> old;
                    };
            tables.add(table);
            before.putAll(old.objects());
            after.putAll(changed.objects());
            wanted.put(table, changed);
        }
        return new BatchCase(
                "partitions",
                tables,
                before,
                after,
                open -> {
                    for (OpenTable table : open) {
                        SyntheticTable changed =
                                Objects.requireNonNull(wanted.get(table.base().table()));
                        BatchWorld.stage(
                                table,
                                changed.local(TableFile.INDEX),
                                changed.local(TableFile.DATA));
                    }
                });
    }

    /** A file with its pages from {@code first} to before {@code end} zero. */
    static byte[] withHole(byte[] file, int first, int end) {
        byte[] copy = file.clone();
        Arrays.fill(copy, first * PAGE, end * PAGE, (byte) 0);
        return copy;
    }

    static SyntheticTable table(boolean compressed, int indexPages, int dataPages) {
        return SyntheticTable.of(TABLE, BLOCK, compressed, indexPages, dataPages, 1);
    }

    /**
     * A batch with one object of each kind: data 1 rewritten whole, data 2 in part and cut, data 3 and 4
     * deleted, index 2 extended, index 3 new, the header.
     */
    static BatchCase ofEveryKind(boolean compressed) {
        SyntheticTable before = table(compressed, 4, 10);
        SyntheticTable after =
                before.resized(8, 5, 2)
                        .withPage(TableFile.DATA, 0, 3)
                        .withPage(TableFile.DATA, 1, 3)
                        .withPage(TableFile.DATA, 2, 3)
                        .withPage(TableFile.DATA, 4, 3);
        return of("every kind", before, after);
    }

    static String key(String object) {
        return TABLE.path() + "/" + object;
    }

    static AriaHeader headerOf(SortedMap<String, byte[]> objects) throws IOException {
        byte[] header = objects.get(key(ObjectNames.HEADER));
        assert header != null : "no header";
        return AriaHeader.parse(header, "header");
    }

    @Override
    public String toString() {
        return name;
    }
}
