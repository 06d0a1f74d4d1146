package aria.s3batch.ops.sql;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;

/** Results look as the {@code mariadb} client shows them. */
final class ResultViewTest {
    private static final SqlStatement STATEMENT = new SqlStatement("SELECT", 7);
    private static final List<Column> COLUMNS =
            List.of(new Column("id", 1, Column.Kind.INTEGER), new Column("a", 2, Column.Kind.TEXT));
    private static final SqlWarning WARNING = new SqlWarning("Warning", 1265, "Data truncated");
    private static final long ELAPSED_NS = 12_345_678;

    private final ByteArrayOutputStream outBytes = new ByteArrayOutputStream();
    private final ByteArrayOutputStream errBytes = new ByteArrayOutputStream();
    private final PrintStream out = new PrintStream(outBytes, false, StandardCharsets.UTF_8);
    private final PrintStream err = new PrintStream(errBytes, true, StandardCharsets.UTF_8);

    private String out() {
        out.flush();
        return outBytes.toString(StandardCharsets.UTF_8);
    }

    private String err() {
        return errBytes.toString(StandardCharsets.UTF_8);
    }

    private static List<@Nullable String> row(@Nullable String... values) {
        return Arrays.asList(values);
    }

    private static void result(ResultView view) {
        view.begin(STATEMENT);
        view.columns(COLUMNS);
        view.row(row("1", "één"));
        view.row(row("-20", null));
        view.end(List.of(), ELAPSED_NS);
    }

    private static void update(ResultView view, long rows, SqlWarning... warnings) {
        view.begin(STATEMENT);
        view.affected(rows);
        view.end(List.of(warnings), ELAPSED_NS);
    }

    @Test
    void terminalGetsBoxesWithNumbersToTheRight() {
        result(new TableView(out, err));
        assertThat(out())
                .isEqualTo(
                        """
                        +-----+------+
                        | id  | a    |
                        +-----+------+
                        |   1 | één  |
                        | -20 | NULL |
                        +-----+------+
                        """);
        assertThat(err()).isEqualTo("2 rows in set (0.012 sec)\n");
    }

    @Test
    void terminalGetsNoBoxAroundNothing() {
        var view = new TableView(out, err);
        view.begin(STATEMENT);
        view.columns(COLUMNS);
        view.end(List.of(), ELAPSED_NS);
        assertThat(out()).isEmpty();
        assertThat(err()).isEqualTo("Empty set (0.012 sec)\n");
    }

    @Test
    void longResultIsShownBeforeItsEnd() {
        var view = new TableView(out, err);
        view.begin(STATEMENT);
        view.columns(COLUMNS);
        for (int i = 0; i < 1000; i++) {
            view.row(row("1", "x"));
        }
        assertThat(out().lines().count()).isEqualTo(1003);
        view.row(row("123456", "much wider"));
        view.end(List.of(), ELAPSED_NS);
        assertThat(out()).endsWith("| 123456 | much wider |\n+----+---+\n");
        assertThat(err()).startsWith("1001 rows in set");
    }

    @Test
    void affectedRowsAndWarningsAreMessages() {
        var view = new TableView(out, err);
        update(view, 1);
        update(view, 2, WARNING);
        assertThat(out()).isEmpty();
        assertThat(err())
                .isEqualTo(
                        """
                        Query OK, 1 row affected (0.012 sec)
                        Query OK, 2 rows affected, 1 warning (0.012 sec)
                        Warning (Code 1265): Data truncated
                        """);
    }

    @Test
    void pipeGetsTabsWithWhatWouldBreakALineEscaped() {
        var view = new TabView(out, err);
        result(view);
        view.begin(STATEMENT);
        view.columns(COLUMNS);
        view.row(row("3", "a\tb\nc\\d\0"));
        view.end(List.of(WARNING), ELAPSED_NS);
        assertThat(out()).isEqualTo("id\ta\n1\téén\n-20\tNULL\nid\ta\n3\ta\\tb\\nc\\\\d\\0\n");
        assertThat(err()).isEqualTo("Warning (Code 1265): Data truncated\n");
    }

    @Test
    void documentHasNumbersNullsAndWarnings() throws Exception {
        var view = new DocumentView();
        result(view);
        update(view, 5, WARNING);
        assertThat(new ObjectMapper().writeValueAsString(view.results()))
                .isEqualTo(
                        "[{\"line\":7,\"columns\":[\"id\",\"a\"],\"rows\":[[1,\"één\"],[-20,null]],"
                            + "\"warnings\":[]},{\"line\":7,\"rowsAffected\":5,\"warnings\":[{\"level\":\"Warning\",\"code\":1265,\"message\":\"Data"
                            + " truncated\"}]}]");
    }

    @Test
    void documentThatWouldNotFitIsRefused() {
        var view = new DocumentView();
        view.begin(STATEMENT);
        view.columns(COLUMNS);
        String megabyte = "x".repeat(1 << 20);
        assertThatThrownBy(
                        () -> {
                            for (int i = 0; i < 100; i++) {
                                view.row(row("1", megabyte));
                            }
                        })
                .isInstanceOf(DocumentView.TooLargeException.class)
                .hasMessageContaining("--json");
    }
}
