package aria.s3batch.daemon.api;

import aria.s3batch.daemon.BatchException;
import aria.s3batch.diskcache.CacheFullException;
import aria.s3batch.diskcache.DamagedPageFileException;
import aria.s3batch.format.DamagedTableException;
import aria.s3batch.recovery.BaseChangedException;
import aria.s3batch.recovery.CommitRefusedException;
import aria.s3batch.recovery.CorruptJournalException;
import aria.s3batch.recovery.UndoRefusedException;
import aria.s3batch.s3block.BucketMissingException;
import aria.s3batch.s3block.FencedTableException;
import aria.s3batch.s3block.LockLostException;
import aria.s3batch.s3block.NoSuchTableException;
import aria.s3batch.s3block.StoreRefusedException;
import aria.s3batch.s3block.StoreUnreachableException;
import aria.s3batch.s3block.TableLockedException;
import aria.s3batch.s3block.UnsupportedTableException;

import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;

/** Which kind of problem an exception is, for the daemon's answers and the command line's exit codes alike. */
public final class Problems {
    private Problems() {}

    public static Problem of(Throwable failure) {
        Throwable cause = failure;
        while ((cause instanceof ExecutionException || cause instanceof CompletionException)
                && cause.getCause() != null) {
            cause = cause.getCause();
        }
        Problem.Kind kind =
                switch (cause) {
                    case BatchException e -> e.kind();
                    case IllegalArgumentException e -> Problem.Kind.USAGE;
                    case NoSuchTableException e -> Problem.Kind.NOT_FOUND;
                    case FencedTableException e -> Problem.Kind.REFUSED;
                    case TableLockedException e -> Problem.Kind.REFUSED;
                    case LockLostException e -> Problem.Kind.REFUSED;
                    case UnsupportedTableException e -> Problem.Kind.REFUSED;
                    case CommitRefusedException e -> Problem.Kind.REFUSED;
                    case UndoRefusedException e -> Problem.Kind.REFUSED;
                    case BaseChangedException e -> Problem.Kind.REFUSED;
                    case DamagedTableException e -> Problem.Kind.QUARANTINED;
                    case DamagedPageFileException e -> Problem.Kind.QUARANTINED;
                    case CorruptJournalException e -> Problem.Kind.QUARANTINED;
                    case CacheFullException e -> Problem.Kind.CACHE_FULL;
                    case StoreRefusedException e -> Problem.Kind.UNREACHABLE;
                    case BucketMissingException e -> Problem.Kind.UNREACHABLE;
                    case StoreUnreachableException e -> Problem.Kind.UNREACHABLE;
                    default -> Problem.Kind.FAILED;
                };
        String message = cause.getMessage();
        boolean meantForUsers = kind != Problem.Kind.FAILED || cause instanceof BatchException;
        return Problem.of(kind, meantForUsers && message != null ? message : cause.toString());
    }
}
