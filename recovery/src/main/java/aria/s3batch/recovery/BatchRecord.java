package aria.s3batch.recovery;

import aria.s3batch.format.BatchId;

import java.util.List;

/**
 * A batch as the journal knows it.
 *
 * @param committedAtMillis when, by the clock of the host that committed it
 * @param user who asked for the commit, by the name of the peer of the daemon's socket; empty: not known
 * @param reason why it is quarantined; how it ended, where it was not applied here; empty otherwise
 * @param force whether an operator chose to apply it over foreign writes
 * @param copy the name of its copy in the bucket, see {@link BucketJournal}; empty: there is none
 * @param rescued whether another host committed it, for which a note is left when it has ended
 * @param endedAtMillis when, by the clock of the host that applied it; 0 before
 * @param recovered whether another process than the one that committed it ended it
 * @param keepUndo whether it leaves what is needed to undo it, see {@link UndoSet}
 * @param definitions those of all its tables, each once
 */
public record BatchRecord(
        BatchId id,
        State state,
        long committedAtMillis,
        String user,
        String reason,
        boolean force,
        Readers readers,
        String copy,
        boolean rescued,
        long endedAtMillis,
        boolean recovered,
        boolean keepUndo,
        List<DefinitionRecord> definitions,
        List<TableRecord> tables) {

    /** States that survive a crash; an open batch is in no journal. Stored by {@link #code}. */
    public enum State {
        /** To be applied, or being applied. */
        COMMITTED(1),
        /** Kept until an operator resolves it. */
        QUARANTINED(2),
        /** Wholly in S3, or given up: what is left of it on disk is to be deleted. */
        ENDED(3),
        /** Given up by an operator: its fence is to be lowered, and what is under way to be waited for. */
        DISCARDED(4);

        private final int code;

        State(int code) {
            this.code = code;
        }

        int code() {
            return code;
        }
    }

    public BatchRecord {
        definitions = List.copyOf(definitions);
        tables = List.copyOf(tables);
    }

    BatchRecord with(State newState, String newReason, boolean newForce) {
        return new BatchRecord(
                id,
                newState,
                committedAtMillis,
                user,
                newReason,
                newForce,
                readers,
                copy,
                rescued,
                endedAtMillis,
                recovered,
                keepUndo,
                definitions,
                tables);
    }

    BatchRecord withCopy(String name, boolean byAnother) {
        return new BatchRecord(
                id,
                state,
                committedAtMillis,
                user,
                reason,
                force,
                readers,
                name,
                byAnother,
                endedAtMillis,
                recovered,
                keepUndo,
                definitions,
                tables);
    }

    BatchRecord committedBy(String name) {
        return new BatchRecord(
                id,
                state,
                committedAtMillis,
                name,
                reason,
                force,
                readers,
                copy,
                rescued,
                endedAtMillis,
                recovered,
                keepUndo,
                definitions,
                tables);
    }

    BatchRecord keepingUndo(boolean keep) {
        return new BatchRecord(
                id,
                state,
                committedAtMillis,
                user,
                reason,
                force,
                readers,
                copy,
                rescued,
                endedAtMillis,
                recovered,
                keep,
                definitions,
                tables);
    }

    BatchRecord endedAt(long millis, boolean byRecovery) {
        return new BatchRecord(
                id,
                state,
                committedAtMillis,
                user,
                reason,
                force,
                readers,
                copy,
                rescued,
                millis,
                byRecovery,
                keepUndo,
                definitions,
                tables);
    }

    /** Whether it survives the loss of its host. */
    public boolean hasCopy() {
        return !copy.isEmpty();
    }
}
