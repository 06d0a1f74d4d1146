package aria.s3batch.daemon;

import aria.s3batch.daemon.api.BatchDocument;
import aria.s3batch.daemon.service.ServiceReport;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;

/** What a conductor is at, for {@code systemctl status}. */
record WorkInWords(BatchConductor conductor) implements ServiceReport.Work {
    @Override
    public long cycles() {
        return conductor.cycles();
    }

    @Override
    public CompletableFuture<String> inWords() {
        return conductor.batches().thenApply(all -> of(all, conductor.isReplaying()));
    }

    /** {@code 3 batches: 1 applying, 2 open; 120 of 480 objects applied}. */
    static String of(List<BatchDocument> batches, boolean isReplaying) {
        if (batches.isEmpty()) {
            return "ready; no batches";
        }
        Map<String, Integer> states = new TreeMap<>();
        long done = 0;
        long total = 0;
        for (BatchDocument batch : batches) {
            states.merge(batch.state().toLowerCase(Locale.ROOT), 1, Integer::sum);
            done += batch.blocksDone();
            total += batch.blocksTotal();
        }
        List<String> parts = new ArrayList<>();
        parts.add(
                states.entrySet().stream()
                        .map(state -> state.getValue() + " " + state.getKey())
                        .collect(
                                Collectors.joining(
                                        ", ",
                                        batches.size() == 1
                                                ? "1 batch: "
                                                : batches.size() + " batches: ",
                                        "")));
        if (total > 0) {
            parts.add("%d of %d objects applied".formatted(done, total));
        }
        if (isReplaying) {
            parts.add("replaying what was committed before the last stop");
        }
        return String.join("; ", parts);
    }
}
