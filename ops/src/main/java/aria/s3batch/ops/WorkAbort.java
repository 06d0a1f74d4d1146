package aria.s3batch.ops;

import aria.s3batch.daemon.api.Problem;
import aria.s3batch.ops.sql.ServerLogin;
import aria.s3batch.ops.sql.ServerSession;
import aria.s3batch.ops.sql.SqlWords;
import aria.s3batch.ops.sql.WorkDatabase;

import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;

/** Takes back what a batch has in server and daemon, as far as they still answer. */
record WorkAbort(DaemonClient daemon, ServerLogin login, WorkDatabase database, String batch) {
    /**
     * @param sessions all that may be at work in the database; they are ended
     * @return what became of the batch, in words
     */
    String run(List<ServerSession> sessions) {
        var words = new ArrayList<String>();
        try (var session = ServerSession.open(login)) {
            for (ServerSession other : sessions) {
                end(other, session);
            }
            closeTables(session);
            unmount();
            try {
                database.drop(session);
            } catch (SQLException e) {
                words.add(left(e));
            }
        } catch (SQLException e) {
            unmount();
            words.add(left(e));
        }
        words.addFirst(abort());
        return String.join(" ", words);
    }

    private static void end(ServerSession other, ServerSession session) {
        try {
            session.execute("KILL CONNECTION " + other.id());
            other.abort();
        } catch (SQLException e) {
            // it has ended by itself, which was to be brought about
            assert e.getErrorCode() >= 0;
        }
    }

    private void closeTables(ServerSession session) {
        try {
            database.closeTables(session);
        } catch (SQLException e) {
            // the mount is detached from under them instead: what the server still writes goes
            // nowhere
            assert e.getErrorCode() >= 0;
        }
    }

    private void unmount() {
        try {
            daemon.unmount(batch, true);
        } catch (ProblemException e) {
            // not mounted yet, or not any more, or no daemon: abort, or the daemon's next start,
            // does it
            assert !e.getMessage().isEmpty();
        }
    }

    private String left(SQLException failure) {
        return "The database %s could not be dropped (%s): the next `aria_s3_batch sql` drops it."
                .formatted(database.name(), SqlWords.message(failure));
    }

    private String abort() {
        String safe = "Nothing was changed";
        try {
            daemon.abort(batch);
            return "%s: batch %s is aborted.".formatted(safe, batch);
        } catch (NoAnswerException e) {
            return "%s: batch %s was not committed. The daemon does not answer; it discards the batch at its next start."
                    .formatted(safe, batch);
        } catch (ProblemException e) {
            if (e.kind() == Problem.Kind.NOT_FOUND) { // it was restarted
                return "%s: batch %s is gone, open batches end with the daemon."
                        .formatted(safe, batch);
            }
            return "%s, but batch %s could not be aborted: %s"
                    .formatted(safe, batch, e.getMessage());
        }
    }
}
