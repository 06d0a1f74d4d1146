package aria.s3batch.daemon;

import aria.s3batch.daemon.BatchConductor.Begun;
import aria.s3batch.format.BatchId;
import aria.s3batch.format.TableName;
import aria.s3batch.recovery.BaseReader;
import aria.s3batch.recovery.BlockFetches;
import aria.s3batch.recovery.OpenTable;
import aria.s3batch.s3block.BaseTable;
import aria.s3batch.s3block.BatchLocks;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.random.RandomGenerator;

/**
 * One begin on its way, to and fro between the conductor's thread and a worker: refuse what is locked; lock;
 * (worker) lock in the bucket, read headers and definitions, of partitions those that there are now; open.
 * Whatever fails is an answer, and leaves nothing but locks to release.
 */
final class Begin {
    private static final Logger log = LoggerFactory.getLogger(Begin.class);

    private final BatchConductor.Rooms rooms;
    private final BlockFetches fetches;
    private final Inbox inbox;
    private final Batches batches;
    private final Leases leases;
    private final List<TableName> requested;

    Begin(
            BatchConductor.Rooms rooms,
            BlockFetches fetches,
            Inbox inbox,
            Batches batches,
            Leases leases,
            List<TableName> requested) {
        this.rooms = rooms;
        this.fetches = fetches;
        this.inbox = inbox;
        this.batches = batches;
        this.leases = leases;
        this.requested = List.copyOf(requested);
    }

    /** In the conductor's thread. */
    void start(CompletableFuture<Begun> answer) throws IOException {
        if (requested.isEmpty()) {
            throw new IllegalArgumentException("a batch of no tables");
        }
        batches.refuseLocked(requested);
        RandomGenerator random = rooms.random();
        BatchId id = BatchId.of(rooms.clock().millis(), random.nextLong(), random.nextLong());
        var batch = new Batch(id, rooms.recovery().folder(id), requested);
        batches.add(batch);
        inbox.work(answer, waiting -> read(batch, waiting));
    }

    private void read(Batch batch, CompletableFuture<Begun> answer) {
        List<OpenTable> open = new ArrayList<>();
        @Nullable BatchLocks locks = null;
        try {
            locks = rooms.locks().acquire(batch.id, requested);
            leases.dropCopies(locks.displaced());
            for (BaseTable base : BaseTable.readAll(rooms.store(), requested)) {
                open.add(open(batch, open.size(), base));
            }
        } catch (IOException | RuntimeException e) {
            if (locks == null) {
                leases.noteLeft();
            } else {
                leases.release(batch, locks);
            }
            inbox.result(
                    answer,
                    waiting -> {
                        batches.remove(batch);
                        waiting.completeExceptionally(e);
                    });
            return;
        }
        BatchLocks acquired = locks;
        inbox.result(
                answer,
                waiting -> {
                    batch.locks = acquired;
                    batch.renewAtNanos = leases.nextRenewalNanos();
                    batch.open = List.copyOf(open);
                    batch.tables = open.stream().map(table -> table.base().table()).toList();
                    batch.state = Batch.State.OPEN;
                    batches.tallies().begun();
                    log.atInfo()
                            .addKeyValue("batch", batch.id)
                            .addKeyValue("tables", batch.tablesInWords())
                            .log("batch opened");
                    waiting.complete(new Begun(batch.id, batch.tables));
                });
    }

    private OpenTable open(Batch batch, int number, BaseTable base) {
        var reader =
                new BaseReader(rooms.store(), rooms.blockCache(), fetches, batch.id, number, base);
        return OpenTable.of(base, reader, batch.folder, number, rooms.space());
    }
}
