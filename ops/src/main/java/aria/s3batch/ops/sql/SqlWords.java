package aria.s3batch.ops.sql;

import org.jspecify.annotations.Nullable;

import java.sql.SQLException;

/** Failures of the server in the words of its own client, with advice where the reason is a mounted table. */
public final class SqlWords {
    private static final int ER_SERVER_SHUTDOWN = 1053;
    private static final int ER_CONNECTION_KILLED = 1927;
    private static final int ER_OPEN_AS_READONLY = 1036;
    private static final int ER_NET_PACKET_TOO_LARGE = 1153;

    /** The system's words, in a server's message, for what the mount refuses. */
    private static final String EPERM = "Operation not permitted";

    private static final String EIO = "Input/output error";

    private SqlWords() {}

    /** {@code ERROR 1062 (23000): Duplicate entry ...}, with {@link #advice}. */
    public static String error(SQLException failure) {
        return advised(
                failure,
                "ERROR %d (%s): %s"
                        .formatted(
                                failure.getErrorCode(), failure.getSQLState(), message(failure)));
    }

    /** {@code ERROR 1062 (23000) at line 3: Duplicate entry ...}, with {@link #advice}. */
    public static String error(SQLException failure, int line) {
        return advised(
                failure,
                "ERROR %d (%s) at line %d: %s"
                        .formatted(
                                failure.getErrorCode(),
                                failure.getSQLState(),
                                line,
                                message(failure)));
    }

    private static String advised(SQLException failure, String words) {
        String advice = advice(failure);
        return advice == null ? words : words + "\n" + advice;
    }

    /** Without the number of the connection that the connector puts before it. */
    public static String message(SQLException failure) {
        String message = failure.getMessage();
        return message == null
                ? failure.getClass().getSimpleName()
                : message.replaceFirst("^\\(conn=[0-9]+\\) ", "");
    }

    /** What lies under a lost connection, where the message only says that it is lost. */
    public static String cause(SQLException failure) {
        String words = message(failure);
        Throwable cause = failure.getCause();
        while (cause != null) {
            words = cause.getMessage() == null ? words : cause.getMessage();
            cause = cause.getCause();
        }
        return words;
    }

    /** Whether the connection is gone, or there never was one. */
    public static boolean isDisconnected(SQLException failure) {
        String state = failure.getSQLState();
        return state != null && state.startsWith("08")
                || failure.getErrorCode() == ER_CONNECTION_KILLED
                || failure.getErrorCode() == ER_SERVER_SHUTDOWN;
    }

    /** Whether the server did not let this user in. */
    public static boolean isDenied(SQLException failure) {
        String state = failure.getSQLState();
        return state != null && state.startsWith("28");
    }

    /** What to do about an error that comes of how the tables are shown; null for any other. */
    private static @Nullable String advice(SQLException failure) {
        if (message(failure).contains(EPERM)) {
            return "Only rows can change in a batch: statements that make, rename or replace tables"
                    + " are refused (ALTER, OPTIMIZE, REPAIR, CREATE, DROP; instead of TRUNCATE use"
                    + " DELETE without WHERE)";
        }
        if (message(failure).contains(EIO)) {
            return "aria_s3_batchd, which serves the tables, could not read or write: its log says"
                    + " whether its disk cache is full (cache-size), or the object store away";
        }
        return switch (failure.getErrorCode()) {
            case ER_OPEN_AS_READONLY ->
                    "A name with its database means the S3 table itself, which the server only"
                        + " reads: write the table's bare name, which is its copy in this batch";
            case ER_NET_PACKET_TOO_LARGE ->
                    "Use several statements, or SET GLOBAL max_allowed_packet";
            default -> null;
        };
    }
}
