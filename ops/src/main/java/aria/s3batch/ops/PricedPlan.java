package aria.s3batch.ops;

import aria.s3batch.daemon.api.PlanDocument;

import com.fasterxml.jackson.annotation.JsonUnwrapped;

import org.jspecify.annotations.Nullable;

import java.io.PrintStream;
import java.util.Locale;
import java.util.Optional;

/**
 * A plan and what it costs: the daemon's document with --json, with three more fields.
 *
 * @param cost in the currency of the price table; null without one
 * @param copyCost of the copy that {@code durability=bucket} makes; likewise
 * @param undoCost of what {@code keep-undo} keeps, but for its storage; likewise
 */
record PricedPlan(
        @JsonUnwrapped PlanDocument plan,
        @Nullable Double cost,
        @Nullable Double copyCost,
        @Nullable Double undoCost) {
    static PricedPlan of(PlanDocument plan, Optional<PriceTable> prices) {
        return new PricedPlan(
                plan,
                prices.map(table -> table.of(plan)).orElse(null),
                prices.map(table -> table.of(plan.copy())).orElse(null),
                prices.map(table -> table.of(plan.undo())).orElse(null));
    }

    /** The plan for people. */
    void print(PrintStream out) {
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
        Double known = cost;
        if (known != null) {
            out.println(
                    String.format(
                            Locale.ROOT,
                            "cost      %.4f, by the prices of the option file",
                            known));
        }
        PlanDocument.CopyPlan copy = plan.copy();
        out.println(
                "copy      with durability=bucket, before commit answers: %d PUT, %s up"
                        .formatted(copy.puts(), Sizes.of(copy.bytesUp())));
        out.println(
                "          and when the batch is applied: %d LIST, %d DELETE%s"
                        .formatted(copy.lists(), copy.deletes(), costing(copyCost)));
        PlanDocument.UndoPlan undo = plan.undo();
        out.println(
                "undo      with --keep-undo, before the first write: %d COPY, %d HEAD, %d PUT"
                        .formatted(undo.copies(), undo.heads(), undo.puts()));
        out.println(
                "          at most %s are kept%s"
                        .formatted(Sizes.of(undo.bytesKept()), costing(undoCost)));
    }

    private static String costing(@Nullable Double cost) {
        return cost == null ? "" : String.format(Locale.ROOT, "; cost %.4f", cost);
    }
}
