package aria.s3batch.ops;

import aria.s3batch.daemon.api.PlanDocument;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

import java.io.PrintStream;
import java.util.Locale;

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
        output.result(plan, () -> print(plan));
    }

    private void print(PlanDocument plan) {
        PrintStream out = output.out();
        for (PlanDocument.TablePlan table : plan.tables()) {
            out.println(
                    "%s: %d pages; %d blocks written (%d of them new), %d deleted"
                            .formatted(
                                    table.table(),
                                    table.pages(),
                                    table.blocks(),
                                    table.blocksNew(),
                                    table.blocksDeleted()));
        }
        out.println("pages     " + plan.pages());
        out.println(
                "requests  %d HEAD, %d GET, %d PUT, %d DELETE"
                        .formatted(plan.heads(), plan.gets(), plan.puts(), plan.deletes()));
        out.println(
                "transfer  %s down, at most %s up"
                        .formatted(Sizes.of(plan.bytesDown()), Sizes.of(plan.bytesUp())));
        Double seconds = plan.seconds();
        out.println(
                seconds == null
                        ? "time      unknown before the first apply of this daemon"
                        : String.format(
                                Locale.ROOT,
                                "time      %.1f s, at the rate of earlier applies",
                                seconds));
        out.println(
                String.format(
                        Locale.ROOT,
                        "cost      %.4f USD of requests, at the list price of S3 Standard,"
                                + " us-east-1",
                        plan.costUsd()));
    }
}
