package aria.s3batch.daemon;

import aria.s3batch.format.BatchId;
import aria.s3batch.format.TableName;
import aria.s3batch.recovery.Applier;
import aria.s3batch.recovery.FenceWait;
import aria.s3batch.recovery.WholeTable;
import aria.s3batch.s3block.AwsObjectStore;
import aria.s3batch.s3block.BatchLocks;
import aria.s3batch.s3block.BlocksInFlight;
import aria.s3batch.s3block.BucketLocks;
import aria.s3batch.s3block.FenceCopies;
import aria.s3batch.s3block.LockedStore;
import aria.s3batch.s3block.ObjectStore;
import aria.s3batch.s3block.TableLock;
import aria.s3batch.s3block.TableLockedException;
import aria.s3batch.s3block.TableLocks;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.io.IOException;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.InstantSource;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;

/**
 * The lock of a table in the bucket, for a command that changes the table without a daemon: no daemon begins a batch
 * on it meanwhile. It is an open lock, renewed while it is held: that of a command that was killed expires.
 */
public final class TableHold implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(TableHold.class);
    private static final Duration LOOK = Duration.ofMillis(500);

    private final DaemonSettings settings;
    private final ObjectStore store;
    private final TableName table;
    private final BatchLocks locks;
    private final SignsOfLife signs;

    private TableHold(
            DaemonSettings settings, ObjectStore store, TableName table, BatchLocks locks) {
        this.settings = settings;
        this.store = store;
        this.table = table;
        this.locks = locks;
        this.signs = SignsOfLife.of(locks, settings.lockLease());
    }

    /** Told when the lock of somebody else is about to be watched, for its lease at most. */
    public interface Listener {
        void watching(TableLock lock);
    }

    /**
     * Locks a table. An open lock that somebody has is watched: if he gives a sign of life, this fails at once, else it
     * is taken over after its lease.
     *
     * @throws TableLockedException somebody has it and is alive, or a batch is being applied
     * @throws BatchException the endpoint ignores what keeps writers apart, and {@code single-host} is not set
     * @throws IOException the store is away; a lock that it has got nevertheless expires
     */
    public static TableHold take(
            DaemonSettings settings, AwsObjectStore store, TableName table, Listener listener)
            throws IOException {
        Daemon.probe(settings, store);
        var random = new SecureRandom();
        String owner = HexFormat.of().toHexDigits(random.nextLong());
        TableLocks locks = Daemon.locks(settings, owner, store);
        BatchId id =
                BatchId.of(InstantSource.system().millis(), random.nextLong(), random.nextLong());
        BatchLocks held = acquire(locks, id, store, table, listener, new Sleep());
        return new TableHold(settings, store, table, held);
    }

    private static BatchLocks acquire(
            TableLocks locks,
            BatchId id,
            ObjectStore store,
            TableName table,
            Listener listener,
            Applier.Pauses pauses)
            throws IOException {
        try {
            return locks.acquire(id, List.of(table));
        } catch (TableLockedException refused) {
            Optional<BucketLocks.Found> found = BucketLocks.read(store, table);
            if (found.isPresent()) {
                if (found.get().lock().state() == TableLock.State.COMMITTED) {
                    throw refused;
                }
                listener.watching(found.get().lock());
                if (!expires(locks, store, found.get(), pauses)) {
                    throw refused;
                }
            }
            return locks.acquire(id, List.of(table));
        }
    }

    /** Waits until its owner has released it or let it expire; false as soon as he gives a sign of life. */
    private static boolean expires(
            TableLocks locks, ObjectStore store, BucketLocks.Found found, Applier.Pauses pauses)
            throws IOException {
        Optional<BucketLocks.Found> now = Optional.of(found);
        while (now.isPresent()
                && now.get().etag().equals(found.etag())
                && locks.watch(now.get()).isPositive()) {
            pauses.pause(LOOK);
            now = BucketLocks.read(store, found.lock().table());
        }
        return now.isEmpty() || now.get().etag().equals(found.etag());
    }

    /**
     * The table, to be replaced or removed under the lock.
     *
     * @param servers those of {@link DaemonSettings#fenceServers}
     */
    public WholeTable table(BlocksInFlight room, FenceWait.Servers servers) {
        return new WholeTable(
                store,
                locks,
                table,
                room,
                new FenceWait(settings.fenceWait(), servers),
                new Sleep());
    }

    /**
     * Lowers the fence of a batch whose lock this one has replaced, see {@link FenceCopies#lower}. Blocks for the
     * lease of that lock, after which its owner, should he live, writes nothing more, and for late writes.
     *
     * @return whether there was one
     */
    public boolean lowerFence(BatchId lost, Duration lease) throws IOException {
        var locked = new LockedStore(store, locks);
        var pauses = new Sleep();
        pauses.pause(lease.plus(Applier.LATE_WRITE));
        boolean lowered = FenceCopies.lower(locked, lost, table);
        pauses.pause(Applier.LATE_WRITE);
        return lowered;
    }

    /** Releases the lock. If nobody answers, it expires. */
    @Override
    public void close() {
        signs.close();
        try {
            locks.release();
        } catch (IOException e) {
            log.atWarn()
                    .addKeyValue("batch", locks.batch())
                    .addKeyValue("cause", e.getMessage())
                    .log("the lock cannot be released now; it expires");
        }
    }
}
