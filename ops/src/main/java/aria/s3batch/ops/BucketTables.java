package aria.s3batch.ops;

import aria.s3batch.daemon.api.Problem;
import aria.s3batch.format.TableName;
import aria.s3batch.s3block.ObjectStore;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/** Which tables a bucket has, by its folders: partitions are in their tables. Folders that are none are named. */
final class BucketTables {
    /** Our own, beside those of databases. */
    private static final String OURS = "_aria_s3_batch/";

    private final ObjectStore store;
    private final Output output;

    BucketTables(ObjectStore store, Output output) {
        this.store = store;
        this.output = output;
    }

    /**
     * A database as a user names it, in file-name encoding.
     */
    static String database(String name) throws ProblemException {
        try {
            return TableName.parse("`%s`.t".formatted(name.replace("`", ""))).database();
        } catch (IllegalArgumentException e) {
            throw ProblemException.usage(String.valueOf(e.getMessage()));
        }
    }

    /** Of all databases, sorted. */
    List<TableName> all() throws IOException {
        var tables = new ArrayList<TableName>();
        for (String folder : store.folders("")) {
            if (!folder.equals(OURS)) {
                tables.addAll(below(folder));
            }
        }
        return tables;
    }

    /**
     * Of one database, sorted.
     *
     * @throws ProblemException NOT_FOUND: it has none
     */
    List<TableName> of(String database) throws ProblemException, IOException {
        List<TableName> tables = below(database + "/");
        if (tables.isEmpty()) {
            throw ProblemException.of(
                    Problem.Kind.NOT_FOUND,
                    "there is no table in database %s in %s (a table is named db.table)"
                            .formatted(database, store));
        }
        return tables;
    }

    private List<TableName> below(String folder) throws IOException {
        String database = folder.substring(0, folder.length() - 1);
        Set<TableName> found = new HashSet<>();
        for (String each : store.folders(folder)) {
            try {
                found.add(
                        new TableName(
                                database, each.substring(folder.length(), each.length() - 1)));
            } catch (IllegalArgumentException e) {
                output.say(
                        "aria_s3_batch: %s is not checked: no table has such a name; the remains of an ALTER, perhaps"
                                .formatted(each));
            }
        }
        var tables = new TreeSet<TableName>();
        for (TableName table : found) {
            tables.add(found.contains(table.base()) ? table.base() : table);
        }
        return List.copyOf(tables);
    }
}
