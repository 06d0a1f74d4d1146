package aria.s3batch.daemon;

/** What became of batches since the process started. Belongs to the conductor's thread. */
public final class Tallies {
    private long begun;
    private long committed;
    private long applied;
    private long aborted;
    private long quarantined;
    private long commitsRefused;
    private long conflicts;
    private long bytesStaged;
    private long bytesPut;

    Tallies() {}

    /**
     * @param commitsRefused for whatever reason; {@code conflicts}, because another writer had changed an object
     * @param quarantined each time a batch was
     * @param bytesStaged that clients sent, pages that were staged before among them
     * @param bytesPut by batches that have ended
     */
    public record Sums(
            long begun,
            long committed,
            long applied,
            long aborted,
            long quarantined,
            long commitsRefused,
            long conflicts,
            long bytesStaged,
            long bytesPut) {}

    Sums sums() {
        return new Sums(
                begun,
                committed,
                applied,
                aborted,
                quarantined,
                commitsRefused,
                conflicts,
                bytesStaged,
                bytesPut);
    }

    void begun() {
        begun++;
    }

    void committed() {
        committed++;
    }

    void commitRefused(boolean isConflict) {
        commitsRefused++;
        conflicts += isConflict ? 1 : 0;
    }

    void quarantined() {
        quarantined++;
    }

    void ended(Batch.State state) {
        applied += state == Batch.State.APPLIED ? 1 : 0;
        aborted += state == Batch.State.ABORTED ? 1 : 0;
    }

    void staged(long bytes) {
        bytesStaged += bytes;
    }

    void put(long bytes) {
        bytesPut += bytes;
    }
}
