package aria.s3batch.recovery;

import aria.s3batch.format.BatchId;
import aria.s3batch.format.BlockName;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.random.RandomGenerator;

/**
 * A journal in memory that can lose power, as RocksDB does: what was written since the last synced write
 * is lost from some point on. Closing it changes nothing, so it serves one process after the other.
 */
public final class MemoryJournal implements CommitJournal {
    private record Table(BatchId batch, int number) implements Comparable<Table> {
        @Override
        public int compareTo(Table other) {
            int byBatch = batch.compareTo(other.batch);
            return byBatch != 0 ? byBatch : Integer.compare(number, other.number);
        }
    }

    private record Done(Table table, String object) {}

    private final TreeMap<BatchId, BatchRecord> batches = new TreeMap<>();
    private final TreeMap<Table, TreeMap<BlockName, BlockRecord>> blocks = new TreeMap<>();
    private final TreeMap<Table, TreeMap<String, String>> done = new TreeMap<>();
    private final TreeMap<BatchId, Fence> fences = new TreeMap<>();
    private final List<Done> unsynced = new ArrayList<>();
    private boolean failing;

    /** Loses power. Of what was not synced a random part stays, from the oldest on; nothing without chance. */
    public synchronized void crash(@Nullable RandomGenerator chance) {
        int kept = chance == null ? 0 : chance.nextInt(unsynced.size() + 1);
        for (Done lost : unsynced.subList(kept, unsynced.size())) {
            TreeMap<String, String> objects = done.get(lost.table());
            if (objects != null) {
                objects.remove(lost.object());
            }
        }
        unsynced.clear();
    }

    /** Every write from now on fails, and writes nothing. */
    synchronized void failWrites() {
        failing = true;
    }

    private void write() throws IOException {
        if (failing) {
            throw new IOException("injected: the journal cannot be written");
        }
    }

    private void synced() {
        unsynced.clear(); // one log: a synced write takes all before it along
    }

    @Override
    public synchronized void commit(BatchRecord batch, List<List<BlockRecord>> records)
            throws IOException {
        write();
        batches.put(batch.id(), batch);
        for (int i = 0; i < records.size(); i++) {
            var table = new TreeMap<BlockName, BlockRecord>();
            records.get(i).forEach(block -> table.put(block.block(), block));
            blocks.put(new Table(batch.id(), i), table);
        }
        synced();
    }

    @Override
    public synchronized List<BatchRecord> batches() {
        return List.copyOf(batches.values());
    }

    @Override
    public synchronized List<BlockRecord> blocks(BatchId batch, int table) {
        return List.copyOf(blocks.getOrDefault(new Table(batch, table), new TreeMap<>()).values());
    }

    @Override
    public synchronized void objectDone(BatchId batch, int table, String object, String etag)
            throws IOException {
        write();
        var key = new Table(batch, table);
        done.computeIfAbsent(key, k -> new TreeMap<>()).put(object, etag);
        unsynced.add(new Done(key, object));
    }

    @Override
    public synchronized Map<String, String> objectsDone(BatchId batch, int table) {
        return Map.copyOf(done.getOrDefault(new Table(batch, table), new TreeMap<>()));
    }

    @Override
    public synchronized void rebase(BatchId batch, int table, BlockRecord block)
            throws IOException {
        write();
        blocks.computeIfAbsent(new Table(batch, table), k -> new TreeMap<>())
                .put(block.block(), block);
        synced();
    }

    @Override
    public synchronized Fence fence(BatchId batch) {
        return fences.getOrDefault(batch, Fence.DOWN);
    }

    @Override
    public synchronized void setFence(BatchId batch, Fence fence) throws IOException {
        write();
        fences.put(batch, fence);
        synced();
    }

    @Override
    public synchronized void update(BatchRecord batch) throws IOException {
        write();
        batches.put(batch.id(), batch);
        synced();
    }

    @Override
    public synchronized void forget(BatchId batch) throws IOException {
        write();
        batches.remove(batch);
        fences.remove(batch);
        blocks.keySet().removeIf(table -> table.batch().equals(batch));
        done.keySet().removeIf(table -> table.batch().equals(batch));
        synced();
    }

    @Override
    public void close() {
        // nothing is held open
    }
}
