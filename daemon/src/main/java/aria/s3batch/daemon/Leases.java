package aria.s3batch.daemon;

import aria.s3batch.format.BatchId;
import aria.s3batch.s3block.BatchLocks;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.io.IOException;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Signs of life for the locks of all batches, three in each lease, and what becomes of locks that nobody
 * needs any more. Belongs to the conductor's thread.
 */
final class Leases {
    private static final Logger log = LoggerFactory.getLogger(Leases.class);

    private static final int RENEWALS_PER_LEASE = 3;

    private final BatchConductor.Rooms rooms;
    private final Inbox inbox;
    private final Batches batches;
    private final long periodNanos;

    /** Locks may be in the bucket that no batch of this process has: at first those of the last one. */
    private volatile boolean leftOver = true;

    private long releaseLeftAtNanos;
    private boolean releasingLeft;

    /** Batches that were never committed, and of which copies may be in the bucket. */
    private final Set<BatchId> copiesLeft = ConcurrentHashMap.newKeySet();

    Leases(BatchConductor.Rooms rooms, Inbox inbox, Batches batches) {
        this.rooms = rooms;
        this.inbox = inbox;
        this.batches = batches;
        this.periodNanos = rooms.locks().lease().toNanos() / RENEWALS_PER_LEASE;
        this.releaseLeftAtNanos = rooms.nanoClock().nanoTime();
    }

    /** Starts the renewals that are due; returns how many. */
    int startDue() {
        int started = 0;
        long now = rooms.nanoClock().nanoTime();
        if (leftOver && !releasingLeft && now - releaseLeftAtNanos >= 0) {
            leftOver = false;
            releasingLeft = true;
            releaseLeftAtNanos = now + periodNanos;
            inbox.work(new CompletableFuture<>(), ignored -> releaseLeft());
            started++;
        }
        for (Batch batch : List.copyOf(batches.all())) {
            BatchLocks locks = batch.locks;
            boolean due = now - batch.renewAtNanos >= 0 && !batch.renewing;
            if (locks != null && locks.lost() == null && due) {
                batch.renewAtNanos = now + periodNanos;
                batch.renewing = true;
                inbox.work(new CompletableFuture<>(), ignored -> renew(batch, locks));
                started++;
            }
        }
        return started;
    }

    /** When locks that were just taken are to be renewed first. */
    long nextRenewalNanos() {
        return rooms.nanoClock().nanoTime() + periodNanos;
    }

    private void renew(Batch batch, BatchLocks locks) {
        try {
            locks.renew();
        } catch (IOException e) { // a lost lock is remembered by the locks
            log.atWarn()
                    .addKeyValue("batch", batch.id)
                    .addKeyValue("cause", e.getMessage())
                    .log("lock cannot be renewed now; trying again");
        }
        inbox.result(
                new CompletableFuture<>(),
                ignored -> {
                    batch.renewing = false;
                    batch.noteLockLost();
                });
    }

    private void releaseLeft() {
        try {
            for (BatchId batch :
                    List.copyOf(copiesLeft)) { // before the locks by which they are found
                rooms.committer().dropCopies(batch);
                rooms.locks().noteNeverCommitted(batch);
                copiesLeft.remove(batch);
            }
            rooms.locks().releaseLeft();
        } catch (IOException e) {
            leftOver = true;
            log.atWarn()
                    .addKeyValue("cause", e.getMessage())
                    .log(
                            "locks that a former process left cannot be released now; trying again"
                                    + " later");
        }
        inbox.result(new CompletableFuture<>(), ignored -> releasingLeft = false);
    }

    /**
     * Releases the locks of a batch that has not been committed, when nothing is left of a copy. On a worker.
     */
    void release(Batch batch, BatchLocks locks) {
        try {
            if (batch.copyLeft) {
                copiesLeft.add(batch.id);
                rooms.committer().dropCopies(batch.id);
                rooms.locks().noteNeverCommitted(batch.id);
                copiesLeft.remove(batch.id);
            }
            locks.release();
        } catch (IOException e) {
            locks.abandon();
            noteLeft();
            log.atWarn()
                    .addKeyValue("batch", locks.batch())
                    .addKeyValue("cause", e.getMessage())
                    .log("locks cannot be released now; trying again later");
        }
    }

    /** Deletes what batches have left in the bucket that can never be committed. On a worker. */
    void dropCopies(Set<BatchId> never) {
        for (BatchId batch : never) {
            try {
                rooms.committer().dropCopies(batch);
            } catch (IOException e) {
                copiesLeft.add(batch);
                noteLeft();
                log.atWarn()
                        .addKeyValue("batch", batch)
                        .addKeyValue("cause", e.getMessage())
                        .log("copies of a batch cannot be deleted now; trying again later");
            }
        }
    }

    /** Any thread. */
    void noteLeft() {
        leftOver = true;
    }
}
