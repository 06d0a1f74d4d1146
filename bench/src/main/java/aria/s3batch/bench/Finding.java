package aria.s3batch.bench;

import java.util.List;

/**
 * One line of the table: what was measured of ours and of its peer, round by round.
 *
 * @param row whose name {@code --rows} takes
 * @param work in words, with the size that was measured
 * @param peer in words
 * @param unit of both series: {@code s}, {@code MB}
 * @param ours at least one
 * @param peers at least one
 */
record Finding(
        String row,
        String work,
        String peer,
        Target target,
        String unit,
        List<Double> ours,
        List<Double> peers) {
    Finding {
        if (ours.isEmpty() || peers.isEmpty()) {
            throw new IllegalArgumentException(row + ": nothing was measured");
        }
    }

    static double median(List<Double> values) {
        List<Double> sorted = values.stream().sorted().toList();
        int middle = sorted.size() / 2;
        return sorted.size() % 2 == 1
                ? sorted.get(middle)
                : (sorted.get(middle - 1) + sorted.get(middle)) / 2;
    }

    /** Of the medians; the smaller the better. */
    double ratio() {
        return median(ours) / median(peers);
    }

    boolean isMet() {
        return ratio() <= target.ratioMax();
    }

    /** As the target puts it: so many times faster, or so many times what the peer takes. */
    String ratioWords() {
        return target.ratioMax() < 1 && !target.words().startsWith("≤")
                ? Numbers.plain(1 / ratio()) + " × faster"
                : Numbers.plain(ratio()) + " ×";
    }
}
