package aria.s3batch.ops;

import aria.s3batch.daemon.api.BatchDocument;
import aria.s3batch.daemon.api.PlanDocument;
import aria.s3batch.daemon.api.Problem;
import aria.s3batch.format.BatchId;
import aria.s3batch.format.TableName;
import aria.s3batch.ops.sql.ServerLogin;
import aria.s3batch.ops.sql.ServerSession;
import aria.s3batch.ops.sql.WorkDatabase;

import org.jspecify.annotations.Nullable;

import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;

/**
 * A batch whose tables a running server has, under their bare names, in a database made for it: <pre>
 * begin ── database made, batch mounted over its directory ── statements of the user's
 *   └─ close: tables closed, unmounted, database dropped ─┬─ commit
 *                                                         └─ abort </pre>
 * What goes wrong before the commit, and Ctrl-C, leads to {@link #abort}: no batch, mount or database is
 * left. The daemon does its part of that by itself when this process is killed, as the batch is bound to it;
 * the database is dropped by the next {@link #begin} then.
 *
 * <p>For one thread; the end of the program, of whatever cause, is another and may come at any time.
 */
final class WorkBatch {
    /** Somebody else may look at a table between our FLUSH and the unmount: it is tried again. */
    private static final int CLOSE_TRIES = 5;

    private enum Phase {
        /** The end of this program means abort. */
        OPEN,
        /** The daemon has been asked to commit, and from then on it decides. */
        COMMITTING,
        ABORTED,
        /** The program is ending, and another thread has taken over. */
        INTERRUPTED
    }

    private final DaemonClient daemon;
    private final Path daemonSocket;
    private final ServerLogin login;
    private final Output output;
    private final String batch;
    private final WorkDatabase database;
    private final ServerSession own;
    private final AtomicReference<Phase> phase = new AtomicReference<>(Phase.OPEN);
    private volatile @Nullable ServerSession users;

    private WorkBatch(
            DaemonClient daemon,
            Path daemonSocket,
            ServerLogin login,
            Output output,
            String batch,
            ServerSession own) {
        this.daemon = daemon;
        this.daemonSocket = daemonSocket;
        this.login = login;
        this.output = output;
        this.batch = batch;
        this.database = WorkDatabase.of(BatchId.parse(batch));
        this.own = own;
    }

    /**
     * Drops what killed clients left, begins the batch and shows its tables to the server.
     *
     * @param own a session that is used for nothing else
     * @throws ProblemException nothing is left of the batch then
     */
    static WorkBatch begin(
            DaemonClient daemon,
            Path daemonSocket,
            ServerLogin login,
            ServerSession own,
            List<TableName> tables,
            Output output)
            throws ProblemException {
        try {
            new LeftDatabases(daemon, own, output).drop();
        } catch (SQLException e) {
            throw ServerProblem.of(e);
        }
        String batch = daemon.beginBound(tables.stream().map(TableName::path).toList()).batch();
        var work = new WorkBatch(daemon, daemonSocket, login, output, batch, own);
        Runtime.getRuntime().addShutdownHook(new Thread(work::interrupted, "abort-batch"));
        try {
            work.show(tables);
            return work;
        } catch (ProblemException e) {
            throw work.aborted(e);
        }
    }

    private void show(List<TableName> tables) throws ProblemException {
        try {
            database.create(own, tables.getFirst().sqlDatabase());
            daemon.mount(batch, database.directory(own));
        } catch (SQLException e) {
            throw ServerProblem.of(e);
        }
        for (TableName table : tables) {
            try {
                own.execute("SELECT 1 FROM " + database.table(table.sqlTable()) + " LIMIT 0");
            } catch (SQLException e) {
                throw ServerProblem.cannotOpen(table, e);
            }
        }
    }

    String id() {
        return batch;
    }

    WorkDatabase database() {
        return database;
    }

    /**
     * An option file for a client of MariaDB's: the user's own files, then what leads it to this server as
     * this user. It holds the password.
     */
    List<String> clientOptions() {
        var lines = new ArrayList<String>();
        for (Path file : login.files()) {
            if (Files.isRegularFile(file)) {
                lines.add("!include " + file.toAbsolutePath());
            }
        }
        lines.addAll(login.optionLines());
        if (!own.initialStatement().isEmpty()) {
            lines.add("[mariadb-client]");
            lines.add("init-command=\"" + own.initialStatement() + "\"");
        }
        return lines;
    }

    /** A session for the user's statements, in the work database. */
    ServerSession session() throws ProblemException {
        try {
            ServerSession session = ServerSession.open(login);
            users = session;
            session.execute("USE " + database.name());
            return session;
        } catch (SQLException e) {
            throw ServerProblem.of(e);
        }
    }

    /**
     * The tables as the server itself checks them.
     *
     * @throws ProblemException it found damage
     */
    void check(List<TableName> tables) throws ProblemException {
        endSession();
        for (TableName table : tables) {
            try {
                List<List<String>> rows =
                        own.rows("CHECK TABLE " + database.table(table.sqlTable()) + " EXTENDED");
                if (!rows.getLast().get(3).equals("OK")) {
                    throw ProblemException.of(
                            Problem.Kind.QUARANTINED,
                            "CHECK TABLE %s found: %s"
                                    .formatted(
                                            table.display(),
                                            String.join(
                                                    "; ",
                                                    rows.stream().map(row -> row.get(3)).toList())),
                            batch);
                }
            } catch (SQLException e) {
                throw ServerProblem.of(e);
            }
        }
    }

    /** Takes the tables from the server: all that it changed is in the batch then, and nothing more comes. */
    void close() throws ProblemException {
        endSession();
        try {
            for (int tries = 1; ; tries++) {
                database.closeTables(own);
                try {
                    daemon.unmount(batch, false);
                    break;
                } catch (ProblemException e) {
                    if (e.kind() != Problem.Kind.REFUSED || tries == CLOSE_TRIES) {
                        throw e;
                    }
                }
            }
            database.drop(own);
        } catch (SQLException e) {
            throw ServerProblem.of(e);
        }
    }

    private void endSession() throws ProblemException {
        ServerSession session = users;
        users = null;
        if (session != null) {
            try {
                session.close();
            } catch (SQLException e) {
                throw ServerProblem.of(e);
            }
        }
    }

    PlanDocument plan(@Nullable String readers) throws ProblemException {
        return daemon.plan(batch, readers);
    }

    /**
     * On return the batch is applied.
     *
     * @param readers what they see meanwhile; null: as the daemon's option says
     * @param durability what it survives; likewise
     * @param keepUndo whether it can be undone; likewise
     * @throws ProblemException refused, and to be aborted; or the answer is unknown, see {@link
     *     Committing#commit}
     */
    BatchDocument commit(
            @Nullable String readers, @Nullable String durability, @Nullable Boolean keepUndo)
            throws ProblemException {
        var committing = new Committing(daemon, output, batch, readers, durability, keepUndo);
        leaveOpen(Phase.COMMITTING);
        try {
            committing.commit();
        } catch (NoAnswerException e) {
            if (!e.sent()) {
                phase.set(Phase.OPEN);
            }
            throw e;
        } catch (ProblemException e) {
            phase.set(Phase.OPEN);
            throw new ProblemException(
                    Problem.of(e.kind(), withoutState(e.getMessage()), batch, null), e);
        }
        return committing.awaitApplied();
    }

    /** The refusal alone: that the batch stays open is true of the daemon's answer, and not for long. */
    static String withoutState(String refusal) {
        return refusal.replace(". Nothing was changed, the batch is still open", "");
    }

    /** Ends the batch without a trace; answers what to say of it. */
    String abort() {
        return end().words();
    }

    private WorkAbort.Outcome end() {
        leaveOpen(Phase.ABORTED);
        return new WorkAbort(daemon, login, database, batch).run(sessions());
    }

    /** The failure, with what became of the batch; a batch that was not committed is aborted by this. */
    ProblemException aborted(ProblemException failure) {
        Phase now = phase.get();
        if (now == Phase.COMMITTING || now == Phase.ABORTED) {
            return failure;
        }
        WorkAbort.Outcome outcome = end();
        // what the server says of files that nobody serves any more is any error, never the reason
        Problem.Kind kind = outcome.daemonGone() ? Problem.Kind.UNREACHABLE : failure.kind();
        return new ProblemException(
                Problem.of(kind, failure.getMessage() + "\n" + outcome.words(), batch, null),
                failure);
    }

    private List<ServerSession> sessions() {
        ServerSession session = users;
        return session == null ? List.of(own) : List.of(session, own);
    }

    /** From here on the end of the program does not abort the batch. */
    private void leaveOpen(Phase to) {
        if (phase.compareAndSet(Phase.OPEN, to)) {
            return;
        }
        if (phase.get() != Phase.INTERRUPTED) {
            throw new AssertionError(to + " after " + phase.get());
        }
        while (true) { // another thread ends the program, and says all there is to say
            LockSupport.park(this);
        }
    }

    /** Runs at every end of the program, beside the thread that uses daemon and sessions. */
    private void interrupted() {
        if (phase.compareAndSet(Phase.OPEN, Phase.INTERRUPTED)) {
            try (var another = DaemonClient.of(daemonSocket)) {
                var abort = new WorkAbort(another, login, database, batch);
                output.say("\ninterrupted. " + abort.run(sessions()).words());
            }
        }
    }
}
