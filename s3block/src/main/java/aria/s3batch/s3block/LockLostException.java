package aria.s3batch.s3block;

import aria.s3batch.format.BatchId;
import aria.s3batch.format.TableName;

import org.jspecify.annotations.Nullable;

import java.io.IOException;

/**
 * The lock of a batch is another's now, or was broken: the batch must not write any more. It has not
 * written since.
 */
public final class LockLostException extends IOException {
    private static final long serialVersionUID = 1L;

    private final @Nullable TableLock found;

    /**
     * @param found whose lock it is now; null if there is none
     */
    LockLostException(BatchId batch, TableName table, @Nullable TableLock found) {
        this(
                batch,
                table,
                found == null
                        ? "somebody broke it, or deleted the lock object"
                        : "it is held by " + found.holder(),
                found);
    }

    /**
     * @param why what was found is no lock
     */
    LockLostException(BatchId batch, TableName table, String why) {
        this(batch, table, why, null);
    }

    private LockLostException(
            BatchId batch, TableName table, String why, @Nullable TableLock found) {
        super("batch %s has lost its lock on %s: %s".formatted(batch, table.display(), why));
        this.found = found;
    }

    /** Whether somebody else has the table now; otherwise nobody has. */
    public boolean isHeldByAnother() {
        return found != null;
    }

    /** Whether another owner has taken over the very same batch, to finish it. */
    public boolean isFinishedElsewhere(BatchId batch) {
        return found != null && found.batch().equals(batch);
    }
}
