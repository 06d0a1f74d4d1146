package aria.s3batch.ops.sql;

import org.jspecify.annotations.Nullable;

import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;

/**
 * For a terminal: boxes, as wide as their content. Widths are those of the first {@value #ROWS_MEASURED}
 * rows, which are held; in a longer result a wider value moves the rest of its row to the right.
 */
public final class TableView implements ResultView {
    private static final int ROWS_MEASURED = 1000;

    private final PrintStream out;
    private final SummaryView summary;
    private final List<Column> columns = new ArrayList<>();
    private final List<List<@Nullable String>> held = new ArrayList<>();
    private int[] widths = {};
    private boolean drawn;

    /**
     * @param out rows
     * @param err how many they were, and warnings
     */
    public TableView(PrintStream out, PrintStream err) {
        this.out = out;
        this.summary = new SummaryView(out, err, true);
    }

    @Override
    public void begin(SqlStatement statement) {
        columns.clear();
        held.clear();
        drawn = false;
        summary.begin(statement);
    }

    @Override
    public void columns(List<Column> ofResult) {
        columns.addAll(ofResult);
        summary.columns(ofResult);
    }

    @Override
    public void row(List<@Nullable String> values) {
        summary.row(values);
        if (drawn) {
            print(values);
            return;
        }
        held.add(values);
        if (held.size() == ROWS_MEASURED) {
            draw();
        }
    }

    @Override
    public void affected(long rows) {
        summary.affected(rows);
    }

    @Override
    public void end(List<SqlWarning> warnings, long elapsedNs) {
        if (!held.isEmpty() && !drawn) {
            draw();
        }
        if (drawn) {
            rule();
        }
        summary.end(warnings, elapsedNs);
    }

    private void draw() {
        widths = new int[columns.size()];
        for (Column column : columns) {
            int at = column.number() - 1;
            widths[at] = width(column.name());
            for (List<@Nullable String> row : held) {
                widths[at] = Math.max(widths[at], width(shown(row.get(at))));
            }
        }
        rule();
        print(columns.stream().<@Nullable String>map(Column::name).toList(), false);
        rule();
        held.forEach(this::print);
        held.clear();
        drawn = true;
    }

    private void rule() {
        var line = new StringBuilder("+");
        for (int width : widths) {
            line.repeat('-', width + 2).append('+');
        }
        out.println(line);
    }

    private void print(List<@Nullable String> values) {
        print(values, true);
    }

    private void print(List<@Nullable String> values, boolean aligned) {
        var line = new StringBuilder("|");
        for (Column column : columns) {
            String value = shown(values.get(column.number() - 1));
            int blanks = Math.max(0, widths[column.number() - 1] - width(value));
            boolean right = aligned && column.isRightAligned();
            line.append(' ').repeat(' ', right ? blanks : 0).append(value);
            line.repeat(' ', right ? 0 : blanks).append(" |");
        }
        out.println(line);
    }

    private static String shown(@Nullable String value) {
        return value == null ? "NULL" : value.replace('\0', ' ');
    }

    private static int width(String text) {
        return text.codePointCount(0, text.length());
    }
}
