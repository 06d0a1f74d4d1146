package aria.s3batch.ops;

import aria.s3batch.format.TableName;
import aria.s3batch.recovery.WholeTable;

import org.jspecify.annotations.Nullable;

/** The progress of a table that is put or removed: one bar after another. */
final class TransferBars implements WholeTable.Progress, AutoCloseable {
    private final Streams streams;
    private final TableName table;
    private @Nullable Progress bar;
    private String task = "";

    TransferBars(Streams streams, TableName table) {
        this.streams = streams;
        this.table = table;
    }

    @Override
    public void verified(long bytes, long total) {
        at("verify", "MiB", bytes >> 20, total >> 20);
    }

    @Override
    public void written(long bytes, long total) {
        at("push", "MiB", bytes >> 20, total >> 20);
    }

    @Override
    public void deleted(long objects, long total) {
        at("delete", "objects", objects, total);
    }

    private synchronized void at(String now, String unit, long done, long total) {
        Progress current = bar;
        if (current == null || !task.equals(now)) {
            close();
            task = now;
            current = Progress.of(streams, now + " " + table.display(), unit, total);
            bar = current;
        }
        current.at(done, total);
    }

    @Override
    public synchronized void close() {
        if (bar != null) {
            bar.close();
        }
        bar = null;
    }
}
