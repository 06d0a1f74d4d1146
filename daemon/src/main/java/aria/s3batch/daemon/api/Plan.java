package aria.s3batch.daemon.api;

import aria.s3batch.format.BatchId;
import aria.s3batch.format.TableName;
import aria.s3batch.recovery.ApplyForecast;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What a commit would do, counted from the staged pages as they are now. */
final class Plan {
    private Plan() {}

    /**
     * @param forecasts by table
     * @param rate bytes a second
     */
    static PlanDocument of(
            BatchId batch, Map<TableName, ApplyForecast> forecasts, Optional<Double> rate) {
        List<PlanDocument.TablePlan> tables = new ArrayList<>();
        ApplyForecast sum = ApplyForecast.NOTHING;
        for (Map.Entry<TableName, ApplyForecast> table : forecasts.entrySet()) {
            ApplyForecast one = table.getValue();
            sum = sum.plus(one);
            tables.add(
                    new PlanDocument.TablePlan(
                            table.getKey().display(),
                            one.pages(),
                            one.blocks(),
                            one.blocksNew(),
                            one.blocksDeleted()));
        }
        long bytesUp = sum.bytesUp();
        return new PlanDocument(
                batch.toString(),
                tables,
                sum.pages(),
                sum.heads(),
                sum.gets(),
                sum.puts(),
                sum.deletes(),
                sum.bytesDown(),
                bytesUp,
                rate.map(bytesPerSecond -> bytesUp / bytesPerSecond).orElse(null),
                copy(sum),
                undo(sum));
    }

    private static PlanDocument.UndoPlan undo(ApplyForecast sum) {
        long notes = sum.isNothing() ? 0 : 2;
        return new PlanDocument.UndoPlan(sum.blocksReplaced(), notes, notes, sum.bytesReplaced());
    }

    private static PlanDocument.CopyPlan copy(ApplyForecast sum) {
        long objects = sum.copyObjects();
        long lists = objects == 0 ? 0 : 1;
        return new PlanDocument.CopyPlan(objects, lists, objects, sum.bytesStaged());
    }
}
