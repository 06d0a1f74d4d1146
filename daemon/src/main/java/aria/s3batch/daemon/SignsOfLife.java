package aria.s3batch.daemon;

import aria.s3batch.s3block.BatchLocks;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/** Renews the locks of a batch while it is recovered without a daemon, three times in each lease. */
final class SignsOfLife implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(SignsOfLife.class);

    private final ScheduledExecutorService thread =
            Executors.newSingleThreadScheduledExecutor(
                    Thread.ofPlatform().name("signs-of-life").daemon(true).factory());

    private SignsOfLife() {}

    static SignsOfLife of(BatchLocks locks, Duration lease) {
        var signs = new SignsOfLife();
        long millis = lease.toMillis() / 3;
        var _ =
                signs.thread.scheduleWithFixedDelay(
                        () -> renew(locks), millis, millis, TimeUnit.MILLISECONDS);
        return signs;
    }

    private static void renew(BatchLocks locks) {
        if (locks.lost() != null) {
            return; // whoever writes next is told
        }
        try {
            locks.renew();
        } catch (IOException e) {
            log.atWarn()
                    .addKeyValue("batch", locks.batch())
                    .addKeyValue("cause", e.getMessage())
                    .log("lock cannot be renewed now; trying again");
        }
    }

    @Override
    public void close() {
        thread.shutdownNow();
    }
}
