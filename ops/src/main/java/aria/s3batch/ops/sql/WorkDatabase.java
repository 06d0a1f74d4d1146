package aria.s3batch.ops.sql;

import aria.s3batch.format.BatchId;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/**
 * The database of one batch in the server: made empty, so that its directory exists, and while that lies
 * under the mount it has the batch's tables as plain Aria tables. Its name is that of the batch, so no two
 * ever have one name, and what a killed client leaves behind is known for what it is.
 */
public final class WorkDatabase {
    private static final String PREFIX = "aria_s3_batch_";

    /** Who waits longer for a lock waits for somebody who works in the database, and says so. */
    private static final int LOCK_WAIT_SECONDS = 20;

    private final String name;

    private WorkDatabase(String name) {
        this.name = name;
    }

    /** The one of a batch, whether it exists or not. */
    public static WorkDatabase of(BatchId batch) {
        return new WorkDatabase(PREFIX + batch.toString().toLowerCase(Locale.ROOT));
    }

    /** All that there are in a server, of whichever batch. */
    public static List<WorkDatabase> all(ServerSession session) throws SQLException {
        var found = new ArrayList<WorkDatabase>();
        for (List<String> row :
                session.rows("SHOW DATABASES LIKE '" + PREFIX.replace("_", "\\_") + "%'")) {
            String name = row.getFirst();
            if (isOurs(name)) {
                found.add(new WorkDatabase(name));
            }
        }
        return found;
    }

    /** A database that only begins like ours is not touched. */
    private static boolean isOurs(String name) {
        try {
            String batch = name.substring(PREFIX.length()).toUpperCase(Locale.ROOT);
            return of(BatchId.parse(batch)).name.equals(name);
        } catch (IllegalArgumentException notABatch) {
            return false;
        }
    }

    public String name() {
        return name;
    }

    /** The batch's id, as the daemon writes it. */
    public String batch() {
        return name.substring(PREFIX.length()).toUpperCase(Locale.ROOT);
    }

    /** Where the server has its files. */
    public Path directory(ServerSession session) throws SQLException {
        String dataDirectory = session.value("SELECT @@datadir");
        if (dataDirectory == null) {
            throw new SQLException("the server does not say where its data directory is");
        }
        return Path.of(dataDirectory).resolve(name);
    }

    /**
     * Makes it, with the character set of the database whose tables it will show, where the server has that
     * one.
     */
    public void create(ServerSession session, String likeDatabase) throws SQLException {
        List<List<String>> like =
                session.rows(
                        "SELECT DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME"
                                + " FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = "
                                + literal(likeDatabase));
        String characterSet =
                like.isEmpty()
                        ? ""
                        : " CHARACTER SET %s COLLATE %s"
                                .formatted(like.getFirst().get(0), like.getFirst().get(1));
        session.execute("CREATE DATABASE " + quoted(name) + characterSet);
    }

    /**
     * Has the server write what it holds back of its open tables here, and close them.
     *
     * @throws SQLException also when somebody works with one of them
     */
    public void closeTables(ServerSession session) throws SQLException {
        session.execute("SET SESSION lock_wait_timeout = " + LOCK_WAIT_SECONDS);
        String open =
                session.rows("SHOW OPEN TABLES FROM " + quoted(name)).stream()
                        .map(row -> quoted(name) + "." + quoted(row.get(1)))
                        .collect(Collectors.joining(", "));
        if (!open.isEmpty()) {
            session.execute("FLUSH TABLES " + open);
        }
    }

    /** Ends the sessions that are still in it, of a client that is gone. */
    public void endSessions(ServerSession session) throws SQLException {
        for (List<String> row :
                session.rows(
                        "SELECT ID FROM information_schema.PROCESSLIST WHERE DB = "
                                + literal(name))) {
            session.execute("KILL CONNECTION " + row.getFirst());
        }
    }

    /** Once nothing is mounted there any more. It need not exist. */
    public void drop(ServerSession session) throws SQLException {
        session.execute("SET SESSION lock_wait_timeout = " + LOCK_WAIT_SECONDS);
        session.execute("DROP DATABASE IF EXISTS " + quoted(name));
        // a directory that it cannot read is to it none that exists
        if (session.value("SHOW DATABASES LIKE '" + name.replace("_", "\\_") + "'") != null) {
            throw new SQLException("the server cannot read its directory");
        }
    }

    /** A table here, to be named in a statement. */
    public String table(String table) {
        return quoted(name) + "." + quoted(table);
    }

    private static String quoted(String name) {
        return "`" + name.replace("`", "``") + "`";
    }

    /** In hexadecimal, which means the same in every SQL mode. */
    private static String literal(String text) {
        return "CONVERT(X'%s' USING utf8mb4)"
                .formatted(HexFormat.of().formatHex(text.getBytes(StandardCharsets.UTF_8)));
    }
}
