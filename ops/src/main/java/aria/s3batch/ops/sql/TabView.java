package aria.s3batch.ops.sql;

import org.jspecify.annotations.Nullable;

import java.io.PrintStream;
import java.util.List;
import java.util.stream.Collectors;

/**
 * For a pipe, as the {@code mariadb} client writes to one: a line with the names, a line a row, columns by
 * tabs; {@code \t \n \0 \\} stand for tab, newline, zero and backslash, and NULL for NULL.
 */
public final class TabView implements ResultView {
    private final PrintStream out;
    private final SummaryView summary;

    /**
     * @param out rows
     * @param err rows changed, and warnings
     */
    public TabView(PrintStream out, PrintStream err) {
        this.out = out;
        this.summary = new SummaryView(out, err, false);
    }

    @Override
    public void begin(SqlStatement statement) {
        summary.begin(statement);
    }

    @Override
    public void columns(List<Column> columns) {
        line(columns.stream().map(Column::name).collect(Collectors.joining("\t")));
    }

    @Override
    public void row(List<@Nullable String> values) {
        line(values.stream().map(TabView::escaped).collect(Collectors.joining("\t")));
    }

    private void line(String text) {
        out.print(text + "\n");
    }

    private static String escaped(@Nullable String value) {
        return value == null
                ? "NULL"
                : value.replace("\\", "\\\\")
                        .replace("\t", "\\t")
                        .replace("\n", "\\n")
                        .replace("\0", "\\0");
    }

    @Override
    public void affected(long rows) {
        summary.affected(rows);
    }

    @Override
    public void end(List<SqlWarning> warnings, long elapsedNs) {
        summary.end(warnings, elapsedNs);
    }
}
