package aria.s3batch.ops;

import aria.s3batch.daemon.api.PlanDocument;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

@Command(
        name = "plan",
        description =
                "Show what commit would do now, and what it would cost. Changes nothing, locks"
                        + " nothing more.")
final class PlanCommand extends DaemonVerb {
    @Parameters(paramLabel = "BATCH", description = "Batch id, as begin printed it.")
    String batch = "";

    @Mixin ReadersOption readers = new ReadersOption();

    @Override
    void run(DaemonClient daemon) throws ProblemException {
        PlanDocument plan = daemon.plan(batchId(batch), readers.word());
        output.result(plan, () -> PlanText.print(plan, output.out()));
    }
}
