package aria.s3batch.s3block;

import java.io.IOException;
import java.time.Duration;

/** Another daemon has the table locked. Nothing was changed. */
public final class TableLockedException extends IOException {
    private static final long serialVersionUID = 1L;

    private final transient TableLock lock;

    /**
     * @param left until the lock can be taken over, if nobody renews it
     */
    TableLockedException(TableLock lock, Duration left) {
        super(
                "%s is locked by %s. Nothing was changed. %s"
                        .formatted(lock.table().display(), lock.holder(), next(lock, left)));
        this.lock = lock;
    }

    TableLock lock() {
        return lock;
    }

    private TableLockedException(TableLock lock, String message) {
        super(message);
        this.lock = lock;
    }

    /** Of a table that cannot even be read: a batch is, or will be, applied to it. */
    static TableLockedException committed(TableLock lock) {
        return new TableLockedException(lock, Duration.ZERO);
    }

    /** One that was to be taken over from a host that is gone. */
    static TableLockedException alive(TableLock lock) {
        return new TableLockedException(
                lock,
                ("%s is locked by %s, and that daemon lives: it has renewed the lock within the"
                     + " last %d s. It finishes the batch itself. Nothing was taken over")
                        .formatted(
                                lock.table().display(), lock.holder(), lock.lease().toSeconds()));
    }

    private static String next(TableLock lock, Duration left) {
        return switch (lock.state()) {
            case OPEN ->
                    "If that daemon is gone, the lock can be taken over in %d s: try again then"
                            .formatted(left.toSeconds() + 1);
            case COMMITTED ->
                    lock.journal().isEmpty()
                            ? "It stays until the batch is applied: the pages are on that host's"
                                  + " disk. If they are lost, see `aria_s3_batch lock break --help`"
                            : "It stays until the batch is applied. If that host is lost,"
                                    + " `aria_s3_batch recover --from-bucket` finishes the batch";
        };
    }
}
