package aria.s3batch.ops;

import aria.s3batch.daemon.api.Problem;
import aria.s3batch.format.DamagedTableException;
import aria.s3batch.format.TableName;
import aria.s3batch.s3block.BucketLocks;
import aria.s3batch.s3block.ObjectStore;

import picocli.CommandLine.Command;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

@Command(
        name = "list",
        description = {
            "List the locks of all daemons on the bucket. A partitioned table has one lock.",
            "",
            "An open lock whose 'renewed' does not change for its lease has lost its daemon: the"
                + " next begin on the table, and one more when the lease is over, takes it over."
        })
final class LockListCommand extends BucketVerb {
    private record Locks(List<LockDocument> locks) {}

    @Override
    int run() throws ProblemException, IOException {
        List<LockDocument> locks = inBucket(LockListCommand::read);
        output.result(new Locks(locks), () -> locks.forEach(this::print));
        boolean damaged = locks.stream().anyMatch(lock -> lock.problem() != null);
        return damaged ? Problem.Kind.QUARANTINED.exitCode() : 0;
    }

    private static List<LockDocument> read(ObjectStore store) throws IOException {
        List<LockDocument> locks = new ArrayList<>();
        for (TableName table : BucketLocks.tables(store)) {
            try {
                BucketLocks.read(store, table)
                        .ifPresent(found -> locks.add(LockDocument.of(found.lock())));
            } catch (DamagedTableException e) {
                locks.add(LockDocument.damaged(table.display(), String.valueOf(e.getMessage())));
            }
        }
        return locks;
    }

    private void print(LockDocument lock) {
        output.out()
                .println(
                        lock.problem() != null
                                ? "%s %s: %s".formatted(lock.table(), lock.state(), lock.problem())
                                : "%s %s by batch %s of process %d on %s, renewed %s, lease %d s%s"
                                        .formatted(
                                                lock.table(),
                                                lock.state(),
                                                lock.batch(),
                                                lock.pid(),
                                                lock.host(),
                                                lock.renewed(),
                                                lock.leaseSeconds(),
                                                Boolean.TRUE.equals(lock.copy())
                                                        ? ", with a copy in the bucket"
                                                        : ""));
    }
}
