package aria.s3batch.ops;

import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;

import org.jspecify.annotations.Nullable;

import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;

/**
 * How far a long command is, on stderr: a bar on a terminal, else a line every few seconds, and none for
 * work that is done sooner.
 */
final class Progress implements AutoCloseable {
    private static final int COLUMNS = 79;
    private static final long LINE_INTERVAL_NS = TimeUnit.SECONDS.toNanos(5);

    private final Streams streams;
    private final String task;
    private final String unit;
    private final LongSupplier clockNs;
    private final @Nullable ProgressBar bar;
    private long total;
    private long lastLineNs;

    /**
     * @param task what is done, and to what
     * @param unit what is counted: blocks, pages
     */
    static Progress of(Streams streams, String task, String unit, long total) {
        return new Progress(streams, task, unit, total, System::nanoTime);
    }

    Progress(Streams streams, String task, String unit, long total, LongSupplier clockNs) {
        this.streams = streams;
        this.task = task;
        this.unit = unit;
        this.total = total;
        this.clockNs = clockNs;
        this.lastLineNs = clockNs.getAsLong();
        this.bar =
                streams.errIsTerminal()
                        ? new ProgressBarBuilder()
                                .setTaskName(task)
                                .setInitialMax(total)
                                .setUnit(" " + unit, 1)
                                .setUpdateIntervalMillis(200)
                                // told the width, it does not ask a terminal library for it
                                .setConsumer(new ConsoleProgressBarConsumer(streams.err(), COLUMNS))
                                .build()
                        : null;
    }

    void at(long done, long total) {
        this.total = total;
        at(done);
    }

    void at(long done) {
        if (bar != null) {
            bar.maxHint(total);
            bar.stepTo(done);
            return;
        }
        long nowNs = clockNs.getAsLong();
        if (nowNs - lastLineNs >= LINE_INTERVAL_NS) {
            lastLineNs = nowNs;
            streams.err().println("%s: %d of %d %s".formatted(task, done, total, unit));
        }
    }

    /** Leaves the bar where it is and ends its line. */
    @Override
    public void close() {
        if (bar != null) {
            bar.close();
        }
    }
}
