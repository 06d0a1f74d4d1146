package aria.s3batch.ops;

import aria.s3batch.daemon.api.BatchDocument;
import aria.s3batch.daemon.api.PlanDocument;
import aria.s3batch.ops.sql.DocumentView;
import aria.s3batch.ops.sql.ResultView;
import aria.s3batch.ops.sql.ServerSession;
import aria.s3batch.ops.sql.SqlStatement;
import aria.s3batch.ops.sql.StatementReader;
import aria.s3batch.ops.sql.TabView;
import aria.s3batch.ops.sql.TableView;

import com.fasterxml.jackson.annotation.JsonInclude;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Reader;
import java.io.StringReader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.sql.SQLException;
import java.util.List;

@Command(
        name = "sql",
        description = {
            "Change rows of S3 tables with SQL, on a running MariaDB, in one batch.",
            "",
            "  aria_s3_batch sql archive.orders -e \"UPDATE orders SET paid=1 WHERE id=7\"",
            "  aria_s3_batch sql archive.orders archive.lines < changes.sql",
            "",
            "The tables are shown to the server as plain Aria tables, under their bare names, in a"
                + " database of their own. It runs the statements (INSERT, also from its other"
                + " tables or with LOAD DATA, UPDATE, DELETE, SELECT); then the batch is committed"
                + " and applied. A statement that fails, a server or daemon that goes away, or"
                + " Ctrl-C aborts all of it: no table in S3 is changed then. Statements that change"
                + " other tables of the server change them at once, and for good.",
            "",
            "Only rows can change: ALTER, TRUNCATE (use DELETE), OPTIMIZE, REPAIR are refused.",
            "Results are shown as the mariadb client shows them; bytes as 0x..."
        })
final class SqlCommand extends ServerVerb {
    @Option(
            names = {"-e", "--execute"},
            paramLabel = "SQL",
            description = "The statements; without it they are read from stdin, as UTF-8.")
    @Nullable String execute;

    @Option(
            names = "--dry-run",
            description =
                    "Run the statements, show what commit would do as plan does, and abort. Tables"
                            + " of the server itself are changed all the same.")
    boolean dryRun;

    /** Most of the heap is left for what the server and the connector make of a statement. */
    private static final long HEAP_SHARE = 8;

    private @Nullable DocumentView document;

    /**
     * The result with --json.
     *
     * @param state APPLIED, or ABORTED after --dry-run
     * @param results one for each result of a statement
     * @param plan with --dry-run
     */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    private record SqlDocument(
            String batch,
            String state,
            List<DocumentView.Result> results,
            @Nullable PricedPlan plan) {}

    @Override
    void checkArguments() throws ProblemException {
        super.checkArguments();
        String text = execute;
        if (text != null && text.indexOf('\ufffd') >= 0) {
            throw ProblemException.usage(
                    "-e has characters that cannot be read in this locale: set LC_ALL=C.UTF-8, or"
                            + " give the statements on stdin");
        }
    }

    @Override
    boolean work(WorkBatch work) throws ProblemException, IOException {
        ResultView view = view();
        ServerSession session = work.session();
        var statements =
                new StatementReader(text(), session::backslashIsPlain, charactersMax(session));
        SqlStatement statement = next(statements);
        if (statement == null) {
            throw ProblemException.usage("there is no statement to run");
        }
        while (statement != null) {
            try {
                session.run(statement, view);
            } catch (SQLException e) {
                throw ServerProblem.of(statement, e);
            } catch (DocumentView.TooLargeException e) {
                throw ProblemException.usage(IoFailure.words(e));
            }
            statement = next(statements);
        }
        output.out().flush();
        return true;
    }

    private ResultView view() {
        if (output.json) {
            var ofJson = new DocumentView();
            document = ofJson;
            return ofJson;
        }
        Streams streams = output.streams();
        return streams.outIsTerminal()
                ? new TableView(streams.out(), streams.err())
                : new TabView(streams.out(), streams.err());
    }

    private Reader text() {
        String given = execute;
        return given == null
                ? new InputStreamReader(
                        output.streams().in(), StandardCharsets.UTF_8.newDecoder()) // strict
                : new StringReader(given);
    }

    private static int charactersMax(ServerSession session) throws ProblemException {
        long ours = Runtime.getRuntime().maxMemory() / HEAP_SHARE;
        try {
            String ofServer = session.value("SELECT @@max_allowed_packet");
            return (int) Math.min(ours, ofServer == null ? ours : Long.parseLong(ofServer));
        } catch (SQLException e) {
            throw ServerProblem.of(e);
        }
    }

    private static @Nullable SqlStatement next(StatementReader statements)
            throws ProblemException, IOException {
        try {
            return statements.next();
        } catch (CharacterCodingException e) {
            throw ProblemException.usage(
                    "the text is not UTF-8 after line %d; a dump of binary columns must be made with --hex-blob"
                            .formatted(statements.lineNumber()));
        }
    }

    @Override
    boolean isTrial() {
        return dryRun;
    }

    @Override
    void applied(BatchDocument ended) {
        output.result(
                document(ended.batch(), ended.state(), null),
                () -> output.say(Committing.applied(ended)));
    }

    @Override
    void planned(PlanDocument plan, String aborted) throws ProblemException {
        PricedPlan priced = PricedPlan.of(plan, PriceTable.of(settings, output));
        output.result(document(plan.batch(), "ABORTED", priced), () -> priced.print(output.out()));
        output.say(aborted);
    }

    @Override
    void dropped(String batch, String aborted) {
        throw new AssertionError("statements that ran are kept: " + batch);
    }

    private SqlDocument document(String batch, String state, @Nullable PricedPlan plan) {
        DocumentView known = document;
        return new SqlDocument(batch, state, known == null ? List.of() : known.results(), plan);
    }
}
