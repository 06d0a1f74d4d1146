package aria.s3batch.daemon.mount;

import aria.s3batch.daemon.BatchConductor;
import aria.s3batch.daemon.BatchException;
import aria.s3batch.daemon.api.Problem;
import aria.s3batch.format.FrmImage;
import aria.s3batch.format.ObjectNames;
import aria.s3batch.format.ParImage;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;
import aria.s3batch.recovery.OpenTable;
import aria.s3batch.s3block.NoSuchTableException;
import aria.s3batch.s3block.ObjectStore;

import java.io.IOException;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Which files a server finds for the tables of a batch, as if they were plain Aria tables of its own:
 *
 * <pre>
 * T.frm                    the definition, its engine named Aria; read only
 * T.MAI T.MAD              a table's files
 * T.par                    of a partitioned table: its partitions; read only
 * T#P#p0.MAI T#P#p0.MAD    and so on, a partition's files </pre>
 */
final class TableView {
    private final ObjectStore store;
    private final BatchConductor.Stager stager;
    private final SortedMap<String, MountedFile> files = new TreeMap<>();

    /** Base tables by file name: two databases may have one of the same name, a directory may not. */
    private final Map<String, TableName> bases = new HashMap<>();

    private final Set<TableName> inBatch = new HashSet<>();

    private TableView(ObjectStore store, BatchConductor.Stager stager) {
        this.store = store;
        this.stager = stager;
    }

    /**
     * The files of a batch, by name.
     *
     * @param store asked for the partition lists
     * @throws BatchException the batch has tables of one name, or not all partitions of a table
     * @throws IOException a definition cannot be read, or is damaged
     */
    static SortedMap<String, MountedFile> of(
            List<OpenTable> tables, ObjectStore store, BatchConductor.Stager stager)
            throws IOException {
        var view = new TableView(store, stager);
        tables.forEach(table -> view.inBatch.add(table.base().table()));
        for (OpenTable table : tables) {
            view.add(table);
        }
        return view.files;
    }

    private void add(OpenTable table) throws IOException {
        TableName name = table.base().table();
        for (TableFile file : TableFile.values()) {
            String suffix = file == TableFile.INDEX ? ".MAI" : ".MAD";
            files.put(name.table() + suffix, new StagedFile(table, file, stager));
        }
        TableName base = name.base();
        TableName before = bases.put(base.table(), base);
        if (before != null && !before.equals(base)) {
            throw refused(
                    "%s and %s have one file name".formatted(before.display(), base.display()));
        }
        if (before == null) {
            addDefinition(name, table.base().frm());
        }
    }

    private void addDefinition(TableName name, byte[] frm) throws IOException {
        TableName base = name.base();
        var names = new ObjectNames(name);
        FrmImage definition = FrmImage.parse(frm, names.frm());
        files.put(
                base.table() + ".frm",
                new FixedFile("definition of " + base.display(), definition.toAria().bytes()));
        if (definition.isPartitioned()) {
            byte[] par =
                    store.get(names.par())
                            .orElseThrow(() -> new NoSuchTableException(base, names.par(), store))
                            .body();
            ParImage partitions = ParImage.parse(par, names.par());
            requireAll(base, partitions);
            files.put(
                    base.table() + ".par",
                    new FixedFile("partitions of " + base.display(), partitions.toAria().bytes()));
        }
    }

    private void requireAll(TableName base, ParImage partitions) throws BatchException {
        for (String partition : partitions.partitions()) {
            var name = new TableName(base.database(), base.table() + "#P#" + partition);
            if (!inBatch.contains(name)) {
                throw refused(
                        "a server needs all partitions of %s, and %s is not in the batch: begin it on the whole table"
                                .formatted(base.display(), name.display()));
            }
        }
    }

    private static BatchException refused(String why) {
        return new BatchException(
                Problem.Kind.REFUSED, "the batch cannot be mounted: %s".formatted(why));
    }
}
