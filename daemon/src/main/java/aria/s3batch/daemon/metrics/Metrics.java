package aria.s3batch.daemon.metrics;

import aria.s3batch.daemon.Census;
import aria.s3batch.s3block.StoreCalls;

import io.prometheus.metrics.config.EscapingScheme;
import io.prometheus.metrics.expositionformats.PrometheusTextFormatWriter;
import io.prometheus.metrics.model.snapshots.Labels;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.LongSupplier;
import java.util.function.ToLongFunction;

/**
 * The answer of {@code GET /metrics}: Prometheus' text format, version 0.0.4. Any thread.
 *
 * <p>A writer that does not answer leaves out what it alone knows; {@code aria_s3_batch_writer_answers} is 0 then.
 */
public final class Metrics {
    public static final String CONTENT_TYPE = PrometheusTextFormatWriter.CONTENT_TYPE;

    /** Below the limit that Prometheus sets for a scrape. */
    private static final Duration PATIENCE = Duration.ofSeconds(3);

    private static final List<String> STATES =
            List.of("OPEN", "COMMITTED", "APPLYING", "DISCARDING", "QUARANTINED");

    private final Sources sources;

    /** Where numbers come from. */
    public interface Sources {
        String version();

        CompletableFuture<Census> census();

        /** Turns of the single writer. */
        long writerCycles();

        StoreCalls storeCalls();

        long cacheUsedBytes();

        long cacheLimitBytes();

        /** Of the disk that the cache directory is on. */
        long diskFreeBytes() throws IOException;

        long blockCacheUsedBytes();

        long blockCacheLimitBytes();

        long blockCacheFailures();
    }

    public Metrics(Sources sources) {
        this.sources = sources;
    }

    /** All metrics, as they are now. */
    public byte[] text() throws IOException, InterruptedException {
        var families = new Families();
        families.info("aria_s3_batch_build", "The daemon.", "version", sources.version());
        Optional<Census> census = census();
        families.gauge(
                "aria_s3_batch_writer_answers",
                "Whether the single writer answered; if not, metrics of batches are missing.",
                census.isPresent() ? 1 : 0);
        families.counter(
                "aria_s3_batch_writer_cycles",
                "Turns of the single writer.",
                sources.writerCycles());
        census.ifPresent(known -> batches(families, known));
        store(families);
        cache(families);
        JvmMetrics.add(families);
        var text = new ByteArrayOutputStream();
        PrometheusTextFormatWriter.create()
                .write(text, families.all(), EscapingScheme.UNDERSCORE_ESCAPING);
        return text.toByteArray();
    }

    private Optional<Census> census() throws InterruptedException {
        try {
            return Optional.of(sources.census().get(PATIENCE.toMillis(), TimeUnit.MILLISECONDS));
        } catch (TimeoutException | ExecutionException e) {
            return Optional.empty(); // as the metric of that name says
        }
    }

    private static void batches(Families families, Census census) {
        Map<String, Long> count = new LinkedHashMap<>();
        Map<String, Double> oldest = new LinkedHashMap<>();
        for (String state : STATES) {
            List<Census.Counted> in =
                    census.batches().stream().filter(b -> b.state().equals(state)).toList();
            count.put(state, (long) in.size());
            oldest.put(state, seconds(in.stream().map(Census.Counted::age).toList()));
        }
        families.gauge("aria_s3_batch_batches", "Batches that have not ended.", "state", count);
        families.gauge(
                "aria_s3_batch_oldest_batch_seconds",
                "Since the begin of the oldest batch in a state; 0 if there is none.",
                "state",
                oldest);
        families.gauge(
                "aria_s3_batch_staged_pages",
                "Pages staged in batches that have not ended.",
                sum(census, Census.Counted::pages));
        families.counter(
                "aria_s3_batch_staged_bytes",
                "Bytes of pages that clients staged.",
                census.ended().bytesStaged());
        families.counter(
                "aria_s3_batch_begun", "Batches that were opened.", census.ended().begun());
        families.counter(
                "aria_s3_batch_committed",
                "Batches that were committed.",
                census.ended().committed());
        families.counter(
                "aria_s3_batch_ended",
                "Batches that ended.",
                "how",
                Map.of("applied", census.ended().applied(), "aborted", census.ended().aborted()));
        families.counter(
                "aria_s3_batch_quarantines",
                "How often a batch was quarantined.",
                census.ended().quarantined());
        families.counter(
                "aria_s3_batch_commits_refused",
                "Commits that were refused; the batch stayed open.",
                census.ended().commitsRefused());
        families.counter(
                "aria_s3_batch_conflicts",
                "Of these, because another writer had changed an object.",
                census.ended().conflicts());
        apply(families, census);
        locks(families, census);
    }

    private static void apply(Families families, Census census) {
        families.gauge(
                "aria_s3_batch_apply_objects_planned",
                "Objects that committed batches write or delete.",
                sum(census, Census.Counted::objectsTotal));
        families.gauge(
                "aria_s3_batch_apply_objects_done",
                "Of these, objects that are in S3 as they should be.",
                sum(census, Census.Counted::objectsDone));
        families.counter(
                "aria_s3_batch_applied_bytes",
                "Bytes of objects that batches put into S3.",
                census.ended().bytesPut() + sum(census, Census.Counted::bytesPut));
        families.gauge(
                "aria_s3_batch_apply_bytes_per_second",
                "How fast applies went lately, by which plan estimates; 0 before the first.",
                census.bytesPerSecond().orElse(0.0));
        families.gauge(
                "aria_s3_batch_replay_batches",
                "Batches committed before the last stop that are still to be applied.",
                sum(census, batch -> batch.isReplayed() ? 1 : 0));
        families.gauge(
                "aria_s3_batch_replay_objects_left",
                "Objects that these have still to write or delete, as far as is known.",
                sum(
                        census,
                        batch ->
                                batch.isReplayed()
                                        ? Math.max(0, batch.objectsTotal() - batch.objectsDone())
                                        : 0));
    }

    private static void locks(Families families, Census census) {
        families.gauge(
                "aria_s3_batch_oldest_lock_seconds",
                "Since the begin of the oldest batch that holds locks in the bucket; 0 without.",
                seconds(
                        census.batches().stream()
                                .filter(batch -> batch.silence().isPresent())
                                .map(Census.Counted::age)
                                .toList()));
        families.gauge(
                "aria_s3_batch_lock_silence_seconds",
                "Since the last sign of life of the lock that has been silent longest; 0 without.",
                seconds(census.batches().stream().flatMap(b -> b.silence().stream()).toList()));
        families.gauge(
                "aria_s3_batch_lock_lease_seconds",
                "How long a lock of an open batch may be silent before others take it over.",
                census.lockLease().toMillis() / 1000.0);
    }

    private static double seconds(List<Duration> durations) {
        return durations.stream().mapToLong(Duration::toMillis).max().orElse(0) / 1000.0;
    }

    private static long sum(Census census, ToLongFunction<Census.Counted> number) {
        return census.batches().stream().mapToLong(number).sum();
    }

    private void store(Families families) {
        StoreCalls calls = sources.storeCalls();
        List<Families.Distribution> distributions = new ArrayList<>();
        for (StoreCalls.Count count : calls.counts()) {
            distributions.add(
                    new Families.Distribution(
                            Labels.of("call", word(count.kind()), "outcome", word(count.outcome())),
                            count.perBound(),
                            count.seconds()));
        }
        families.histogram(
                "aria_s3_batch_store_call_seconds",
                "Calls of the object store, by what became of them.",
                StoreCalls.bounds(),
                distributions);
        families.counter(
                "aria_s3_batch_store_bytes",
                "Bodies of objects that were read from the object store, or sent to it.",
                "direction",
                Map.of("in", calls.bytesIn(), "out", calls.bytesOut()));
    }

    private static String word(Enum<?> constant) {
        return constant.name().toLowerCase(Locale.ROOT);
    }

    private void cache(Families families) throws IOException {
        gauge(
                families,
                "aria_s3_batch_cache_used_bytes",
                "Local disk that page files take.",
                sources::cacheUsedBytes);
        gauge(
                families,
                "aria_s3_batch_cache_limit_bytes",
                "The option cache-size.",
                sources::cacheLimitBytes);
        families.gauge(
                "aria_s3_batch_cache_disk_free_bytes",
                "Free on the disk of the cache directory.",
                sources.diskFreeBytes());
        gauge(
                families,
                "aria_s3_batch_block_cache_used_bytes",
                "Local disk that blocks read from S3 take.",
                sources::blockCacheUsedBytes);
        gauge(
                families,
                "aria_s3_batch_block_cache_limit_bytes",
                "The option block-cache-size.",
                sources::blockCacheLimitBytes);
        families.counter(
                "aria_s3_batch_block_cache_failures",
                "How often the disk failed the cache of blocks; they are fetched again.",
                sources.blockCacheFailures());
    }

    private static void gauge(Families families, String name, String help, LongSupplier value) {
        families.gauge(name, help, value.getAsLong());
    }
}
