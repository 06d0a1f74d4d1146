package aria.s3batch.ops;

import aria.s3batch.daemon.api.BatchDocument;

import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

import java.nio.file.Path;

@Command(
        name = "mount",
        description = {
            "Show the tables of an open batch as Aria tables in a directory, for a MariaDB server"
                + " on this host: make it the folder of an empty database of that server. What"
                + " INSERT, UPDATE and DELETE change there is staged in the batch; all that would"
                + " make or remove a file (CREATE, ALTER, OPTIMIZE, RENAME, DROP) is refused.",
            "",
            "FLUSH TABLES before commit: an open table is refused. Nothing is durable before"
                    + " commit, fsync or not. Commit and abort unmount."
        })
final class MountCommand extends DaemonVerb {
    @Parameters(index = "0", paramLabel = "BATCH", description = "Batch id, as begin printed it.")
    String batch = "";

    @Parameters(
            index = "1",
            paramLabel = "DIR",
            description =
                    "An empty directory (a db.opt may be there); the files will belong to its"
                            + " owner. Only root and its owner may mount over it.")
    Path directory = Path.of("");

    @Override
    void run(DaemonClient daemon) throws ProblemException {
        BatchDocument mounted = daemon.mount(batchId(batch), directory.toAbsolutePath());
        output.result(
                mounted,
                () -> output.say("batch %s is at %s".formatted(mounted.batch(), mounted.mount())));
    }
}
