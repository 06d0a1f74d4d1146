package aria.s3batch.recovery;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;

/**
 * How far a batch is applied, in objects: blocks, headers, definitions and deletions. Written by the threads that
 * apply, read by anyone; the two counts may be one apart from one another for a moment.
 */
public final class ApplyProgress {
    private final AtomicLong done = new AtomicLong();
    private final AtomicLong total = new AtomicLong();
    private final AtomicLong steps = new AtomicLong();
    private final AtomicLong bytesPut = new AtomicLong();
    private final AtomicLong waitedNanos = new AtomicLong();

    private volatile boolean copiesBegun;
    private volatile boolean lateWrite;

    void beginCopies() {
        copiesBegun = true;
    }

    /** Whether copies of blocks were asked for, so that some may still be made. */
    boolean hasBegunCopies() {
        return copiesBegun;
    }

    void noteLateWrite() {
        lateWrite = true;
    }

    /** Whether an earlier try sent a write with a condition that had no clear answer. */
    boolean hasLateWrite() {
        return lateWrite;
    }

    void begin(long objects, long objectsDone) {
        total.set(objects);
        done.set(objectsDone);
    }

    void objectDone() {
        done.incrementAndGet();
        step();
    }

    void step() {
        steps.incrementAndGet();
    }

    void put(long bytes) {
        bytesPut.addAndGet(bytes);
    }

    void waited(Duration duration) {
        waitedNanos.addAndGet(duration.toNanos());
    }

    /** Nanoseconds spent on letting running statements end, of which no request took any. */
    public long waitedNanos() {
        return waitedNanos.get();
    }

    public long done() {
        return done.get();
    }

    public long total() {
        return total.get();
    }

    /** Counts on whenever the object store has done something for the batch; never back. */
    public long steps() {
        return steps.get();
    }

    /** Bytes sent in PUT bodies since the batch was committed or the daemon started. */
    public long bytesPut() {
        return bytesPut.get();
    }
}
