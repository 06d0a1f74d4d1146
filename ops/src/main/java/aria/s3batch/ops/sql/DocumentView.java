package aria.s3batch.ops.sql;

import com.fasterxml.jackson.annotation.JsonInclude;

import org.jspecify.annotations.Nullable;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;

/** For {@code --json}: holds all results, for one document at the end. */
public final class DocumentView implements ResultView {
    /** Characters of values that may be held; a program that wants more reads tabs. */
    private static final long CHARACTERS_MAX = 16L << 20;

    private final List<Result> results = new ArrayList<>();
    private Result current = Result.of(0);
    private List<Column> columns = List.of();
    private long characters;

    /**
     * What one statement gave: rows, or how many it changed.
     *
     * @param line where the statement starts in the text
     * @param columns their names; null for a statement without rows
     * @param rows whole numbers as numbers, bytes as {@code 0x...}, any other value as the server writes it
     */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Result(
            int line,
            @Nullable List<String> columns,
            @Nullable List<List<@Nullable Object>> rows,
            @Nullable Long rowsAffected,
            List<SqlWarning> warnings) {
        private static Result of(int line) {
            return new Result(line, null, null, null, List.of());
        }
    }

    /** More was returned than one document should hold. */
    public static final class TooLargeException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        private TooLargeException() {
            super(
                    "the results are too large for one JSON document (over %d MiB): leave --json away"
                            .formatted(CHARACTERS_MAX >> 20));
        }
    }

    /** Of all statements, in order. */
    public List<Result> results() {
        return List.copyOf(results);
    }

    @Override
    public void begin(SqlStatement statement) {
        current = Result.of(statement.line());
    }

    @Override
    public void columns(List<Column> ofResult) {
        columns = ofResult;
        current =
                new Result(
                        current.line(),
                        ofResult.stream().map(Column::name).toList(),
                        new ArrayList<>(),
                        null,
                        List.of());
    }

    @Override
    public void row(List<@Nullable String> values) {
        var row = new ArrayList<@Nullable Object>(values.size());
        for (Column column : columns) {
            String value = values.get(column.number() - 1);
            boolean number = value != null && column.kind() == Column.Kind.INTEGER;
            row.add(number ? (Object) new BigInteger(value) : value);
            characters += value == null ? 4 : value.length() + 3;
        }
        if (characters > CHARACTERS_MAX) {
            throw new TooLargeException();
        }
        List<List<@Nullable Object>> rows = current.rows();
        if (rows == null) {
            throw new AssertionError("a row before its columns");
        }
        rows.add(row);
    }

    @Override
    public void affected(long rows) {
        current = new Result(current.line(), null, null, rows, List.of());
    }

    @Override
    public void end(List<SqlWarning> warnings, long elapsedNs) {
        results.add(
                new Result(
                        current.line(),
                        current.columns(),
                        current.rows(),
                        current.rowsAffected(),
                        warnings));
    }
}
