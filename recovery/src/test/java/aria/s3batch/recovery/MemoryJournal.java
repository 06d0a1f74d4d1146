package aria.s3batch.recovery;

import aria.s3batch.format.BatchId;
import aria.s3batch.format.BlockName;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.random.RandomGenerator;

/**
 * A journal in memory that can lose power, as RocksDB does: what was written since the last synced write
 * is lost from some point on. Closing it changes nothing, so it serves one process after the other.
 */
public final class MemoryJournal implements CommitJournal {
    private enum Kind {
        BATCH,
        BLOCK,
        DONE,
        FENCE
    }

    /** The key of a row, as RocksDB has them. Rows of a whole batch have table 0 and no object. */
    private record Row(Kind kind, BatchId batch, int table, String object)
            implements Comparable<Row> {
        private static final Comparator<Row> ORDER =
                Comparator.comparing(Row::kind)
                        .thenComparing(Row::batch)
                        .thenComparingInt(Row::table)
                        .thenComparing(Row::object);

        static Row of(Kind kind, BatchId batch) {
            return new Row(kind, batch, 0, "");
        }

        @Override
        public int compareTo(Row other) {
            return ORDER.compare(this, other);
        }
    }

    private final TreeMap<Row, Object> rows = new TreeMap<>();

    /** What each write that is not durable yet has replaced, the oldest first. */
    private final List<Map<Row, @Nullable Object>> unsynced = new ArrayList<>();

    private boolean failing;
    private boolean syncFails;

    /** Loses power. Of what was not synced a random part stays, from the oldest on; nothing without chance. */
    public synchronized void crash(@Nullable RandomGenerator chance) {
        int kept = chance == null ? 0 : chance.nextInt(unsynced.size() + 1);
        for (Map<Row, @Nullable Object> lost :
                unsynced.reversed().subList(0, unsynced.size() - kept)) {
            lost.forEach(this::set);
        }
        unsynced.clear();
    }

    /** Every write from now on fails, and writes nothing. */
    synchronized void failWrites() {
        failing = true;
    }

    /** The next write is done, but its sync fails: it is there until the power is cut. */
    synchronized void failNextSync() {
        syncFails = true;
    }

    private void set(Row row, @Nullable Object value) {
        if (value == null) {
            rows.remove(row);
        } else {
            rows.put(row, value);
        }
    }

    private void write(Map<Row, @Nullable Object> changes, boolean sync) throws IOException {
        if (failing) {
            throw new IOException("injected: the journal cannot be written");
        }
        Map<Row, @Nullable Object> replaced = new HashMap<>();
        changes.forEach(
                (row, value) -> {
                    replaced.put(row, rows.get(row));
                    set(row, value);
                });
        unsynced.add(replaced);
        if (sync && syncFails) {
            syncFails = false;
            throw new IOException("injected: the journal cannot be synced");
        }
        if (sync) {
            unsynced.clear(); // one log: a synced write takes all before it along
        }
    }

    private <T> List<T> values(Kind kind, Class<T> type) {
        return rows.entrySet().stream()
                .filter(row -> row.getKey().kind() == kind)
                .map(row -> type.cast(row.getValue()))
                .toList();
    }

    private static Row block(BatchId batch, int table, BlockName block) {
        return new Row(Kind.BLOCK, batch, table, block.toString());
    }

    @Override
    public synchronized void commit(BatchRecord batch, List<List<BlockRecord>> blocks)
            throws IOException {
        Map<Row, @Nullable Object> changes = new HashMap<>();
        changes.put(Row.of(Kind.BATCH, batch.id()), batch);
        for (int i = 0; i < blocks.size(); i++) {
            for (BlockRecord block : blocks.get(i)) {
                changes.put(block(batch.id(), i, block.block()), block);
            }
        }
        write(changes, true);
    }

    @Override
    public synchronized List<BatchRecord> batches() {
        return values(Kind.BATCH, BatchRecord.class);
    }

    private Map<Row, Object> ofTable(Kind kind, BatchId batch, int table) {
        return rows.subMap(new Row(kind, batch, table, ""), new Row(kind, batch, table + 1, ""));
    }

    @Override
    public synchronized List<BlockRecord> blocks(BatchId batch, int table) {
        return ofTable(Kind.BLOCK, batch, table).values().stream()
                .map(BlockRecord.class::cast)
                .sorted(Comparator.comparing(BlockRecord::block))
                .toList();
    }

    @Override
    public synchronized void objectDone(BatchId batch, int table, String object, DoneObject done)
            throws IOException {
        write(Map.of(new Row(Kind.DONE, batch, table, object), done), false);
    }

    @Override
    public synchronized void syncDone() throws IOException {
        write(Map.of(), true);
    }

    @Override
    public synchronized Map<String, DoneObject> objectsDone(BatchId batch, int table) {
        Map<String, DoneObject> done = new LinkedHashMap<>();
        ofTable(Kind.DONE, batch, table)
                .forEach((row, noted) -> done.put(row.object(), (DoneObject) noted));
        return done;
    }

    @Override
    public synchronized void rebase(BatchId batch, int table, BlockRecord block)
            throws IOException {
        write(Map.of(block(batch, table, block.block()), block), true);
    }

    @Override
    public synchronized Fence fence(BatchId batch) {
        return (Fence) rows.getOrDefault(Row.of(Kind.FENCE, batch), Fence.DOWN);
    }

    @Override
    public synchronized void setFence(BatchId batch, Fence fence) throws IOException {
        write(Map.of(Row.of(Kind.FENCE, batch), fence), true);
    }

    @Override
    public synchronized void update(BatchRecord batch) throws IOException {
        write(Map.of(Row.of(Kind.BATCH, batch.id()), batch), true);
    }

    @Override
    public synchronized void forget(BatchId batch) throws IOException {
        Map<Row, @Nullable Object> changes = new HashMap<>();
        for (Row row : rows.keySet()) {
            if (row.batch().equals(batch)) {
                changes.put(row, null);
            }
        }
        write(changes, true);
    }

    @Override
    public void close() {
        // nothing is held open
    }
}
