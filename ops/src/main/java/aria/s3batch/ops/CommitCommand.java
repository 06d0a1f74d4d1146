package aria.s3batch.ops;

import aria.s3batch.daemon.api.BatchDocument;
import aria.s3batch.daemon.api.BatchStateDocument;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
        name = "commit",
        description = {
            "Commit a batch, then wait until it is applied, with a progress bar.",
            "",
            "Once committed it cannot be lost: not by Ctrl-C here, nor by a crash of the daemon or"
                + " the host, which takes it up again at its next start. A commit that is refused"
                + " changes nothing, and the batch stays open."
        })
final class CommitCommand extends DaemonVerb {
    @Parameters(paramLabel = "BATCH", description = "Batch id, as begin printed it.")
    String batch = "";

    @Option(
            names = "--no-wait",
            description =
                    "Return when the batch is committed; `aria_s3_batch status` shows its"
                            + " progress.")
    boolean noWait;

    @Mixin ReadersOption readers = new ReadersOption();

    @Mixin DurabilityOption durability = new DurabilityOption();

    @Mixin KeepUndoOption undo = new KeepUndoOption();

    @Override
    void run(DaemonClient daemon) throws ProblemException {
        String id = batchId(batch);
        var committing =
                new Committing(
                        daemon, output, id, readers.word(), durability.word(), undo.keepUndo);
        BatchStateDocument committed = committing.commit();
        if (noWait) {
            output.result(
                    committed, () -> output.say("batch " + id + " is committed and being applied"));
            return;
        }
        BatchDocument ended = committing.awaitApplied();
        output.result(
                new BatchStateDocument(id, ended.state()),
                () -> output.say(Committing.applied(ended)));
    }
}
