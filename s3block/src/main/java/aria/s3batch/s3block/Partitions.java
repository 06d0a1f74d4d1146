package aria.s3batch.s3block;

import aria.s3batch.format.DamagedTableException;
import aria.s3batch.format.ObjectNames;
import aria.s3batch.format.ParImage;
import aria.s3batch.format.TableName;

import java.io.IOException;
import java.util.List;
import java.util.Optional;

/**
 * The tables behind a name. To the S3 engine every partition is a table of its own; the partitioned
 * table has a definition ({@code frm}) and a list of partitions ({@code par}), but no header.
 */
public final class Partitions {
    private Partitions() {}

    /**
     * The table itself, or all its partitions and sub-partitions, sorted by name. A partition stands for
     * itself. Costs a HEAD for a table, and for a partitioned one a GET and a listing that grows with the
     * number of partitions only.
     *
     * @throws NoSuchTableException neither a header nor a list of partitions is there
     * @throws FencedTableException the same, because a batch is being applied
     * @throws DamagedTableException the list cannot be read, or there are more or fewer partitions than it
     *     says
     */
    public static List<TableName> expand(ObjectStore store, TableName table) throws IOException {
        String header = new ObjectNames(table).header();
        return table.isPartition() || store.head(header).isPresent()
                ? List.of(table)
                : of(store, table);
    }

    /**
     * All partitions of a table that has no header of its own, as {@link #expand}.
     *
     * @param table no partition
     */
    static List<TableName> of(ObjectStore store, TableName table) throws IOException {
        var names = new ObjectNames(table);
        Optional<StoredObject> par = store.get(names.par());
        if (par.isEmpty()) {
            throw FenceCopies.whyMissing(store, table, names.header());
        }
        int count = ParImage.parse(par.get().body(), names.par()).partitions().size();
        List<TableName> partitions =
                store.folders(table.partitionPrefix()).stream()
                        .flatMap(folder -> partition(table, folder).stream())
                        .sorted()
                        .toList();
        if (partitions.size() != count) {
            throw new DamagedTableException(
                    table.display(),
                    count + " partitions, as " + names.par() + " says",
                    String.valueOf(partitions.size()));
        }
        return partitions;
    }

    /** Empty for the remains of an ALTER ({@code t#P#p0#TMP#}), which are no partition. */
    private static Optional<TableName> partition(TableName table, String folder) {
        String name = folder.substring(table.database().length() + 1, folder.length() - 1);
        try {
            return Optional.of(new TableName(table.database(), name));
        } catch (IllegalArgumentException e) {
            return Optional
                    .empty(); // the answer: MariaDB would not open it under such a name either
        }
    }
}
