package aria.s3batch.daemon;

import aria.s3batch.daemon.api.BatchDocument;
import aria.s3batch.daemon.api.Problem;
import aria.s3batch.format.BatchId;
import aria.s3batch.recovery.OpenTable;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.io.IOException;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/**
 * Mounts and unmounts open batches: begun in the conductor's thread, carried out by a worker, because the
 * kernel waits for readers and writers there, and these may wait for the conductor.
 *
 * <p>Invariant W5: a batch ends only after its files were taken away, so that no server goes on with
 * files of which nobody knows any more.
 */
final class MountChanges {
    private static final Logger log = LoggerFactory.getLogger(MountChanges.class);

    private final Inbox inbox;

    MountChanges(Inbox inbox) {
        this.inbox = inbox;
    }

    void mount(Batch batch, BatchConductor.Mounter mounter, CompletableFuture<BatchDocument> answer)
            throws BatchException {
        batch.refuseUnlessOpen("it cannot be mounted");
        batch.refuseWhileMountChanges("it cannot be mounted");
        Mounted there = batch.mount;
        if (there != null) {
            throw new BatchException(
                    Problem.Kind.REFUSED,
                    "batch %s is mounted already, at %s".formatted(batch.id, there.directory()));
        }
        batch.mountChanging = true;
        inbox.work(answer, waiting -> mount(batch, mounter, waiting, batch.open));
    }

    private void mount(
            Batch batch,
            BatchConductor.Mounter mounter,
            CompletableFuture<BatchDocument> answer,
            List<OpenTable> tables) {
        Mounted mounted;
        try {
            mounted = mounter.mount(tables);
        } catch (IOException | RuntimeException e) {
            inbox.result(
                    answer,
                    waiting -> {
                        batch.mountChanging = false;
                        waiting.completeExceptionally(e);
                    });
            return;
        }
        inbox.result(
                answer,
                waiting -> {
                    batch.mountChanging = false;
                    batch.mount = mounted;
                    waiting.complete(batch.document());
                });
    }

    void unmount(Batch batch, boolean lazy, CompletableFuture<BatchDocument> answer)
            throws BatchException {
        batch.refuseUnlessOpen("it cannot be unmounted");
        batch.refuseWhileMountChanges("it cannot be unmounted");
        Mounted mounted = batch.mount;
        if (mounted == null) {
            throw new BatchException(
                    Problem.Kind.REFUSED,
                    "batch %s is not mounted: nothing was changed".formatted(batch.id));
        }
        batch.mountChanging = true;
        inbox.work(
                answer,
                working -> {
                    try {
                        unmount(mounted, lazy);
                    } catch (IOException | RuntimeException e) {
                        inbox.result(
                                working,
                                waiting -> {
                                    batch.mountChanging = false;
                                    waiting.completeExceptionally(e);
                                });
                        return;
                    }
                    inbox.result(
                            working,
                            waiting -> {
                                batch.lost = mounted.lost();
                                unmounted(batch);
                                waiting.complete(batch.document());
                            });
                });
    }

    private static void unmount(Mounted mounted, boolean lazy) throws IOException {
        try {
            mounted.unmount();
        } catch (BatchException open) {
            if (!lazy) {
                throw open;
            }
            mounted.detach();
        }
    }

    /**
     * Goes on with {@code next}, in the conductor's thread, when all that was written to the files is
     * staged: what the kernel still had is like any other write until then.
     */
    void synced(
            Batch batch, CompletableFuture<BatchDocument> answer, Inbox.Command<BatchDocument> next)
            throws IOException {
        Mounted mounted = batch.mount;
        if (mounted == null) {
            next.run(answer);
            return;
        }
        batch.mountChanging = true;
        inbox.work(
                answer,
                working -> {
                    IOException failure = null;
                    try {
                        mounted.sync();
                    } catch (IOException e) {
                        failure = e;
                    }
                    IOException failed = failure;
                    inbox.result(
                            working,
                            waiting -> {
                                batch.mountChanging = false;
                                batch.lost = mounted.lost();
                                if (failed != null && batch.lost == null) {
                                    throw failed;
                                }
                                next.run(waiting);
                            });
                });
    }

    /** Goes on with {@code next}, in the conductor's thread, when the batch has no mount any more: W5. */
    void detached(Batch batch, Runnable next) {
        Mounted mounted = batch.mount;
        if (mounted == null) {
            next.run();
            return;
        }
        batch.mountChanging = true;
        inbox.work(
                new CompletableFuture<Void>(),
                nobody -> {
                    detach(batch.id, mounted);
                    inbox.result(
                            nobody,
                            ignored -> {
                                unmounted(batch);
                                next.run();
                            });
                });
    }

    /** In a worker: takes the files away from whoever has them open. */
    static void detach(BatchId batch, Mounted mounted) {
        try {
            mounted.detach();
        } catch (IOException e) {
            log.atWarn()
                    .addKeyValue("batch", batch)
                    .addKeyValue("directory", mounted.directory())
                    .setCause(e)
                    .log("a directory cannot be unmounted; its files answer with errors");
        }
    }

    private static void unmounted(Batch batch) {
        batch.mountChanging = false;
        batch.mount = null;
    }
}
