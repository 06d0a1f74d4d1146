package aria.s3batch.ops;

import aria.s3batch.daemon.DaemonSettings;
import aria.s3batch.daemon.TableHold;
import aria.s3batch.daemon.api.Problem;
import aria.s3batch.format.BatchId;
import aria.s3batch.format.DamagedTableException;
import aria.s3batch.format.TableName;
import aria.s3batch.s3block.AwsObjectStore;
import aria.s3batch.s3block.BucketLocks;
import aria.s3batch.s3block.FenceCopies;
import aria.s3batch.s3block.ObjectStore;
import aria.s3batch.s3block.TableLock;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

import java.io.IOException;
import java.time.Duration;
import java.util.Optional;

@Command(
        name = "break",
        description = {
            "Remove the lock of a table whose daemon is gone.",
            "",
            "An open lock is watched for its lease first, and stays if its daemon renews it. A"
                + " committed one belongs to a batch that must still be applied, and whose pages"
                + " are on its host: it is removed with --force alone. Then that batch is lost, and"
                + " if it was being applied, the table is half rewritten: stop its daemon first,"
                + " check the table afterwards, see docs/recovery.md. A daemon that is alive after"
                + " all notices within its lease, and quarantines the batch.",
            "",
            "With --force the batch's fence is lowered, too: after one more lease aria and frm are"
                    + " put back where they are missing, from the copies that the batch laid aside,"
                    + " and readers find the table again. It helps as well if the lock is gone"
                    + " already."
        })
final class LockBreakCommand extends BucketVerb {
    @Parameters(paramLabel = "TABLE", description = "db.table; a partition means its whole table.")
    @Nullable TableName table;

    @Option(
            names = "--force",
            description =
                    "Do not watch it, remove a committed or a damaged one, too, and lower the"
                            + " fence.")
    boolean force;

    /**
     * @param fenceLowered whether readers were kept out by a batch, and find the table again
     */
    private record Broken(
            String table, boolean broken, boolean fenceLowered, @Nullable LockDocument lock) {}

    @Override
    int run() throws ProblemException, IOException {
        TableName named = table;
        assert named != null : "picocli demands it";
        Broken broken = changeBucket((store, settings) -> run(store, settings, named.base()));
        output.result(broken, () -> output.say(inWords(broken)));
        return 0;
    }

    private Broken run(AwsObjectStore store, DaemonSettings settings, TableName named)
            throws ProblemException, IOException {
        Optional<BucketLocks.Found> found;
        try {
            found = BucketLocks.read(store, named);
        } catch (DamagedTableException e) {
            if (!force) {
                throw ProblemException.of(
                        Problem.Kind.QUARANTINED,
                        e.getMessage() + ". Nothing was changed; --force removes it");
            }
            BucketLocks.removeDamaged(store, named);
            return new Broken(
                    named.display(),
                    true,
                    lowerFence(store, settings, named, null),
                    LockDocument.damaged(named.display(), String.valueOf(e.getMessage())));
        }
        if (found.isEmpty()) {
            return new Broken(
                    named.display(),
                    false,
                    force && lowerFence(store, settings, named, null),
                    null);
        }
        TableLock lock = found.get().lock();
        if (!force) {
            refuseUnlessExpired(store, found.get());
        }
        if (!BucketLocks.remove(store, found.get())) {
            throw alive(lock);
        }
        boolean lowered = force && lowerFence(store, settings, named, lock);
        return new Broken(named.display(), true, lowered, LockDocument.of(lock));
    }

    /**
     * Of a batch that was lost while it was applied. Killed in here, --force goes on without the lock.
     *
     * @param lock that it had; null if that is not known
     */
    private boolean lowerFence(
            AwsObjectStore store,
            DaemonSettings settings,
            TableName named,
            @Nullable TableLock lock)
            throws IOException {
        Optional<BatchId> batch = FenceCopies.batch(store, named).map(BatchId::parse);
        boolean ofAnother =
                lock != null
                        && lock.state() == TableLock.State.COMMITTED
                        && !lock.batch().equals(batch.orElse(null));
        if (batch.isEmpty() || ofAnother) { // an open lock may be that of this command, killed
            return false;
        }
        Duration lease = lock == null ? settings.lockLease() : lock.lease();
        try (TableHold hold = TableHold.take(settings, store, named, Watching.on(output))) {
            output.say(
                    "%s is behind the fence of batch %s: lowering it, after %d s in which a daemon that lives misses its lock"
                            .formatted(named.display(), batch.get(), lease.toSeconds()));
            return hold.lowerFence(batch.get(), lease);
        }
    }

    private void refuseUnlessExpired(ObjectStore store, BucketLocks.Found found)
            throws ProblemException, IOException {
        TableLock lock = found.lock();
        if (lock.state() == TableLock.State.COMMITTED) {
            throw ProblemException.of(
                    Problem.Kind.REFUSED,
                    "%s is locked by %s. %s. Nothing was changed"
                            .formatted(lock.table().display(), lock.holder(), whatIsLost(lock)));
        }
        output.say(
                "watching the lock of %s for %d s: %s"
                        .formatted(
                                lock.table().display(), lock.lease().toSeconds(), lock.holder()));
        sleep(lock.lease().plusSeconds(1));
        boolean same =
                BucketLocks.read(store, lock.table())
                        .filter(now -> now.etag().equals(found.etag()))
                        .isPresent();
        if (!same) {
            throw alive(lock);
        }
    }

    private static String whatIsLost(TableLock lock) {
        return lock.journal().isEmpty()
                ? "With --force that batch is lost: its pages are on that host alone. Start the"
                        + " daemon there, and it is applied"
                : "It can be finished without that host: `aria_s3_batch recover --from-bucket`."
                        + " With --force it is lost";
    }

    private static void sleep(Duration duration) throws ProblemException {
        try {
            Thread.sleep(duration);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw ProblemException.of(
                    Problem.Kind.FAILED, "interrupted while watching. Nothing was changed");
        }
    }

    private static ProblemException alive(TableLock lock) {
        return ProblemException.of(
                Problem.Kind.REFUSED,
                "the lock of %s was renewed or released meanwhile: %s is alive. Nothing was changed. Abort batch %s there, or look again with `aria_s3_batch lock list`"
                        .formatted(lock.table().display(), lock.owner().host(), lock.batch()));
    }

    private static String inWords(Broken broken) {
        LockDocument lock = broken.lock();
        String fence =
                broken.fenceLowered()
                        ? ". Its fence was lowered: readers find the table again. Check it now, it"
                                + " may be half rewritten"
                        : "";
        if (lock == null) {
            return broken.table() + " is not locked" + fence;
        }
        if (lock.problem() != null) {
            return "damaged lock of " + broken.table() + " removed" + fence;
        }
        boolean open = lock.state().equals("open");
        return "lock of %s removed. Lost with it: %s of batch %s on %s%s"
                .formatted(
                        broken.table(),
                        open ? "what was staged" : "the committed pages",
                        lock.batch(),
                        lock.host(),
                        open || broken.fenceLowered()
                                ? fence
                                : ". Check the table now: it may be half rewritten");
    }
}
