package aria.s3batch.ops.sql;

import org.jspecify.annotations.Nullable;
import org.mariadb.jdbc.util.constants.ServerStatus;

import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.stream.Collectors;

/**
 * A connection to the server. For one thread; only {@link #abort} may be called by another.
 *
 * <p>Every session keeps out of the server's binary log: a replica has the S3 table already, and has no work
 * database.
 */
public final class ServerSession implements AutoCloseable {
    private static final String NOWHERE = "jdbc:mariadb://localhost/";

    /** A result is read from the socket in pieces of so many rows, so that memory does not grow with it. */
    private static final int ROWS_AT_ONCE = 200;

    private final org.mariadb.jdbc.Connection connection;
    private String initialStatement = "";

    private ServerSession(org.mariadb.jdbc.Connection connection) {
        this.connection = connection;
    }

    /**
     * @throws SQLException state 08... if there is no server, 28... if it does not know the user
     */
    public static ServerSession open(ServerLogin login) throws SQLException {
        var properties = new Properties();
        properties.setProperty("user", login.user());
        String password = login.password();
        if (password != null) {
            properties.setProperty("password", password);
        }
        properties.setProperty("socketFactory", UnixSocketFactory.class.getName());
        properties.setProperty(UnixSocketFactory.PATH_PROPERTY, login.socket().toString());
        properties.setProperty("sslMode", "disable"); // the socket is on this host
        properties.setProperty("allowLocalInfile", "true");
        properties.setProperty(
                "useAffectedRows", "true"); // rows changed, as the mariadb client counts
        properties.setProperty("tinyInt1isBit", "false");
        properties.setProperty("connectionAttributes", "program_name:aria_s3_batch");
        var session =
                new ServerSession(
                        DriverManager.getConnection(NOWHERE, properties)
                                .unwrap(org.mariadb.jdbc.Connection.class));
        try {
            session.stayOutOfReplication();
            return session;
        } catch (SQLException e) {
            session.close();
            throw e;
        }
    }

    private void stayOutOfReplication() throws SQLException {
        initialStatement =
                rows("SHOW VARIABLES WHERE Variable_name IN ('log_bin', 'wsrep_on')").stream()
                        .filter(variable -> variable.getLast().equals("ON"))
                        .map(variable -> variable.getFirst().replace("log_bin", "sql_log_bin"))
                        .map(variable -> "SESSION " + variable + " = 0")
                        .collect(Collectors.joining(", ", "SET ", ""));
        if (initialStatement.equals("SET ")) {
            initialStatement = "";
            return;
        }
        try {
            execute(initialStatement);
        } catch (SQLException e) {
            throw new SQLException(
                    SqlWords.message(e)
                            + ": replicas must not see the work database, so this user needs BINLOG"
                            + " ADMIN (with Galera, SUPER)",
                    e.getSQLState(),
                    e.getErrorCode(),
                    e);
        }
    }

    /** What was said to the server first, and a session of another program must say too; may be empty. */
    public String initialStatement() {
        return initialStatement;
    }

    /** The server's number of this connection. */
    public long id() {
        return connection.getThreadId();
    }

    /** Whether a backslash is a plain character in string literals now. */
    public boolean backslashIsPlain() {
        return (connection.getContext().getServerStatus() & ServerStatus.NO_BACKSLASH_ESCAPES) != 0;
    }

    /** A statement of our own without result. */
    public void execute(String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    /** All rows of a statement of our own, NULL as an empty string. */
    public List<List<String>> rows(String sql) throws SQLException {
        var rows = new ArrayList<List<String>>();
        try (Statement statement = connection.createStatement();
                ResultSet result = statement.executeQuery(sql)) {
            int columns = result.getMetaData().getColumnCount();
            while (result.next()) {
                var row = new ArrayList<String>(columns);
                for (int column = 1; column <= columns; column++) {
                    String value = result.getString(column);
                    row.add(value == null ? "" : value);
                }
                rows.add(row);
            }
        }
        return rows;
    }

    /** The first column of the first row; null if there is none. */
    public @Nullable String value(String sql) throws SQLException {
        List<List<String>> rows = rows(sql);
        return rows.isEmpty() ? null : rows.getFirst().getFirst();
    }

    /**
     * Runs one statement of the user's and shows each of its results; a stored procedure has several.
     *
     * @throws SQLException the server refused it, or ended the connection
     */
    public void run(SqlStatement sql, ResultView view) throws SQLException {
        long startNs = System.nanoTime();
        try (Statement statement = connection.createStatement()) {
            statement.setFetchSize(ROWS_AT_ONCE);
            boolean hasRows = statement.execute(sql.text());
            while (hasRows || statement.getLargeUpdateCount() != -1) {
                view.begin(sql);
                if (hasRows) {
                    show(statement.getResultSet(), view);
                } else {
                    view.affected(statement.getLargeUpdateCount());
                }
                view.end(warnings(), System.nanoTime() - startNs);
                hasRows = statement.getMoreResults();
            }
        }
    }

    private static void show(ResultSet result, ResultView view) throws SQLException {
        List<Column> columns = Column.of(result.getMetaData());
        view.columns(columns);
        while (result.next()) {
            var row = new ArrayList<@Nullable String>(columns.size());
            for (Column column : columns) {
                row.add(column.text(result));
            }
            view.row(row);
        }
    }

    /** The warnings of the last statement; the count came with its answer, so none are asked for in vain. */
    private List<SqlWarning> warnings() throws SQLException {
        if (connection.getContext().getWarning() == 0
                || (connection.getContext().getServerStatus() & ServerStatus.MORE_RESULTS_EXISTS)
                        != 0) {
            return List.of();
        }
        return rows("SHOW WARNINGS").stream()
                .map(row -> new SqlWarning(row.get(0), Integer.parseInt(row.get(1)), row.get(2)))
                .toList();
    }

    /** Ends the connection at once, whatever it does. */
    public void abort() throws SQLException {
        connection.abort(Runnable::run);
    }

    @Override
    public void close() throws SQLException {
        connection.close();
    }
}
