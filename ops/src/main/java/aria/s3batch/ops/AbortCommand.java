package aria.s3batch.ops;

import aria.s3batch.daemon.api.BatchStateDocument;

import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

@Command(
        name = "abort",
        description =
                "Discard an open batch: its staged pages are deleted, its tables are unlocked, the"
                        + " bucket is as it was. A committed batch cannot be aborted.")
final class AbortCommand extends DaemonVerb {
    @Parameters(paramLabel = "BATCH", description = "Batch id, as begin printed it.")
    String batch = "";

    @Override
    void run(DaemonClient daemon) throws ProblemException {
        BatchStateDocument aborted = daemon.abort(batchId(batch));
        output.result(
                aborted,
                () -> output.say("batch " + aborted.batch() + " is aborted, nothing was changed"));
    }
}
