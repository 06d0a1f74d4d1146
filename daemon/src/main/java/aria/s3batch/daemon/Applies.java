package aria.s3batch.daemon;

import aria.s3batch.daemon.api.BatchDocument;
import aria.s3batch.recovery.ApplyOutcome;
import aria.s3batch.recovery.BatchRecord;
import aria.s3batch.s3block.BatchLocks;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.BooleanSupplier;

/**
 * When committed batches are applied: at once, each by a worker of its own, and again after growing pauses
 * while the object store is away. Belongs to the conductor's thread, but for {@link #isReplaying}.
 *
 * <p>Invariant W3: a batch is applied by one worker at a time.
 */
final class Applies {
    static final Duration FIRST_PAUSE = Duration.ofSeconds(1);
    static final Duration LONGEST_PAUSE = Duration.ofSeconds(64);

    private static final Logger log = LoggerFactory.getLogger(Applies.class);

    private final BatchConductor.Rooms rooms;
    private final Inbox inbox;
    private final Batches batches;
    private final BooleanSupplier stop;
    private final ApplyRate rate = new ApplyRate();
    private volatile boolean replaying;

    /**
     * @param stop asked by the workers, before each object
     */
    Applies(BatchConductor.Rooms rooms, Inbox inbox, Batches batches, BooleanSupplier stop) {
        this.rooms = rooms;
        this.inbox = inbox;
        this.batches = batches;
        this.stop = stop;
        noteReplaying();
    }

    /** Starts those that are due; returns how many. */
    int startDue() {
        int started = 0;
        long now = rooms.nanoClock().nanoTime();
        for (Batch batch : List.copyOf(batches.all())) {
            if (batch.state == Batch.State.COMMITTED && now - batch.applyAtNanos >= 0) {
                started++;
                start(batch);
            }
        }
        return started;
    }

    private void start(Batch batch) {
        BatchRecord record = batch.record;
        BatchLocks locks = batch.locks;
        assert record != null && locks != null : batch.id;
        batch.state = Batch.State.APPLYING;
        var nobodyWaits = new CompletableFuture<BatchDocument>();
        inbox.work(nobodyWaits, waiting -> apply(batch, record, locks, waiting));
    }

    private void apply(
            Batch batch,
            BatchRecord record,
            BatchLocks locks,
            CompletableFuture<BatchDocument> answer)
            throws IOException {
        long begun = rooms.nanoClock().nanoTime();
        long bytesBefore = batch.progress.bytesPut();
        long waitedBefore = batch.progress.waitedNanos();
        ApplyOutcome outcome =
                rooms.applier().apply(record, batch.folder, locks, batch.progress, stop);
        long waited = batch.progress.waitedNanos() - waitedBefore;
        long nanos = rooms.nanoClock().nanoTime() - begun - waited;
        long bytes = batch.progress.bytesPut() - bytesBefore;
        inbox.result(
                answer,
                waiting -> {
                    rate.measured(bytes, nanos);
                    onOutcome(batch, outcome);
                    noteReplaying();
                    waiting.complete(batch.document());
                });
    }

    private void onOutcome(Batch batch, ApplyOutcome outcome) {
        assert batch.state == Batch.State.APPLYING : "W3: " + batch.id + " is " + batch.state;
        switch (outcome) {
            case ApplyOutcome.Applied applied -> {
                if (batch.endedBefore) {
                    batches.forget(batch);
                } else {
                    batches.end(batch, batch.givenUp ? Batch.State.ABORTED : Batch.State.APPLIED);
                }
            }
            case ApplyOutcome.Discarded discarded -> {
                if (batch.endedBefore) {
                    batches.forget(batch);
                } else {
                    batches.end(batch, Batch.State.ABORTED);
                }
            }
            case ApplyOutcome.Quarantined quarantined -> {
                batch.state = Batch.State.QUARANTINED;
                batch.record = quarantined.batch();
                batch.reason = quarantined.reason();
                batch.replayed = false;
                batches.tallies().quarantined();
                log.atError()
                        .addKeyValue("batch", batch.id)
                        .addKeyValue("tables", batch.tablesInWords())
                        .addKeyValue("reason", quarantined.reason())
                        .log("batch quarantined; its tables stay locked until it is resolved");
            }
            case ApplyOutcome.Waiting waiting -> {
                Duration pause = pause(batch.pauses++);
                batch.state = Batch.State.COMMITTED;
                batch.record = waiting.batch();
                batch.reason = waiting.reason();
                batch.stepsAtReason = batch.progress.steps();
                batch.applyAtNanos = rooms.nanoClock().nanoTime() + pause.toNanos();
                log.atWarn()
                        .addKeyValue("batch", batch.id)
                        .addKeyValue("reason", waiting.reason())
                        .addKeyValue("againInSeconds", pause.toSeconds())
                        .log("batch waits for the object store");
            }
            case ApplyOutcome.Stopped stopped -> batch.state = Batch.State.COMMITTED;
        }
    }

    private static Duration pause(int pausesBefore) {
        Duration pause = FIRST_PAUSE.multipliedBy(1L << Math.min(pausesBefore, 30));
        return pause.compareTo(LONGEST_PAUSE) < 0 ? pause : LONGEST_PAUSE;
    }

    /** To be called when a batch has left replay by another way than apply, too. */
    void noteReplaying() {
        replaying = batches.all().stream().anyMatch(batch -> batch.replayed);
    }

    boolean isReplaying() {
        return replaying;
    }

    Optional<Double> bytesPerSecond() {
        return rate.bytesPerSecond();
    }
}
