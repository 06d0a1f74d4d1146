package aria.s3batch.ops.sql;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.From;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.io.StringReader;
import java.util.ArrayList;
import java.util.List;

/** A text is cut where the {@code mariadb} client cuts it. */
final class StatementReaderTest {
    private static List<SqlStatement> cut(String text, boolean backslashIsPlain)
            throws IOException {
        var reader = new StatementReader(new StringReader(text), () -> backslashIsPlain, 1 << 20);
        var statements = new ArrayList<SqlStatement>();
        for (SqlStatement next = reader.next(); next != null; next = reader.next()) {
            statements.add(next);
        }
        return statements;
    }

    private static List<String> texts(String text) throws IOException {
        return cut(text, false).stream().map(SqlStatement::text).toList();
    }

    @Test
    void semicolonsCutAndTheLastOneMayLack() throws IOException {
        assertThat(texts("SELECT 1; SELECT 2 ;SELECT 3"))
                .containsExactly("SELECT 1", "SELECT 2", "SELECT 3");
    }

    @Test
    void statementStartsAtItsFirstWord() throws IOException {
        assertThat(cut("\n-- why\nSELECT\n1;\n\n  SELECT 2", false))
                .extracting(SqlStatement::line)
                .containsExactly(3, 6);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"", " \n\t", ";;;", "-- only; this", "# only; this", "/* only; this */;"})
    void blanksAndCommentsAreNoStatement(String text) throws IOException {
        assertThat(texts(text)).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "SELECT 'a;b'",
                "SELECT \"a;b\"",
                "SELECT `a;b` FROM t",
                "SELECT 'it''s;', ''",
                "SELECT 'a\\';b'",
                "SELECT '\\\\', 'x'",
                "SELECT `a\\`, 1",
                "SELECT 1 -- not; cut\n+ 1",
                "SELECT 1 --\n+ 1",
                "SELECT 1 # not; cut\n+ 1",
                "SELECT /* not; 'cut */ 1",
                "SELECT 5--1",
                "/*!50000 SELECT 1; */",
                "/*M!100100 SELECT 1; */",
                "SELECT 'two\nlines;\n'"
            })
    void quotesAndCommentsAreNotCut(String statement) throws IOException {
        assertThat(texts(statement + ";SELECT 2")).containsExactly(statement, "SELECT 2");
    }

    @Test
    void backslashIsPlainWhereTheServerSaysSo() throws IOException {
        assertThat(cut("SELECT 'a\\';SELECT 2", true)).hasSize(2);
    }

    @Test
    void delimiterIsChangedForProcedures() throws IOException {
        assertThat(
                        texts(
                                """
                                delimiter //
                                BEGIN NOT ATOMIC SELECT 1; SELECT 2; END//
                                DELIMITER ;
                                SELECT 3; SELECT 4
                                """))
                .containsExactly(
                        "BEGIN NOT ATOMIC SELECT 1; SELECT 2; END", "SELECT 3", "SELECT 4");
    }

    @ParameterizedTest
    @ValueSource(strings = {"SELECT 'open", "SELECT `open", "SELECT 1; /* open", "SELECT \"open\n"})
    void textThatEndsInsideIsRefused(String text) {
        assertThatThrownBy(() -> texts(text))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("the text ends inside");
    }

    @Test
    void statementLongerThanTheServerTakesIsRefusedBeforeItIsAllRead() {
        var reader =
                new StatementReader(
                        new StringReader("SELECT 1;\nSELECT '\n" + "x".repeat(200) + "\n'"),
                        () -> false,
                        100);
        assertThatThrownBy(
                        () -> {
                            reader.next();
                            reader.next();
                        })
                .hasMessageContaining("line 2")
                .hasMessageContaining("max_allowed_packet");
    }

    @Provide
    Arbitrary<List<String>> pieces() {
        return Arbitraries.of(
                        "a", " ", "\n", "'", "\"", "`", "\\", "--", "-- ", "#", "/*", "*/", "/*!",
                        ";")
                .list()
                .ofMaxSize(25);
    }

    /** Whatever the text: no character of a statement is lost, and none is made up. */
    @Property(tries = 2000)
    void statementsAreTheTextWithoutDelimiters(@ForAll @From("pieces") List<String> pieces)
            throws IOException {
        String text = String.join("", pieces);
        List<String> statements;
        try {
            statements = texts(text);
        } catch (IOException endsInside) {
            assertThat(endsInside).hasMessageContaining("ends inside");
            return;
        }
        int from = 0;
        for (String statement : statements) {
            int at = text.indexOf(statement, from);
            assertThat(at).as("%s in %s", statement, text).isNotNegative();
            from = at + statement.length();
        }
    }
}
