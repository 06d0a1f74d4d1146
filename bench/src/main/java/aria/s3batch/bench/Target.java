package aria.s3batch.bench;

/**
 * What a ratio, ours to the peer's, is to be at most.
 *
 * @param ratioMax positive; infinite: the row is shown and nothing is demanded
 * @param words as the issue puts it
 */
record Target(double ratioMax, String words) {
    static Target atMost(double ratio) {
        return new Target(ratio, "≤ %s ×".formatted(Numbers.plain(ratio)));
    }

    static Target fasterBy(double times) {
        return new Target(1 / times, "≥ %s × faster".formatted(Numbers.plain(times)));
    }

    /** The peer is a limit. */
    static Target limit(String words) {
        return new Target(1, words);
    }

    static Target shown() {
        return new Target(Double.POSITIVE_INFINITY, "");
    }

    boolean isDemanded() {
        return Double.isFinite(ratioMax);
    }
}
