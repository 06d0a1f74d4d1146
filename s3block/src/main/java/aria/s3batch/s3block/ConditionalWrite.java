package aria.s3batch.s3block;

import aria.s3batch.format.BatchId;
import aria.s3batch.format.DamagedTableException;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Map;
import java.util.Optional;
import java.util.zip.CRC32C;

/**
 * Writes objects of batches, and settles every unclear answer by reading back: it is never assumed
 * that a write landed, nor that it did not. Safe for use by many threads; keeps no state.
 *
 * <p>An object of a batch is recognised by two items of user metadata: {@value #BATCH_NAME}, the batch id,
 * and {@value #CRC_NAME}, the CRC32C of the body in eight hexadecimal digits. Where an endpoint keeps no
 * metadata, the bodies are compared instead.
 *
 * <p>Invariants:
 *
 * <ol>
 *   <li>Landed is only answered when the store said so, or showed our object.
 *   <li>ForeignWrite is only answered when something else than our object and than the base was seen.
 *   <li>Refusals ({@link StoreRefusedException}, {@link BucketMissingException}) are thrown, for nothing was
 *       written and repeating cannot help.
 * </ol>
 */
public final class ConditionalWrite {
    static final String BATCH_NAME = "aria-s3-batch";
    static final String CRC_NAME = "aria-s3-crc32c";

    private final ObjectStore store;

    public ConditionalWrite(ObjectStore store) {
        this.store = store;
    }

    /**
     * Writes an object. One PUT, and when its answer is unclear one HEAD; a GET before it is called foreign. A
     * store that says that it is asked too often is not asked more: should it have written, the next try finds
     * out.
     *
     * @param condition what the object must still be: the base's ETag, or absent. With {@link
     *     Condition.Always} there are no foreign writes.
     */
    public PutOutcome write(String key, byte[] body, Condition condition, BatchId batch)
            throws StoreRefusedException, BucketMissingException, LockLostException {
        Map<String, String> mark = markOf(batch, body);
        IOException unclear;
        try {
            switch (store.put(key, body, condition, mark)) {
                case PutAnswer.Stored stored -> {
                    return new PutOutcome.Landed(stored.etag());
                }
                case PutAnswer.ConditionFailed _ ->
                        unclear = new StoreUnreachableException(stillBase(key));
            }
        } catch (StoreRefusedException | BucketMissingException | LockLostException e) {
            throw e;
        } catch (StoreBusyException e) {
            return new PutOutcome.Unknown(e);
        } catch (IOException e) {
            unclear = e;
        }
        try {
            return settlePut(key, body, condition, mark, unclear);
        } catch (StoreRefusedException | BucketMissingException | LockLostException e) {
            e.addSuppressed(unclear);
            throw e;
        } catch (IOException e) {
            e.addSuppressed(unclear);
            return new PutOutcome.Unknown(e);
        }
    }

    private PutOutcome settlePut(
            String key,
            byte[] body,
            Condition condition,
            Map<String, String> mark,
            IOException unclear)
            throws IOException {
        Optional<ObjectVersion> head = look(key);
        if (head.isEmpty()) {
            return condition instanceof Condition.IfMatch
                    ? new PutOutcome.ForeignWrite(null)
                    : new PutOutcome.Unknown(unclear);
        }
        ObjectVersion found = head.get();
        if (found.lengthBytes() == body.length && carries(mark, found)) {
            return new PutOutcome.Landed(found.etag());
        }
        if (condition.equals(Condition.ifMatch(found.etag()))) {
            return new PutOutcome.Unknown(unclear);
        }
        // Of the HEAD a part may have been lost, our mark for one. Of a GET it cannot.
        Optional<StoredObject> read;
        try {
            read = store.get(key);
        } catch (DamagedTableException tooLargeToBeOurs) {
            if (condition instanceof Condition.Always) {
                return new PutOutcome.Unknown(unclear);
            }
            return new PutOutcome.ForeignWrite(found.etag());
        }
        return read.isEmpty()
                ? new PutOutcome.Unknown(unclear)
                : judge(read.get(), body, condition, mark, unclear);
    }

    private static PutOutcome judge(
            StoredObject read,
            byte[] body,
            Condition condition,
            Map<String, String> mark,
            IOException unclear) {
        ObjectVersion found = read.version();
        boolean marked = found.metadata().containsKey(BATCH_NAME);
        boolean ours = !marked || carries(mark, found);
        if (ours && Arrays.equals(read.body(), body)) {
            return new PutOutcome.Landed(found.etag());
        }
        boolean base = condition.equals(Condition.ifMatch(found.etag()));
        return base || condition instanceof Condition.Always
                ? new PutOutcome.Unknown(unclear)
                : new PutOutcome.ForeignWrite(found.etag());
    }

    /** What is there now. That nothing is there is asked twice: HEAD cannot say that it is sure. */
    private Optional<ObjectVersion> look(String key) throws IOException {
        Optional<ObjectVersion> head = store.head(key);
        return head.isPresent() ? head : store.get(key).map(StoredObject::version);
    }

    private static boolean carries(Map<String, String> mark, ObjectVersion version) {
        return version.metadata().entrySet().containsAll(mark.entrySet());
    }

    /**
     * Removes an object.
     *
     * @param baseEtag what it must still be; null to remove whatever is there
     */
    public DeleteOutcome delete(String key, @Nullable String baseEtag)
            throws StoreRefusedException, BucketMissingException, LockLostException {
        Condition condition = baseEtag == null ? Condition.always() : Condition.ifMatch(baseEtag);
        IOException unclear;
        try {
            switch (store.delete(key, condition)) {
                case DeleteAnswer.Gone _ -> {
                    return new DeleteOutcome.Gone();
                }
                case DeleteAnswer.ConditionFailed _ ->
                        unclear = new StoreUnreachableException(stillBase(key));
            }
        } catch (StoreRefusedException | BucketMissingException | LockLostException e) {
            throw e;
        } catch (StoreBusyException e) {
            return new DeleteOutcome.Unknown(e);
        } catch (IOException e) {
            unclear = e;
        }
        try {
            Optional<ObjectVersion> found = look(key);
            if (found.isEmpty()) {
                return new DeleteOutcome.Gone();
            }
            return baseEtag == null || found.get().etag().equals(baseEtag)
                    ? new DeleteOutcome.Unknown(unclear)
                    : new DeleteOutcome.ForeignWrite(found.get().etag());
        } catch (StoreRefusedException | BucketMissingException | LockLostException e) {
            e.addSuppressed(unclear);
            throw e;
        } catch (IOException e) {
            e.addSuppressed(unclear);
            return new DeleteOutcome.Unknown(e);
        }
    }

    /**
     * Whether the object is already a write of this batch, done before a crash forgot it: it carries the
     * batch's id, and its body, read whole, has the CRC32C that was noted with it. Where the endpoint keeps
     * no metadata the answer is always empty; there, a repeated {@link #write} finds out.
     */
    public Optional<ObjectVersion> landedEarlier(String key, BatchId batch) throws IOException {
        return store.get(key)
                .filter(read -> isWriteOf(read.version(), batch))
                .filter(read -> carries(markOf(batch, read.body()), read.version()))
                .map(StoredObject::version);
    }

    /** Whether the version carries the mark of this batch; never where the endpoint keeps no metadata. */
    public boolean isWriteOf(ObjectVersion version, BatchId batch) {
        return batch.toString().equals(version.metadata().get(BATCH_NAME));
    }

    /** The CRC32C of the body that was noted with a write of a batch; empty where there is none. */
    public static Optional<Integer> crc32c(ObjectVersion version) {
        String noted = version.metadata().get(CRC_NAME);
        return noted == null || !noted.matches("[0-9a-f]{8}")
                ? Optional.empty()
                : Optional.of(Integer.parseUnsignedInt(noted, 16));
    }

    private Map<String, String> markOf(BatchId batch, byte[] body) {
        CRC32C crc = new CRC32C();
        crc.update(body);
        return Map.of(
                BATCH_NAME,
                batch.toString(),
                CRC_NAME,
                HexFormat.of().toHexDigits((int) crc.getValue()));
    }

    private static String stillBase(String key) {
        return key + " is what it was, yet the store says that it is not: repeat the write";
    }
}
