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
     * What became of the batch.
     *
     * @param daemonGone whether the daemon did not answer
     */
    record Outcome(String words, boolean daemonGone) {}

    /**
     * @param sessions all that may be at work in the database; they are ended
     */
    Outcome run(List<ServerSession> sessions) {
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
        Outcome ofDaemon = abort();
        words.addFirst(ofDaemon.words());
        return new Outcome(String.join(" ", words), ofDaemon.daemonGone());
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
                .formatted(database.name(), SqlWords.cause(failure));
    }

    private Outcome abort() {
        try {
            daemon.abort(batch);
            return new Outcome("Nothing was changed: batch %s is aborted.".formatted(batch), false);
        } catch (NoAnswerException e) {
            return new Outcome(
                    "Nothing was changed: batch %s was not committed. aria_s3_batchd, which served its tables, does not answer; its log says why, and it discards the batch at its next start."
                            .formatted(batch),
                    true);
        } catch (ProblemException e) {
            return new Outcome(
                    e.kind() == Problem.Kind.NOT_FOUND
                            ? "Nothing was changed: batch %s is gone, as open batches end when the daemon is restarted."
                                    .formatted(batch)
                            : "Nothing was changed, but batch %s could not be aborted: %s"
                                    .formatted(batch, e.getMessage()),
                    false);
        }
    }
}
