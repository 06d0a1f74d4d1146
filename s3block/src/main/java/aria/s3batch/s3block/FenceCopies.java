package aria.s3batch.s3block;

import aria.s3batch.format.BatchId;
import aria.s3batch.format.DamagedTableException;
import aria.s3batch.format.FrmImage;
import aria.s3batch.format.ObjectNames;
import aria.s3batch.format.TableName;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import java.util.UUID;

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

    /** The batch that has a fence around a table, as its id is written; the newest, should there be several. */
    public static Optional<String> batch(ObjectStore store, TableName table) throws IOException {
        String definition = new ObjectNames(table).frm();
        List<String> folders = new ArrayList<>(store.folders(PREFIX));
        folders.sort(Comparator.reverseOrder()); // ids sort by time
        for (String folder : folders) {
            if (store.head(folder + definition).isPresent()) {
                return Optional.of(folder.substring(PREFIX.length(), folder.length() - 1));
            }
        }
        return Optional.empty();
    }

    /**
     * Lowers the fence of a batch that nobody can finish: puts back what is missing, headers first, as a server
     * that finds {@code frm} alone hangs, and deletes the copies. An object that is there stays: it is the
     * batch's new one, or of whoever came later, and the copy does not fit its blocks. Whether these are
     * whole, {@link TableCheck} finds out afterwards. {@code frm} gets another version, the same each time this
     * is called: blocks may be new, so servers are to open the table anew.
     *
     * <p>To be called under the lock of the table, when no other process writes it any more.
     *
     * @param table or one of its partitions: all of them are meant
     * @return whether there was a copy
     * @throws DamagedTableException the copy of {@code frm} is no definition; nothing was changed
     * @throws IOException it is lowered in part; to be repeated
     */
    public static boolean lower(ObjectStore store, BatchId batch, TableName table)
            throws IOException {
        String frm = new ObjectNames(table).frm();
        Optional<StoredObject> definition = store.get(key(batch, frm));
        byte[] reopened = definition.isPresent() ? reopened(definition.get(), batch, frm) : null;
        String folder = PREFIX + batch + "/";
        var headers = new TreeSet<String>();
        store.list(
                folder + table.database() + "/",
                copy -> {
                    String key = copy.key().substring(folder.length());
                    if (isHeader(key, table.base())) {
                        headers.add(key);
                    }
                });
        for (String header : headers) {
            Optional<StoredObject> copy = store.get(key(batch, header));
            if (copy.isPresent()) {
                putBack(store, batch, header, copy.get().body());
            }
        }
        if (reopened != null) {
            putBack(store, batch, frm, reopened);
        }
        for (String header : headers) {
            delete(store, key(batch, header));
        }
        delete(store, key(batch, frm)); // last: by it the batch is found
        return reopened != null || !headers.isEmpty();
    }

    private static byte[] reopened(StoredObject copy, BatchId batch, String frm)
            throws DamagedTableException {
        FrmImage image = FrmImage.parse(copy.body(), key(batch, frm));
        byte[] id = batch.toString().getBytes(StandardCharsets.US_ASCII);
        ByteBuffer name = ByteBuffer.allocate(FrmImage.VERSION_BYTES + id.length);
        UUID next = UUID.nameUUIDFromBytes(name.put(image.version()).put(id).array());
        ByteBuffer version = ByteBuffer.allocate(FrmImage.VERSION_BYTES);
        version.putLong(next.getMostSignificantBits()).putLong(next.getLeastSignificantBits());
        return image.withVersion(version.array()).bytes();
    }

    private static boolean isHeader(String key, TableName table) {
        return key.equals(new ObjectNames(table).header())
                || key.startsWith(table.partitionPrefix())
                        && key.endsWith("/" + ObjectNames.HEADER);
    }

    private static void putBack(ObjectStore store, BatchId batch, String key, byte[] body)
            throws IOException {
        PutOutcome outcome =
                new ConditionalWrite(store).write(key, body, Condition.ifAbsent(), batch);
        if (outcome instanceof PutOutcome.Unknown unknown) {
            throw unknown.cause();
        }
    }

    private static void delete(ObjectStore store, String key) throws IOException {
        if (new ConditionalWrite(store).delete(key, null)
                instanceof DeleteOutcome.Unknown unknown) {
            throw unknown.cause();
        }
    }
}
