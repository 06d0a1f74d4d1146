package aria.s3batch.daemon;

import aria.s3batch.format.BatchId;
import aria.s3batch.recovery.UndoSet;
import aria.s3batch.s3block.ObjectStore;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.io.IOException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;

/** Deletes what batches have left to be undone by, when its time is over: at the start, and once a day. */
final class UndoExpiry implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(UndoExpiry.class);

    private final ObjectStore store;
    private final Duration keep;
    private final InstantSource clock;
    private final ScheduledExecutorService thread;

    private UndoExpiry(
            ObjectStore store, Duration keep, InstantSource clock, ThreadFactory threads) {
        this.store = store;
        this.keep = keep;
        this.clock = clock;
        this.thread = Executors.newSingleThreadScheduledExecutor(threads);
    }

    static UndoExpiry start(
            ObjectStore store, Duration keep, InstantSource clock, ThreadFactory threads) {
        var expiry = new UndoExpiry(store, keep, clock, threads);
        var _ = expiry.thread.scheduleWithFixedDelay(expiry::expire, 0, 1, TimeUnit.DAYS);
        return expiry;
    }

    private void expire() {
        try {
            for (BatchId batch : UndoSet.expire(store, clock.instant(), keep)) {
                log.atInfo().addKeyValue("batch", batch).log("it can be undone no more: expired");
            }
        } catch (IOException | RuntimeException e) {
            log.atWarn()
                    .addKeyValue("cause", e.getMessage())
                    .log("what is kept for undo cannot be looked through now; tomorrow again");
        }
    }

    @Override
    public void close() {
        thread.shutdownNow();
    }
}
