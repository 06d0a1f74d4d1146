package aria.s3batch.ops;

import aria.s3batch.daemon.api.Problem;
import aria.s3batch.format.TableName;
import aria.s3batch.ops.sql.ServerLogin;
import aria.s3batch.ops.sql.SqlStatement;
import aria.s3batch.ops.sql.SqlWords;

import java.sql.SQLException;

/** What the MariaDB server answered, as the problem of a verb. */
final class ServerProblem {
    private static final int ER_NO_SUCH_TABLE = 1146;

    private ServerProblem() {}

    /** There is no session. */
    static ProblemException notOpened(ServerLogin login, SQLException failure) {
        if (SqlWords.isDisconnected(failure)) {
            return problem(
                    Problem.Kind.UNREACHABLE,
                    "the MariaDB server at %s cannot be reached: %s. If it uses another socket, name it with --mariadb-socket=PATH or in [client] of an option file"
                            .formatted(login.socket(), SqlWords.cause(failure)),
                    failure);
        }
        if (SqlWords.isDenied(failure)) {
            return problem(
                    Problem.Kind.FORBIDDEN,
                    "the MariaDB server does not let '%s' in: %s. Use --user and --password, or user and password of [aria_s3_batch] in an option file"
                            .formatted(login.user(), SqlWords.message(failure)),
                    failure);
        }
        return problem(Problem.Kind.FAILED, SqlWords.error(failure), failure);
    }

    /** A statement of ours failed. */
    static ProblemException of(SQLException failure) {
        return SqlWords.isDisconnected(failure)
                ? ended("", failure)
                : problem(Problem.Kind.FAILED, SqlWords.error(failure), failure);
    }

    /** A statement of the user's failed. */
    static ProblemException of(SqlStatement statement, SQLException failure) {
        return SqlWords.isDisconnected(failure)
                ? ended(" at line " + statement.line(), failure)
                : problem(Problem.Kind.FAILED, SqlWords.error(failure, statement.line()), failure);
    }

    private static ProblemException ended(String where, SQLException failure) {
        return problem(
                Problem.Kind.UNREACHABLE,
                "the MariaDB server ended the connection%s: it was stopped, it crashed, or somebody killed the session (%s). Its error log says more"
                        .formatted(where, SqlWords.cause(failure)),
                failure);
    }

    /** The server cannot open a table that is mounted for it. */
    static ProblemException cannotOpen(TableName table, SQLException failure) {
        String words =
                failure.getErrorCode() == ER_NO_SUCH_TABLE
                        ? "the MariaDB server does not see %s, which the daemon mounted in its data directory: server and daemon must be in one mount namespace (a container, or a unit with PrivateMounts, ProtectSystem or PrivateTmp, has its own)"
                                .formatted(table.display())
                        : "the MariaDB server cannot open %s as it is mounted in its data directory: %s"
                                .formatted(table.display(), SqlWords.error(failure));
        return problem(Problem.Kind.FAILED, words, failure);
    }

    private static ProblemException problem(Problem.Kind kind, String words, SQLException failure) {
        return new ProblemException(Problem.of(kind, words), failure);
    }
}
