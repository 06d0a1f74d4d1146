package aria.s3batch.ops.sql;

import org.jspecify.annotations.Nullable;

import java.io.PrintStream;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;

/** How many rows a statement returned or changed, and its warnings: messages, so not on stdout. */
final class SummaryView implements ResultView {
    private final PrintStream out;
    private final PrintStream err;
    private final boolean countsReturned;
    private long returned;
    private long affected;

    /**
     * @param out flushed before a message, so that on a terminal both stay in order
     * @param countsReturned whether a result is followed by how many rows it has
     */
    SummaryView(PrintStream out, PrintStream err, boolean countsReturned) {
        this.out = out;
        this.err = err;
        this.countsReturned = countsReturned;
    }

    @Override
    public void begin(SqlStatement statement) {
        returned = 0;
        affected = -1;
    }

    @Override
    public void columns(List<Column> columns) {}

    @Override
    public void row(List<@Nullable String> values) {
        returned++;
    }

    @Override
    public void affected(long rows) {
        affected = rows;
    }

    @Override
    public void end(List<SqlWarning> warnings, long elapsedNs) {
        out.flush();
        String counted =
                warnings.isEmpty() ? "" : ", " + count(warnings.size(), "warning", "warnings");
        String time =
                String.format(
                        Locale.ROOT,
                        " (%.3f sec)",
                        (double) elapsedNs / TimeUnit.SECONDS.toNanos(1));
        if (affected >= 0) {
            err.println(
                    "Query OK, " + count(affected, "row", "rows") + " affected" + counted + time);
        } else if (countsReturned) {
            String rows = returned == 0 ? "Empty set" : count(returned, "row", "rows") + " in set";
            err.println(rows + counted + time);
        }
        for (SqlWarning warning : warnings) {
            err.println(
                    "%s (Code %d): %s"
                            .formatted(warning.level(), warning.code(), warning.message()));
        }
    }

    private static String count(long number, String one, String many) {
        return number + " " + (number == 1 ? one : many);
    }
}
