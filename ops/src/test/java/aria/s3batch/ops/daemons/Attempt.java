package aria.s3batch.ops.daemons;

import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** A batch that a client began, and what it knows of its end. Written by its client's thread. */
final class Attempt {
    /** What the client was told. */
    enum End {
        /** Never sent a commit, or was refused, or aborted: nothing may be of it. */
        NONE,
        /** Sent a commit, and the daemon died: wholly there or not at all. */
        UNKNOWN,
        /** Answered, or seen as committed later. */
        COMMITTED
    }

    private final String batch;
    private final int daemon;
    private final List<LedgerTable> tables;
    private final Map<LedgerTable, List<String>> read = new ConcurrentHashMap<>();
    private volatile boolean torn;
    private volatile End end = End.NONE;

    Attempt(String batch, int daemon, List<LedgerTable> tables) {
        this.batch = batch;
        this.daemon = daemon;
        this.tables = List.copyOf(tables);
    }

    String batch() {
        return batch;
    }

    /** The number of the daemon that it was begun with. */
    int daemon() {
        return daemon;
    }

    List<LedgerTable> tables() {
        return tables;
    }

    void read(LedgerTable table, List<String> ledger) {
        read.put(table, ledger);
    }

    /** The ledger of one of its tables as it found it; what it staged is this and itself. */
    List<String> readIn(LedgerTable table) {
        return read.getOrDefault(table, List.of());
    }

    /** It has read two blocks that do not fit: its lock is another's by now, and it must not be committed. */
    void torn() {
        torn = true;
    }

    boolean isTorn() {
        return torn;
    }

    End end() {
        return end;
    }

    void end(End now) {
        end = now;
    }

    @Override
    public String toString() {
        return "batch %s of daemon %d on %s, %s".formatted(batch, daemon, tables, end);
    }
}
