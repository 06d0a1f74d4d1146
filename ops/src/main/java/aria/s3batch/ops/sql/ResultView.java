package aria.s3batch.ops.sql;

import org.jspecify.annotations.Nullable;

import java.util.List;

/**
 * What shows the results of statements. For each result, in this order: {@link #begin}; {@link #columns} and
 * then each {@link #row}, or {@link #affected}; {@link #end}.
 */
public interface ResultView {
    void begin(SqlStatement statement);

    void columns(List<Column> columns);

    /**
     * @param values one a column, null for NULL
     */
    void row(List<@Nullable String> values);

    /** A statement without rows changed so many. */
    void affected(long rows);

    void end(List<SqlWarning> warnings, long elapsedNs);
}
