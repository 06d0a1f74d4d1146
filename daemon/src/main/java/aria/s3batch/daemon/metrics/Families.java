package aria.s3batch.daemon.metrics;

import io.prometheus.metrics.model.snapshots.ClassicHistogramBuckets;
import io.prometheus.metrics.model.snapshots.CounterSnapshot;
import io.prometheus.metrics.model.snapshots.GaugeSnapshot;
import io.prometheus.metrics.model.snapshots.HistogramSnapshot;
import io.prometheus.metrics.model.snapshots.InfoSnapshot;
import io.prometheus.metrics.model.snapshots.Labels;
import io.prometheus.metrics.model.snapshots.MetricSnapshot;
import io.prometheus.metrics.model.snapshots.MetricSnapshots;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Families of metrics, one after the other, in the library's own form. */
final class Families {
    private final List<MetricSnapshot> families = new ArrayList<>();

    MetricSnapshots all() {
        return new MetricSnapshots(families);
    }

    void info(String name, String help, String label, String value) {
        families.add(
                InfoSnapshot.builder()
                        .name(name)
                        .help(help)
                        .dataPoint(
                                InfoSnapshot.InfoDataPointSnapshot.builder()
                                        .labels(Labels.of(label, value))
                                        .build())
                        .build());
    }

    void gauge(String name, String help, Number value) {
        gauge(name, help, "", Map.of("", value));
    }

    /**
     * @param values by the value of the label
     */
    void gauge(String name, String help, String label, Map<String, ? extends Number> values) {
        var gauge = GaugeSnapshot.builder().name(name).help(help);
        values.forEach(
                (of, value) ->
                        gauge.dataPoint(
                                GaugeSnapshot.GaugeDataPointSnapshot.builder()
                                        .labels(labels(label, of))
                                        .value(value.doubleValue())
                                        .build()));
        families.add(gauge.build());
    }

    /**
     * @param name without {@code _total}
     */
    void counter(String name, String help, Number value) {
        counter(name, help, "", Map.of("", value));
    }

    void counter(String name, String help, String label, Map<String, ? extends Number> values) {
        var counter = CounterSnapshot.builder().name(name).help(help);
        values.forEach(
                (of, value) ->
                        counter.dataPoint(
                                CounterSnapshot.CounterDataPointSnapshot.builder()
                                        .labels(labels(label, of))
                                        .value(value.doubleValue())
                                        .build()));
        families.add(counter.build());
    }

    private static Labels labels(String label, String value) {
        return label.isEmpty() ? Labels.EMPTY : Labels.of(label, value);
    }

    /** One series of a histogram. */
    record Distribution(Labels labels, List<Long> perBound, double sum) {}

    /**
     * @param bounds upper ones; each distribution has a count for each, and one for what is above all
     */
    void histogram(
            String name, String help, List<Double> bounds, List<Distribution> distributions) {
        var histogram = HistogramSnapshot.builder().name(name).help(help);
        for (Distribution each : distributions) {
            var buckets = ClassicHistogramBuckets.builder();
            for (int i = 0; i < each.perBound().size(); i++) {
                double bound = i < bounds.size() ? bounds.get(i) : Double.POSITIVE_INFINITY;
                buckets.bucket(bound, each.perBound().get(i));
            }
            histogram.dataPoint(
                    HistogramSnapshot.HistogramDataPointSnapshot.builder()
                            .labels(each.labels())
                            .classicHistogramBuckets(buckets.build())
                            .sum(each.sum())
                            .build());
        }
        families.add(histogram.build());
    }
}
