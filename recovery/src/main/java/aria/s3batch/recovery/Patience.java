package aria.s3batch.recovery;

import aria.s3batch.format.BatchId;
import aria.s3batch.s3block.Condition;
import aria.s3batch.s3block.ConditionalWrite;
import aria.s3batch.s3block.DeleteOutcome;
import aria.s3batch.s3block.PutOutcome;
import aria.s3batch.s3block.StoreBusyException;
import aria.s3batch.s3block.StoreUnreachableException;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.io.IOException;
import java.time.Duration;

/**
 * Asks the object store for one batch, again after growing pauses until the answer is clear, and gives up
 * after {@value #ATTEMPTS} attempts: then the whole batch waits. Safe for use by many threads.
 */
final class Patience {
    /** Attempts at one object with no clear answer. */
    static final int ATTEMPTS = 5;

    /** Pauses for a store that is asked too often, with nothing done in between: half a minute. */
    private static final int BUSY_PAUSES = 10;

    private static final Logger log = LoggerFactory.getLogger(Patience.class);

    private static final Duration FIRST_PAUSE = Duration.ofMillis(200);

    private final BatchId batch;
    private final ConditionalWrite writes;
    private final Applier.Pauses pauses;
    private volatile boolean deleteMayBeLate;
    private volatile boolean writeMayBeLate;
    private volatile boolean copyMayBeLate;

    Patience(BatchId batch, ConditionalWrite writes, Applier.Pauses pauses) {
        this.batch = batch;
        this.writes = writes;
        this.pauses = pauses;
    }

    interface Read<T> {
        T read() throws IOException;
    }

    <T> T answered(Read<T> request) throws IOException {
        for (int attempt = 1; ; attempt++) {
            try {
                return request.read();
            } catch (StoreUnreachableException e) {
                pauseOrGiveUp(attempt, e);
            }
        }
    }

    /** Landed or ForeignWrite, never Unknown. */
    PutOutcome put(String key, byte[] body, Condition condition) throws IOException {
        for (int attempt = 1; ; attempt++) {
            PutOutcome outcome = writes.write(key, body, condition, batch);
            if (!(outcome instanceof PutOutcome.Unknown unknown)) {
                return outcome;
            }
            writeMayBeLate |= !(condition instanceof Condition.Always);
            pauseOrGiveUp(attempt, unknown.cause());
        }
    }

    /**
     * Gone or ForeignWrite, never Unknown.
     *
     * @param etag what it must still be; null to remove whatever is there
     */
    DeleteOutcome delete(String key, @Nullable String etag) throws IOException {
        for (int attempt = 1; ; attempt++) {
            DeleteOutcome outcome = writes.delete(key, etag);
            if (!(outcome instanceof DeleteOutcome.Unknown unknown)) {
                return outcome;
            }
            deleteMayBeLate = true;
            pauseOrGiveUp(attempt, unknown.cause());
        }
    }

    /** Whether a DELETE was sent that had no effect yet when it was last looked, and may have one. */
    boolean deleteMayBeLate() {
        return deleteMayBeLate;
    }

    /** To be called for a write with a condition that had no clear answer, and was not sent by this class. */
    void noteLateWrite() {
        writeMayBeLate = true;
    }

    /** As {@link #deleteMayBeLate}, of a PUT with a condition, or of any write of a block. */
    boolean writeMayBeLate() {
        return writeMayBeLate;
    }

    void noteLateCopy() {
        copyMayBeLate = true;
    }

    void forgetLateCopies() {
        copyMayBeLate = false;
    }

    /** Whether a copy inside the bucket was asked for that had no clear answer, and may be made later. */
    boolean copyMayBeLate() {
        return copyMayBeLate;
    }

    /**
     * To be called when the store says that it is asked too often: it is there, and will do what it is asked.
     *
     * @param pause its number, counted from 1, since it did something last
     */
    void pauseWhileBusy(int pause, StoreBusyException cause) throws StoreUnreachableException {
        if (pause > BUSY_PAUSES) {
            throw new StoreUnreachableException(
                    "the object store is asked too often, and does nothing of this batch after "
                            + BUSY_PAUSES
                            + " pauses: "
                            + cause.getMessage(),
                    cause);
        }
        log.atWarn()
                .addKeyValue("batch", batch)
                .addKeyValue("cause", cause.getMessage())
                .log("the object store is asked too often; asking less");
        pauses.pause(FIRST_PAUSE.multipliedBy(1L << (Math.min(pause, ATTEMPTS) - 1)));
    }

    /** To be called after the attempt of this number, counted from 1, had no clear answer. */
    void pauseOrGiveUp(int attempt, IOException cause) throws IOException {
        if (attempt >= ATTEMPTS) {
            throw new StoreUnreachableException(
                    "no clear answer after " + attempt + " attempts: " + cause.getMessage(), cause);
        }
        log.atWarn()
                .addKeyValue("batch", batch)
                .addKeyValue("attempt", attempt)
                .addKeyValue("cause", cause.getMessage())
                .log("no clear answer from the object store; trying again");
        pauses.pause(FIRST_PAUSE.multipliedBy(1L << (attempt - 1)));
    }
}
