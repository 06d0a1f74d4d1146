package aria.s3batch.daemon;

import aria.s3batch.diskcache.TableCache;
import aria.s3batch.format.BatchId;
import aria.s3batch.format.ObjectNames;
import aria.s3batch.format.TableName;
import aria.s3batch.recovery.Readers;
import aria.s3batch.recovery.Recovery;

import org.jspecify.annotations.Nullable;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;

/** A batch as its client knows it, by the answers that it got, and what it must become. */
final class ClientBatch {
    enum State {
        OPENING,
        OPEN,
        COMMITTING,
        /** Answered, or found in the journal after a crash. */
        COMMITTED,
        QUARANTINED,
        /** Of no concern any more: refused, aborted, discarded, applied, or lost before its commit. */
        ENDED
    }

    final List<TableName> tables;
    final TreeMap<TableName, PlainTable> plain = new TreeMap<>();
    final TreeMap<TableName, TableCache> caches = new TreeMap<>();
    State state = State.OPENING;

    /** From OPEN on. */
    @Nullable BatchId id;

    @Nullable CompletableFuture<BatchConductor.Begun> begin;
    @Nullable CompletableFuture<?> command;
    Readers readers = Readers.FENCE;

    /** What its tables become; from COMMITTING on. */
    final Map<TableName, PlainTable.Content> after = new HashMap<>();

    /** ETags of what it may overwrite; from COMMITTED on. */
    final Map<String, String> basedOn = new HashMap<>();

    /** Objects that must be written, and have not been; from COMMITTED on. */
    final TreeSet<String> unwritten = new TreeSet<>();

    /** As {@link #unwritten}, of blocks behind the new end. */
    final TreeSet<String> undeleted = new TreeSet<>();

    /** Somebody else wrote to its tables, or a body was damaged on its way, since it began. */
    boolean disturbed;

    /** Somebody broke one of its locks since it began: it may be quarantined, and its retry be refused. */
    boolean lockBroken;

    /** Its commit asked for what is needed to undo it. */
    boolean keepUndo;

    /** It ended by being applied. */
    boolean applied;

    /** It was committed with something to write: when it has ended, there is a receipt. */
    boolean receiptDue;

    Recovery.@Nullable Resolution resolution;
    private boolean forced;

    ClientBatch(List<TableName> tables) {
        this.tables = List.copyOf(tables);
    }

    /** Whether an answer is due. */
    boolean isBusy() {
        return command != null && !command.isDone();
    }

    PlainTable plain(TableName table) {
        return Objects.requireNonNull(plain.get(table));
    }

    PlainTable.Content after(TableName table) {
        return Objects.requireNonNull(after.get(table));
    }

    /** Whether it keeps other batches from a table: partitions of one count as one. */
    boolean holds(TableName table) {
        return tables.stream().anyMatch(held -> held.base().equals(table.base()));
    }

    BatchId id() {
        return Objects.requireNonNull(id);
    }

    /** A force that did not get to its end is remembered block by block. */
    boolean isForced() {
        return forced;
    }

    void resolve(Recovery.@Nullable Resolution next) {
        resolution = next;
        forced |= next == Recovery.Resolution.FORCE;
    }

    boolean isGivenUp() {
        return resolution == Recovery.Resolution.DISCARD;
    }

    /**
     * From here on it is durable.
     *
     * @param bases ETags of all objects, as the batch saw them
     */
    void committed(Map<String, String> bases) {
        state = State.COMMITTED;
        receiptDue = true;
        basedOn.putAll(bases);
        for (TableName table : tables) {
            Set<String> writes = plain(table).writes(after(table));
            Set<String> surplus = plain(table).surplus(after(table));
            unwritten.addAll(writes);
            undeleted.addAll(surplus);
            if (writes.isEmpty() && surplus.isEmpty()) {
                continue;
            }
            if (readers != Readers.NONE) {
                unwritten.add(new ObjectNames(table).frm());
            }
            if (readers == Readers.FENCE) {
                unwritten.add(new ObjectNames(table).header());
            }
        }
    }

    @Override
    public String toString() {
        return (id == null ? "a batch" : id.toString()) + " " + state + " of " + tables;
    }
}
