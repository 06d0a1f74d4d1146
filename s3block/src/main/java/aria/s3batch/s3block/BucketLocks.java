package aria.s3batch.s3block;

import aria.s3batch.format.DamagedTableException;
import aria.s3batch.format.TableName;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** The lock objects of a bucket, as whoever may read it sees them. They are outside of every database. */
public final class BucketLocks {
    private static final String PREFIX = "_aria_s3_batch/locks/";

    private BucketLocks() {}

    /**
     * A lock object.
     *
     * @param etag of the version that was read
     */
    public record Found(TableLock lock, String etag) {}

    /** The key of the lock of a table; all its partitions have one. */
    public static String key(TableName table) {
        return PREFIX + table.base().path();
    }

    /** The tables that have a lock object, sorted: one listing. */
    public static List<TableName> tables(ObjectStore store) throws IOException {
        List<TableName> tables = new ArrayList<>();
        store.list(
                PREFIX,
                object -> table(object.key().substring(PREFIX.length())).ifPresent(tables::add));
        tables.sort(null);
        return tables;
    }

    /** Empty for an object that locks nothing: some servers list their own half-written ones. */
    private static Optional<TableName> table(String name) {
        String[] parts = name.split("/", -1);
        if (parts.length != 2) {
            return Optional.empty();
        }
        try {
            return Optional.of(new TableName(parts[0], parts[1]));
        } catch (IllegalArgumentException e) {
            return Optional.empty(); // the answer: no table has such a name
        }
    }

    /**
     * @return empty if the table is not locked
     * @throws DamagedTableException what is there is no lock; it was read twice
     */
    public static Optional<Found> read(ObjectStore store, TableName table) throws IOException {
        try {
            return readOnce(store, table);
        } catch (DamagedTableException onItsWayPerhaps) {
            return readOnce(store, table);
        }
    }

    private static Optional<Found> readOnce(ObjectStore store, TableName table) throws IOException {
        Optional<StoredObject> object = store.get(key(table));
        if (object.isEmpty()) {
            return Optional.empty();
        }
        TableLock lock = TableLock.parse(key(table), table.base(), object.get().body());
        return Optional.of(new Found(lock, object.get().version().etag()));
    }

    /** Removes what is in place of a lock and is none. */
    public static void removeDamaged(ObjectStore store, TableName table) throws IOException {
        store.delete(key(table), Condition.always());
    }

    /**
     * Removes a lock that is as it was found.
     *
     * @return false if it has changed since: then it stays
     * @throws IOException whether it is removed is not known
     */
    public static boolean remove(ObjectStore store, Found found) throws IOException {
        return switch (new ConditionalWrite(store)
                .delete(key(found.lock().table()), found.etag())) {
            case DeleteOutcome.Gone _ -> true;
            case DeleteOutcome.ForeignWrite _ -> false;
            case DeleteOutcome.Unknown unknown -> throw unknown.cause();
        };
    }
}
