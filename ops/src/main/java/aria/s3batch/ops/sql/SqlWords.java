package aria.s3batch.ops.sql;

import org.jspecify.annotations.Nullable;

import java.sql.SQLException;

/** Failures of the server in the words of its own client, with advice where the reason is a mounted table. */
public final class SqlWords {
    private static final int ER_CANT_CREATE_FILE = 1004;
    private static final int ER_CANT_CREATE_TABLE = 1005;
    private static final int ER_ERROR_ON_RENAME = 1025;
    private static final int ER_FILE_NOT_FOUND = 1017;
    private static final int ER_GET_ERRNO = 1030;
    private static final int ER_OPEN_AS_READONLY = 1036;
    private static final int ER_CANT_DELETE_FILE = 1011;
    private static final int ER_ILLEGAL_HA = 1031;
    private static final int ER_NET_PACKET_TOO_LARGE = 1153;

    private SqlWords() {}

    /** {@code ERROR 1062 (23000): Duplicate entry ...} */
    public static String error(SQLException failure) {
        return "ERROR %d (%s): %s"
                .formatted(failure.getErrorCode(), failure.getSQLState(), message(failure));
    }

    /** {@code ERROR 1062 (23000) at line 3: Duplicate entry ...} */
    public static String error(SQLException failure, int line) {
        return "ERROR %d (%s) at line %d: %s"
                .formatted(failure.getErrorCode(), failure.getSQLState(), line, message(failure));
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
        return state != null && state.startsWith("08");
    }

    /** Whether the server did not let this user in. */
    public static boolean isDenied(SQLException failure) {
        String state = failure.getSQLState();
        return state != null && state.startsWith("28");
    }

    /** What to do about an error that comes of how the tables are shown; null for any other. */
    public static @Nullable String advice(SQLException failure) {
        return switch (failure.getErrorCode()) {
            case ER_OPEN_AS_READONLY ->
                    "A name with its database means the S3 table itself, which the server only"
                        + " reads: write the table's bare name, which is its copy in this batch";
            case ER_CANT_CREATE_FILE,
                    ER_CANT_CREATE_TABLE,
                    ER_CANT_DELETE_FILE,
                    ER_ERROR_ON_RENAME,
                    ER_FILE_NOT_FOUND,
                    ER_GET_ERRNO,
                    ER_ILLEGAL_HA ->
                    "Only rows can change in a batch: statements that make, rename or replace"
                            + " tables are refused (ALTER, OPTIMIZE, REPAIR, CREATE, DROP;"
                            + " instead of TRUNCATE use DELETE without WHERE)";
            case ER_NET_PACKET_TOO_LARGE ->
                    "Use several statements, or SET GLOBAL max_allowed_packet";
            default -> null;
        };
    }
}
