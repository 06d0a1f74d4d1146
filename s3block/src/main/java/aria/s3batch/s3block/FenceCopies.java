package aria.s3batch.s3block;

import aria.s3batch.format.BatchId;
import aria.s3batch.format.ObjectNames;
import aria.s3batch.format.TableName;

import java.io.IOException;
import java.util.Optional;

/**
 * Where the definition and the header of a table lie while a batch keeps its readers out: {@code
 * _aria_s3_batch/fence/BATCH/} and the key that they have otherwise. Each is an exact copy of what was there
 * before the batch. They are outside of every folder that servers list.
 */
public final class FenceCopies {
    private static final String PREFIX = "_aria_s3_batch/fence/";
    private static final int LOOKS = 2;

    private FenceCopies() {}

    /** The key of the copy of an object. */
    public static String key(BatchId batch, String key) {
        return PREFIX + batch + "/" + key;
    }

    /** Whether a batch has laid copies aside: its fence may be up. One listing. */
    public static boolean exist(ObjectStore store, BatchId batch) throws IOException {
        boolean[] any = new boolean[1];
        store.list(PREFIX + batch + "/", copy -> any[0] = true);
        return any[0];
    }

    /**
     * Why an object that every table has is not there: to be asked when it was missed. A listing of the
     * batches that have a fence up, and a HEAD for each. Fences come and go meanwhile: that there is none is
     * believed when the object is missed still, twice.
     *
     * @param key the object that is missing
     */
    static IOException whyMissing(ObjectStore store, TableName table, String key)
            throws IOException {
        for (int look = 1; look <= LOOKS; look++) {
            Optional<String> batch = batch(store, table);
            if (batch.isPresent()) {
                return new FencedTableException(table, key, batch.get());
            }
            if (store.head(key).isPresent()) {
                return new FencedTableException(table, key);
            }
        }
        return new NoSuchTableException(table, key, store);
    }

    /** The batch that has a fence around a table, as its id is written. */
    public static Optional<String> batch(ObjectStore store, TableName table) throws IOException {
        String definition = new ObjectNames(table).frm();
        for (String folder : store.folders(PREFIX)) {
            if (store.head(folder + definition).isPresent()) {
                return Optional.of(folder.substring(PREFIX.length(), folder.length() - 1));
            }
        }
        return Optional.empty();
    }
}
