package aria.s3batch.ops;

import aria.s3batch.daemon.api.BatchDocument;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
        name = "umount",
        description = {
            "Unmount a batch, which stays open with all that is staged. Refused while a server has"
                    + " one of its tables open: FLUSH TABLES there first."
        })
final class UmountCommand extends DaemonVerb {
    @Parameters(paramLabel = "BATCH", description = "Batch id, as begin printed it.")
    String batch = "";

    @Option(
            names = "--lazy",
            description =
                    "Unmount even if files are open: the server gets errors from them, and what it"
                            + " had not written yet is lost.")
    boolean lazy;

    @Override
    void run(DaemonClient daemon) throws ProblemException {
        BatchDocument left = daemon.unmount(batchId(batch), lazy);
        output.result(
                left, () -> output.say("batch " + left.batch() + " is unmounted, and still open"));
    }
}
