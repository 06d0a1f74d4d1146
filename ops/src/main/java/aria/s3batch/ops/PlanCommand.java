package aria.s3batch.ops;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

import java.util.Optional;

@Command(
        name = "plan",
        description = {
            "Show what commit would do now, how long it would take, and what it would cost. Changes"
                    + " nothing, locks nothing more.",
            "",
            "The time is known once the daemon has applied a batch. The cost is shown where group"
                + " [aria_s3_batch] of the option files has prices: price-put for a thousand PUT or"
                + " LIST, price-get for a thousand GET or HEAD, price-gb for a GiB read from the"
                + " bucket."
        })
final class PlanCommand extends DaemonVerb {
    @Parameters(paramLabel = "BATCH", description = "Batch id, as begin printed it.")
    String batch = "";

    @Mixin ReadersOption readers = new ReadersOption();

    @Override
    void run(DaemonClient daemon) throws ProblemException {
        Optional<PriceTable> prices = PriceTable.of(settings, output);
        PricedPlan plan = PricedPlan.of(daemon.plan(batchId(batch), readers.word()), prices);
        output.result(plan, () -> plan.print(output.out()));
    }
}
