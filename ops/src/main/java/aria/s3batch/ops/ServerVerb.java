package aria.s3batch.ops;

import aria.s3batch.daemon.api.BatchDocument;
import aria.s3batch.daemon.api.PlanDocument;
import aria.s3batch.daemon.api.Problem;
import aria.s3batch.daemon.api.StatusDocument;
import aria.s3batch.format.TableName;
import aria.s3batch.ops.sql.ServerLogin;
import aria.s3batch.ops.sql.ServerSession;

import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** A verb that works on tables with a running MariaDB: a {@link WorkBatch} from begin to its end. */
abstract class ServerVerb extends DaemonVerb {
    @Mixin final ServerOptions server = new ServerOptions();

    @Mixin final ReadersOption readers = new ReadersOption();

    @Mixin final DurabilityOption durability = new DurabilityOption();

    @Mixin final KeepUndoOption undo = new KeepUndoOption();

    @Parameters(
            arity = "1..*",
            paramLabel = "TABLE",
            description =
                    "db.table, each by its bare name in the statements. A partitioned table is"
                            + " named as a whole.")
    List<TableName> tables = List.of();

    @Option(
            names = "--check",
            description = "Let the server run CHECK TABLE EXTENDED before the commit.")
    boolean check;

    /** Lets the user work; answers whether what was done is to be kept. */
    abstract boolean work(WorkBatch work) throws ProblemException, IOException;

    /** Whether the user wants the plan alone. */
    abstract boolean isTrial();

    /** The result of a batch that is applied. */
    abstract void applied(BatchDocument ended);

    /** The result of a trial. */
    abstract void planned(PlanDocument plan, String aborted) throws ProblemException;

    /** The result of a batch that the user does not keep. */
    abstract void dropped(String batch, String aborted);

    @Override
    void checkArguments() throws ProblemException {
        Map<String, TableName> byName = new HashMap<>();
        for (TableName table : tables) {
            if (table.isPartition()) {
                throw ProblemException.usage(
                        "%s is one partition: name the table, %s; the statements say which rows"
                                .formatted(table.display(), table.base().display()));
            }
            TableName other = byName.put(table.table(), table);
            if (other != null) {
                throw ProblemException.usage(
                        other.equals(table)
                                ? table.display() + " is named twice"
                                : "%s and %s have one bare name, so no statement could tell them apart: use two batches"
                                        .formatted(other.display(), table.display()));
            }
        }
    }

    @Override
    final void run(DaemonClient daemon) throws ProblemException, IOException {
        ServerLogin login = server.login(settings);
        try (ServerSession own = open(login)) {
            refuseUnusableMount(daemon, own);
            run(WorkBatch.begin(daemon, settings.socketPath(), login, own, tables, output));
        } catch (SQLException e) {
            throw ServerProblem.of(e);
        }
    }

    private static ServerSession open(ServerLogin login) throws ProblemException {
        try {
            return ServerSession.open(login);
        } catch (SQLException e) {
            throw ServerProblem.notOpened(login, e);
        }
    }

    private void run(WorkBatch work) throws ProblemException {
        try {
            end(work, work(work));
        } catch (ProblemException e) {
            throw work.aborted(e);
        } catch (IOException e) {
            throw work.aborted(
                    new ProblemException(Problem.of(Problem.Kind.FAILED, IoFailure.inWords(e)), e));
        } catch (RuntimeException e) {
            output.say(work.aborted(ProblemException.of(Problem.Kind.FAILED, "")).getMessage());
            throw e;
        }
    }

    private void end(WorkBatch work, boolean kept) throws ProblemException {
        if (!kept) {
            dropped(work.id(), work.abort());
            return;
        }
        if (check) {
            work.check(tables);
        }
        work.close();
        if (isTrial()) {
            PlanDocument plan = work.plan(readers.word());
            planned(plan, work.abort());
            return;
        }
        applied(work.commit(readers.word(), durability.word(), undo.keepUndo));
    }

    /** Root mounts for everybody; any other user for itself alone. */
    private static void refuseUnusableMount(DaemonClient daemon, ServerSession own)
            throws ProblemException, SQLException {
        StatusDocument status = daemon.status();
        try {
            String dataDirectory = own.value("SELECT @@datadir");
            int ofDaemon = owner(Path.of("/proc", Long.toString(status.daemon().pid())));
            int ofServer = owner(Path.of(dataDirectory == null ? "/" : dataDirectory));
            if (ofDaemon != 0 && ofDaemon != ofServer) {
                throw ProblemException.refused(
                        "the daemon runs as user id %d and the MariaDB server as %d: what the daemon mounts, the server cannot use. Run the daemon as root, or as the server's user. Nothing was begun"
                                .formatted(ofDaemon, ofServer));
            }
        } catch (IOException notToBeSeen) {
            return; // if it does not fit, the server will say that it cannot open the tables
        }
    }

    private static int owner(Path file) throws IOException {
        return (Integer) Files.getAttribute(file, "unix:uid");
    }
}
