package aria.s3batch.daemon;

import aria.s3batch.daemon.api.BatchDocument;
import aria.s3batch.diskcache.StagedPages;
import aria.s3batch.recovery.BaseChangedException;
import aria.s3batch.recovery.Committer;
import aria.s3batch.recovery.Durability;
import aria.s3batch.recovery.OpenTable;
import aria.s3batch.recovery.Readers;
import aria.s3batch.s3block.BatchLocks;
import aria.s3batch.s3block.StoreUnreachableException;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/**
 * One commit on its way: (worker) stage what the kernel has of a mount; seal; (worker) check against S3, say
 * so in the locks, make durable; answer. A refusal opens the batch again. A failure to make it durable leaves
 * unknown what is on disk, and ends the daemon.
 *
 * <p>Invariants: W2 a commit is answered after {@link Committer#makeDurable} returned, never before. W6 it is
 * made durable when its locks say that it is committed, never before: they do not expire then. W7 its copy, if
 * it is to have one, is whole before its locks name it; a refusal deletes it first.
 */
final class Commit {
    private static final Logger log = LoggerFactory.getLogger(Commit.class);

    private final BatchConductor.Rooms rooms;
    private final MountChanges mounts;
    private final Inbox inbox;
    private final Batches batches;
    private final Leases leases;
    private final Batch batch;
    private final Readers readers;
    private final Durability durability;
    private final boolean keepUndo;
    private final String user;
    private final List<StagedPages> staged = new ArrayList<>();
    private @Nullable Mounted mounted;

    Commit(
            BatchConductor.Rooms rooms,
            MountChanges mounts,
            Inbox inbox,
            Batches batches,
            Leases leases,
            Batch batch,
            Readers readers,
            Durability durability,
            boolean keepUndo,
            String user) {
        this.rooms = rooms;
        this.mounts = mounts;
        this.inbox = inbox;
        this.batches = batches;
        this.leases = leases;
        this.batch = batch;
        this.readers = readers;
        this.durability = durability;
        this.keepUndo = keepUndo;
        this.user = user;
    }

    /** In the conductor's thread, as are the results of the worker. */
    void start(CompletableFuture<BatchDocument> answer) throws IOException {
        batch.refuseUnlessOpen("it cannot be committed");
        batch.refuseWhileMountChanges("it cannot be committed");
        mounts.synced(batch, answer, this::seal);
    }

    private void seal(CompletableFuture<BatchDocument> answer) throws IOException {
        batch.refuseIfIncomplete();
        batch.refuseIfLockLost();
        mounted = batch.mount;
        batch.state = Batch.State.COMMITTING;
        for (OpenTable table : batch.open) {
            staged.add(table.cache().seal());
        }
        inbox.work(answer, this::checkAndWrite);
    }

    private void checkAndWrite(CompletableFuture<BatchDocument> answer) throws IOException {
        BatchLocks locks = batch.locks;
        assert locks != null : batch.id;
        Committer.Checked checked;
        try {
            locks.confirm(); // first: who has the table now says more than what he has changed
            checked =
                    rooms.committer()
                            .check(batch.folder, batch.open, staged, readers)
                            .by(user)
                            .keepingUndo(keepUndo);
            dropCopies();
            if (!checked.isEmpty()) {
                if (durability == Durability.BUCKET) {
                    batch.copyLeft = true;
                    checked = rooms.committer().copy(checked, locks);
                }
                locks.commit(checked.batch().copy());
                batch.copyLeft = false;
            }
        } catch (IOException | RuntimeException e) {
            locks.reopen();
            Exception refusal = withdrawn(e);
            inbox.result(answer, waiting -> reopen(refusal, waiting));
            return;
        }
        if (checked.isEmpty()) {
            detach();
            leases.release(batch, locks);
            inbox.result(
                    answer,
                    waiting -> {
                        batch.mount = null;
                        batches.discardPages(batch);
                        waiting.complete(batches.end(batch, Batch.State.APPLIED));
                    });
            return;
        }
        Committer.Checked named = checked;
        rooms.committer().makeDurable(named);
        detach();
        inbox.result(answer, waiting -> committed(named, waiting));
    }

    private void dropCopies() throws IOException {
        if (batch.copyLeft) {
            rooms.committer().dropCopies(batch.id);
            batch.copyLeft = false;
        }
    }

    /**
     * W7. The refusal to answer, when the copy does not count any more. While nobody answers it may: should
     * its locks say that it is committed, and its host be lost before they can be renewed.
     */
    private Exception withdrawn(Exception refusal) {
        try {
            dropCopies();
            return refusal;
        } catch (IOException e) {
            var unclear =
                    new StoreUnreachableException(
                            "batch %s is not committed, but what there is of its copy in the bucket cannot be deleted now (%s): if this host is lost before it can be, another may find the batch committed. Commit it again, or abort it"
                                    .formatted(batch.id, e.getMessage()),
                            e);
            unclear.addSuppressed(refusal);
            return unclear;
        }
    }

    private void detach() {
        if (mounted != null) {
            MountChanges.detach(batch.id, mounted);
        }
    }

    private void reopen(Exception refusal, CompletableFuture<BatchDocument> answer)
            throws IOException {
        for (OpenTable table : batch.open) {
            table.cache().unseal();
        }
        batch.state = Batch.State.OPEN;
        batch.renewAtNanos = rooms.nanoClock().nanoTime();
        batch.noteLockLost();
        batches.tallies().commitRefused(refusal instanceof BaseChangedException);
        log.atWarn()
                .addKeyValue("batch", batch.id)
                .addKeyValue("reason", refusal.getMessage())
                .log("commit refused; the batch stays open");
        batch.refuseIfLockLost();
        answer.completeExceptionally(refusal);
    }

    private void committed(Committer.Checked checked, CompletableFuture<BatchDocument> answer) {
        batch.record = checked.batch();
        batch.pages = batch.pages();
        batch.mount = null;
        closeCaches();
        batch.state = Batch.State.COMMITTED;
        batch.applyAtNanos = rooms.nanoClock().nanoTime();
        batches.tallies().committed();
        log.atInfo()
                .addKeyValue("batch", batch.id)
                .addKeyValue("pages", batch.pages)
                .addKeyValue("readers", readers.word())
                .addKeyValue("durability", durability.word())
                .addKeyValue("user", user)
                .log("batch committed");
        answer.complete(batch.document());
    }

    /** From here on the journal owns the page files, and apply opens them by itself. */
    private void closeCaches() {
        try {
            for (OpenTable table : batch.open) {
                batch.keptBytes += table.cache().reservedBytes();
                table.cache().close();
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        batch.open = List.of();
    }
}
