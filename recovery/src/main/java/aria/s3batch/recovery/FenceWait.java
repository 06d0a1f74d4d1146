package aria.s3batch.recovery;

import aria.s3batch.format.TableName;

import java.time.Duration;
import java.util.Collection;
import java.util.function.BooleanSupplier;

/**
 * What lets statements end that had opened a table before its fence went up: they go on reading it.
 *
 * @param atMost after so long blocks are written, whatever still runs
 * @param servers those that read the tables; {@link #NOBODY} if they are not known, and all of the wait is needed
 */
public record FenceWait(Duration atMost, Servers servers) {
    private static final Servers NOBODY = (tables, atMost, stop) -> new Ended(false, Duration.ZERO);

    /** Servers that can be asked. */
    @FunctionalInterface
    public interface Servers {
        /**
         * Returns as soon as no statement that had one of the tables open runs any more, or when that cannot
         * be said. Called by several threads at a time.
         *
         * @param tables as users name them; a partitioned one as a whole
         * @param atMost when to give up; and earlier, if a server gives no answer
         * @param stop asked at least every second; when it is true, this gives up
         */
        Ended await(Collection<TableName> tables, Duration atMost, BooleanSupplier stop);
    }

    /**
     * @param all whether it is known that all have ended
     * @param after how long that took to find out
     */
    public record Ended(boolean all, Duration after) {}

    /** The same time for every fence. */
    public static FenceWait of(Duration always) {
        return new FenceWait(always, NOBODY);
    }
}
