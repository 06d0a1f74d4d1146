package aria.s3batch.daemon;

import aria.s3batch.daemon.api.BatchDocument;
import aria.s3batch.format.BatchId;
import aria.s3batch.format.TableName;
import aria.s3batch.recovery.ApplyProgress;
import aria.s3batch.recovery.BatchFolder;
import aria.s3batch.recovery.BatchRecord;
import aria.s3batch.recovery.OpenTable;
import aria.s3batch.recovery.Recovery;

import org.jspecify.annotations.Nullable;

import java.util.List;

/**
 * A batch while the daemon knows it. Belongs to the conductor's thread.
 *
 * <pre>
 * BEGINNING -> OPEN -> COMMITTING -> COMMITTED -> APPLYING -> APPLIED
 *                ^---- refused ---'      ^-- store away --'
 *     |          |                                 '-> QUARANTINED -> COMMITTED | ABORTED
 *     '----------'---> ABORTED
 * </pre>
 *
 * BEGINNING and COMMITTING last while a worker reads from S3 or syncs; to users they are OPEN.
 */
final class Batch {
    enum State {
        BEGINNING,
        OPEN,
        COMMITTING,
        COMMITTED,
        APPLYING,
        QUARANTINED,
        APPLIED,
        ABORTED
    }

    final BatchId id;
    final BatchFolder folder;
    final List<TableName> tables;
    final ApplyProgress progress = new ApplyProgress();

    State state = State.BEGINNING;

    /** While open or committing; empty before and after. */
    List<OpenTable> open = List.of();

    /** From the commit on. */
    @Nullable BatchRecord record;

    /** In place of {@link #record} for a batch that the journal lost. */
    Recovery.@Nullable Orphan orphan;

    /** Why it is quarantined, or waits. */
    @Nullable String reason;

    /** Committed before the last stop, and neither applied nor quarantined since. */
    boolean replayed;

    /** Staged pages, kept for status when the caches are closed. */
    long pages;

    /** Cache space that its page files take from the commit on, until they are deleted. */
    long keptBytes;

    /** Apply again at this time, while it waits for the object store. */
    long retryAtNanos;

    int retries;

    Batch(BatchId id, BatchFolder folder, List<TableName> tables) {
        this.id = id;
        this.folder = folder;
        this.tables = List.copyOf(tables);
    }

    long pages() {
        return open.isEmpty() ? pages : open.stream().mapToLong(t -> t.cache().pages()).sum();
    }

    String stateName() {
        return switch (state) {
            case BEGINNING, OPEN, COMMITTING -> State.OPEN.name();
            default -> state.name();
        };
    }

    BatchDocument document() {
        return new BatchDocument(
                id.toString(),
                stateName(),
                tables.stream().map(TableName::display).toList(),
                pages(),
                progress.done(),
                progress.total(),
                reason);
    }
}
