package aria.s3batch.recovery;

import aria.s3batch.format.BatchId;

import java.util.List;

/**
 * A batch as the journal knows it.
 *
 * @param committedAtMillis when, by the clock of the host that committed it
 * @param reason why it is quarantined; empty otherwise
 * @param force whether an operator chose to apply it over foreign writes
 * @param copy the name of its copy in the bucket, see {@link BucketJournal}; empty: there is none
 * @param rescued whether another host committed it, for which a note is left when it has ended
 * @param definitions those of all its tables, each once
 */
public record BatchRecord(
        BatchId id,
        State state,
        long committedAtMillis,
        String reason,
        boolean force,
        Readers readers,
        String copy,
        boolean rescued,
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
        /** Given up by an operator behind its fence, which is to be lowered; then it ends. */
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
                newReason,
                newForce,
                readers,
                copy,
                rescued,
                definitions,
                tables);
    }

    BatchRecord withCopy(String name, boolean byAnother) {
        return new BatchRecord(
                id,
                state,
                committedAtMillis,
                reason,
                force,
                readers,
                name,
                byAnother,
                definitions,
                tables);
    }

    /** Whether it survives the loss of its host. */
    public boolean hasCopy() {
        return !copy.isEmpty();
    }
}
