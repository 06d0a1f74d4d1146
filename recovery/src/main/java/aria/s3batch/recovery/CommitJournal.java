package aria.s3batch.recovery;

import aria.s3batch.format.BatchId;

import java.io.IOException;
import java.util.List;
import java.util.Map;

/**
 * The durable record of batches: which are committed, of what they consist, how far they are applied.
 * A seam: {@link RocksJournal} is the real one.
 *
 * <p>Thread safe. An {@link IOException} from any method that writes leaves unknown what is on disk: the
 * daemon must stop, and recover by reading (a failed sync is never retried).
 */
public interface CommitJournal extends AutoCloseable {

    /**
     * The commit point. On return batch and page table survive power loss.
     *
     * @param blocks one list a table, in the order of {@code batch.tables()}
     */
    void commit(BatchRecord batch, List<List<BlockRecord>> blocks) throws IOException;

    /**
     * All batches, oldest first.
     *
     * @throws CorruptJournalException a record is damaged: nothing may be applied or deleted
     */
    List<BatchRecord> batches() throws IOException;

    /** The objects that the batch writes or deletes in one of its tables, sorted. */
    List<BlockRecord> blocks(BatchId batch, int table) throws IOException;

    /**
     * Notes that an object is as the batch wants it. Need not survive power loss: what is lost is found
     * again by reading the object.
     *
     * @param object its name below the table's prefix: {@code aria}, {@code data/000003}
     */
    void objectDone(BatchId batch, int table, String object, DoneObject done) throws IOException;

    /** The objects of a table noted as done. */
    Map<String, DoneObject> objectsDone(BatchId batch, int table) throws IOException;

    /** On return all that {@link #objectDone} has noted survives power loss, as after any synced write. */
    void syncDone() throws IOException;

    /** Replaces what conditions hold for one block, durably: for an operator's force. */
    void rebase(BatchId batch, int table, BlockRecord block) throws IOException;

    /** How far the batch's fence is up: what {@link #setFence} said last, DOWN before. */
    Fence fence(BatchId batch) throws IOException;

    /** Notes how far the batch's fence is up, durably. */
    void setFence(BatchId batch, Fence fence) throws IOException;

    /** Replaces the batch's own record, durably; tables and blocks stay. */
    void update(BatchRecord batch) throws IOException;

    /** Deletes every row of the batch, durably. */
    void forget(BatchId batch) throws IOException;

    @Override
    void close() throws IOException;
}
