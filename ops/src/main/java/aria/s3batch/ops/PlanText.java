package aria.s3batch.ops;

import aria.s3batch.daemon.api.PlanDocument;

import java.io.PrintStream;
import java.util.Locale;

/** A plan for people. */
final class PlanText {
    private PlanText() {}

    static void print(PlanDocument plan, PrintStream out) {
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
        PlanDocument.CopyPlan copy = plan.copy();
        out.println(
                String.format(
                        Locale.ROOT,
                        "          with durability=bucket besides, before commit answers, %d PUT"
                                + " and %s up; after it %d LIST, %d DELETE; %.4f USD",
                        copy.puts(),
                        Sizes.of(copy.bytesUp()),
                        copy.lists(),
                        copy.deletes(),
                        copy.costUsd()));
    }
}
