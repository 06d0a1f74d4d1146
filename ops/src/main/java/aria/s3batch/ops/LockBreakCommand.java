package aria.s3batch.ops;

import aria.s3batch.daemon.api.Problem;
import aria.s3batch.format.DamagedTableException;
import aria.s3batch.format.TableName;
import aria.s3batch.s3block.BucketLocks;
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
                + " all notices within its lease, and quarantines the batch."
        })
final class LockBreakCommand extends BucketVerb {
    @Parameters(paramLabel = "TABLE", description = "db.table; a partition means its whole table.")
    @Nullable TableName table;

    @Option(
            names = "--force",
            description = "Do not watch it, and remove a committed or a damaged one, too.")
    boolean force;

    private record Broken(String table, boolean broken, @Nullable LockDocument lock) {}

    @Override
    int run() throws ProblemException, IOException {
        TableName named = table;
        assert named != null : "picocli demands it";
        Broken broken = inBucket(store -> run(store, named.base()));
        output.result(broken, () -> output.say(inWords(broken)));
        return 0;
    }

    private Broken run(ObjectStore store, TableName named) throws ProblemException, IOException {
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
                    LockDocument.damaged(named.display(), String.valueOf(e.getMessage())));
        }
        if (found.isEmpty()) {
            return new Broken(named.display(), false, null);
        }
        if (!force) {
            refuseUnlessExpired(store, found.get());
        }
        if (!BucketLocks.remove(store, found.get())) {
            throw alive(found.get().lock());
        }
        return new Broken(named.display(), true, LockDocument.of(found.get().lock()));
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
        if (lock == null) {
            return broken.table() + " is not locked";
        }
        if (lock.problem() != null) {
            return "damaged lock of " + broken.table() + " removed";
        }
        return "lock of %s removed. Lost with it: %s of batch %s on %s%s"
                .formatted(
                        broken.table(),
                        lock.state().equals("open") ? "what was staged" : "the committed pages",
                        lock.batch(),
                        lock.host(),
                        lock.state().equals("open")
                                ? ""
                                : ". Check the table now: it may be half rewritten, or behind that"
                                        + " batch's fence");
    }
}
