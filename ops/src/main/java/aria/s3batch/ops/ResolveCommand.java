package aria.s3batch.ops;

import aria.s3batch.daemon.api.BatchStateDocument;

import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
        name = "resolve",
        description = {
            "End the quarantine of a batch, in one of three ways. `aria_s3_batch status BATCH` says"
                    + " why it is quarantined. Until then its tables stay locked and its pages are"
                    + " kept."
        })
final class ResolveCommand extends DaemonVerb {
    @Parameters(paramLabel = "BATCH", description = "Batch id, as begin printed it.")
    String batch = "";

    @ArgGroup(exclusive = true, multiplicity = "1")
    Action action = new Action();

    /** Exactly one is set. */
    static final class Action {
        @Option(
                names = "--retry",
                required = true,
                description = "Verify and apply again: after the cause has been removed.")
        boolean retry;

        @Option(
                names = "--discard",
                required = true,
                description =
                        "Give the batch up. Blocks that it has already written stay as they are:"
                                + " check the table afterwards. A fence is lowered: readers find"
                                + " the table again.")
        boolean discard;

        @Option(
                names = "--force",
                required = true,
                description =
                        "Apply over what others wrote to the same blocks: their change is lost.")
        boolean force;

        String word() {
            return retry ? "retry" : discard ? "discard" : "force";
        }
    }

    @Override
    void run(DaemonClient daemon) throws ProblemException {
        BatchStateDocument resolved = daemon.resolve(batchId(batch), action.word());
        output.result(
                resolved,
                () -> output.say("batch " + resolved.batch() + " is now " + resolved.state()));
    }
}
