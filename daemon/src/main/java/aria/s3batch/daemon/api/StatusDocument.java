package aria.s3batch.daemon.api;

import java.util.List;

/** The answer of {@code GET /v1/status}. */
public record StatusDocument(List<BatchDocument> batches, Endpoint endpoint, DaemonFacts daemon) {

    /**
     * What the probe found out about the object store at start.
     *
     * @param etagForm {@code quoted}, {@code bare}, or {@code unknown} where the endpoint was not reached
     * @param conditionalPut whether {@code If-Match} and {@code If-None-Match} are honoured on PUT
     */
    public record Endpoint(
            String url,
            String bucket,
            boolean reached,
            boolean conditionalPut,
            boolean conditionalDelete,
            String etagForm) {}

    /**
     * @param startedAt ISO 8601, UTC
     * @param replaying whether batches committed before the last stop are still being applied
     */
    public record DaemonFacts(
            String version,
            long pid,
            String startedAt,
            boolean replaying,
            String cacheDir,
            long cacheBytesUsed,
            long cacheBytesMax) {}
}
