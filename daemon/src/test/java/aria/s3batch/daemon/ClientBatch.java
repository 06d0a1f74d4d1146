package aria.s3batch.daemon;

import aria.s3batch.diskcache.TableCache;
import aria.s3batch.format.BatchId;
import aria.s3batch.format.TableName;
import aria.s3batch.recovery.Readers;
import aria.s3batch.recovery.Recovery;

import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
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
    final List<TableCache> caches = new ArrayList<>();
    State state = State.OPENING;

    /** From OPEN on. */
    @Nullable BatchId id;

    @Nullable CompletableFuture<BatchConductor.Begun> begin;
    @Nullable CompletableFuture<?> command;
    Readers readers = Readers.FENCE;

    /** What its tables become; from COMMITTING on. */
    final Map<TableName, PlainTable.Content> after = new HashMap<>();

    /** Objects that must be written, and have not been; from COMMITTED on. */
    final TreeSet<String> unwritten = new TreeSet<>();

    /** As {@link #unwritten}, of blocks behind the new end. */
    final TreeSet<String> undeleted = new TreeSet<>();

    /** Somebody else wrote to its tables, or a body was damaged on its way, since it began. */
    boolean disturbed;

    Recovery.@Nullable Resolution resolution;

    ClientBatch(List<TableName> tables) {
        this.tables = List.copyOf(tables);
    }

    PlainTable plain(TableName table) {
        return Objects.requireNonNull(plain.get(table));
    }

    PlainTable.Content after(TableName table) {
        return Objects.requireNonNull(after.get(table));
    }

    BatchId id() {
        return Objects.requireNonNull(id);
    }

    boolean isForced() {
        return resolution == Recovery.Resolution.FORCE;
    }

    boolean isGivenUp() {
        return resolution == Recovery.Resolution.DISCARD;
    }

    /** Whether the table was changed at all. */
    boolean touches(TableName table) {
        PlainTable.Content content = after.get(table);
        return content != null
                && (!plain(table).writes(content).isEmpty()
                        || !plain(table).surplus(content).isEmpty());
    }

    /** From here on it is durable. */
    void committed() {
        state = State.COMMITTED;
        for (TableName table : tables) {
            unwritten.addAll(plain(table).writes(after(table)).keySet());
            undeleted.addAll(plain(table).surplus(after(table)));
        }
        if (readers != Readers.NONE) {
            for (TableName table : tables) {
                if (touches(table)) {
                    unwritten.add(PlainTable.names(table).frm());
                    if (readers == Readers.FENCE) {
                        unwritten.add(PlainTable.names(table).header());
                    }
                }
            }
        }
    }

    @Override
    public String toString() {
        return (id == null ? "a batch" : id.toString()) + " " + state + " of " + tables;
    }
}
