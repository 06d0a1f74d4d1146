package aria.s3batch.daemon.api;

import aria.s3batch.s3block.EndpointFacts;
import aria.s3batch.s3block.StoreSettings;

import org.jspecify.annotations.Nullable;

import java.util.List;
import java.util.Locale;

/** The answer of {@code GET /v1/status}. */
public record StatusDocument(List<BatchDocument> batches, Endpoint endpoint, DaemonFacts daemon) {

    /**
     * What the probe found out about the object store at start; docs/endpoints.md says what it means.
     *
     * @param conditionalPut whether {@code If-Match} and {@code If-None-Match} are honoured on PUT
     * @param etagForm {@code quoted} or {@code bare}
     * @param style {@code path} or {@code domain}: where the bucket is in the URL
     * @param singleHost whether an operator has said that nobody else writes
     * @param failedStatus HTTP status of a condition that does not hold; 0: none is honoured
     * @param absentStatus the same, of {@code If-Match} on PUT where there is no object
     * @param clockAheadSeconds of the endpoint's clock; negative where it is behind
     * @param warnings a sentence each
     */
    public record Endpoint(
            String url,
            String bucket,
            boolean conditionalPut,
            boolean conditionalDelete,
            String etagForm,
            String style,
            boolean singleHost,
            int failedStatus,
            int absentStatus,
            boolean etagStable,
            boolean etagOfContent,
            boolean listingSorted,
            boolean listingWhole,
            boolean metadataKept,
            long clockAheadSeconds,
            List<String> warnings) {

        /** The same of what the daemon was told and found. */
        public static Endpoint of(StoreSettings store, EndpointFacts facts, boolean singleHost) {
            return new Endpoint(
                    store.endpoint(),
                    store.bucket(),
                    facts.isShareable(),
                    facts.deleteIfMatch(),
                    facts.etagForm().name().toLowerCase(Locale.ROOT),
                    store.pathStyle() ? "path" : "domain",
                    singleHost,
                    facts.failedStatus(),
                    facts.absentStatus(),
                    facts.etagStable(),
                    facts.etagOfContent(),
                    facts.listingSorted(),
                    facts.listingWhole(),
                    facts.metadataKept(),
                    facts.clockAhead().toSeconds(),
                    facts.warnings());
        }
    }

    /**
     * @param startedAt ISO 8601, UTC
     * @param receiptProblem why the last receipt could not be written; null if it was
     * @param replaying whether batches committed before the last stop are still being applied
     */
    public record DaemonFacts(
            String version,
            long pid,
            String startedAt,
            boolean replaying,
            String cacheDir,
            long cacheBytesUsed,
            long cacheBytesMax,
            String receiptDir,
            @Nullable String receiptProblem) {}
}
