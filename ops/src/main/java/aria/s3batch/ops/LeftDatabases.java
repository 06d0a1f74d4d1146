package aria.s3batch.ops;

import aria.s3batch.daemon.api.BatchDocument;
import aria.s3batch.daemon.api.Problem;
import aria.s3batch.ops.sql.ServerSession;
import aria.s3batch.ops.sql.SqlWords;
import aria.s3batch.ops.sql.WorkDatabase;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;

/** Work databases whose client was killed: their batch is not open any more, and nothing is mounted there. */
final class LeftDatabases {
    private static final Path MOUNTS = Path.of("/proc/self/mountinfo");

    private final DaemonClient daemon;
    private final ServerSession session;
    private final Output output;

    LeftDatabases(DaemonClient daemon, ServerSession session, Output output) {
        this.daemon = daemon;
        this.session = session;
        this.output = output;
    }

    /** Drops them; one that cannot be dropped is in nobody's way, and said. */
    void drop() throws SQLException, ProblemException {
        for (WorkDatabase database : WorkDatabase.all(session)) {
            if (isOpen(database.batch()) || isMounted(database.directory(session))) {
                continue; // a batch of this daemon, or of another one on this server
            }
            try {
                database.endSessions(session);
                closeTables(database);
                database.drop(session);
                output.say("dropped %s, left by a killed client".formatted(database.name()));
            } catch (SQLException e) {
                output.say(
                        "%s, left by a killed client, cannot be dropped: %s"
                                .formatted(database.name(), SqlWords.message(e)));
            }
        }
    }

    private void closeTables(WorkDatabase database) {
        try {
            database.closeTables(session);
        } catch (SQLException e) {
            // what the server held back cannot be written to a mount that is gone; the tables are
            // closed
            assert e.getErrorCode() >= 0;
        }
    }

    private boolean isOpen(String batch) throws ProblemException {
        try {
            BatchDocument found = daemon.batch(batch);
            return found.state().equals("OPEN");
        } catch (ProblemException e) {
            if (e.kind() == Problem.Kind.NOT_FOUND) {
                return false;
            }
            throw e;
        }
    }

    private static boolean isMounted(Path directory) {
        String field =
                " " + directory.toString().replace("\\", "\\134").replace(" ", "\\040") + " ";
        try {
            return Files.readString(MOUNTS).contains(field);
        } catch (IOException noProc) {
            return false; // then the server itself refuses: files of a mount are not deleted
        }
    }
}
