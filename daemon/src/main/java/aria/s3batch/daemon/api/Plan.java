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
    /** S3 Standard, us-east-1, list price: USD for a thousand PUT, and for a thousand GET or HEAD. */
    private static final double USD_PER_PUT = 0.005 / 1000;

    private static final double USD_PER_GET = 0.0004 / 1000;

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
                sum.puts() * USD_PER_PUT + (sum.gets() + sum.heads()) * USD_PER_GET,
                copy(sum));
    }

    /** A LIST, by which it is deleted, costs as much as a PUT; a DELETE nothing. */
    private static PlanDocument.CopyPlan copy(ApplyForecast sum) {
        long objects = sum.copyObjects();
        long lists = objects == 0 ? 0 : 1;
        return new PlanDocument.CopyPlan(
                objects, lists, objects, sum.bytesStaged(), (objects + lists) * USD_PER_PUT);
    }
}
