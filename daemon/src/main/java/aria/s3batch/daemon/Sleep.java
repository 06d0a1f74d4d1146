package aria.s3batch.daemon;

import aria.s3batch.recovery.Applier;

import java.time.Duration;
import java.util.concurrent.locks.LockSupport;

/** Pauses in the calling thread. An interrupt does not shorten them: it is kept for who asks for it next. */
final class Sleep implements Applier.Pauses {
    @Override
    public void pause(Duration duration) {
        long end = System.nanoTime() + duration.toNanos();
        boolean interrupted = false;
        for (long left = duration.toNanos(); left > 0; left = end - System.nanoTime()) {
            LockSupport.parkNanos(left);
            interrupted |= Thread.interrupted();
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
