package aria.s3batch.s3block;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;

/**
 * How often an object store was called, how that ended and how long it took, since the process started. What
 * {@link MeteredStore} counts; any thread.
 */
public final class StoreCalls {
    /** Upper bounds of what is counted together, in seconds; the last count is of what took longer. */
    private static final double[] BOUNDS = {
        0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60
    };

    /** A method of {@link ObjectStore}: both listings are one. */
    public enum Kind {
        GET,
        HEAD,
        PUT,
        DELETE,
        LIST
    }

    public enum Outcome {
        OK,
        /** There is no such object: an answer like any other. */
        ABSENT,
        /** A write whose condition did not hold, and that wrote nothing. */
        CONDITION_FAILED,
        /** No permission, no bucket, wrong keys. */
        REFUSED,
        /** The store asks to be asked less often. */
        BUSY,
        /** No answer, or one that means to try again. */
        UNREACHABLE,
        FAILED
    }

    /**
     * Calls of a kind that ended in a way.
     *
     * @param perBound for each of {@link #bounds} how many took as long as that or less, and longer than
     *     the one before; one more for the rest
     */
    public record Count(Kind kind, Outcome outcome, List<Long> perBound, double seconds) {}

    private static final class Counter {
        final LongAdder[] perBound = new LongAdder[BOUNDS.length + 1];
        final LongAdder nanos = new LongAdder();

        Counter() {
            for (int i = 0; i < perBound.length; i++) {
                perBound[i] = new LongAdder();
            }
        }
    }

    private final Map<Kind, Map<Outcome, Counter>> counters = new EnumMap<>(Kind.class);
    private final LongAdder bytesIn = new LongAdder();
    private final LongAdder bytesOut = new LongAdder();

    public StoreCalls() {
        for (Kind kind : Kind.values()) {
            Map<Outcome, Counter> ofKind = new EnumMap<>(Outcome.class);
            for (Outcome outcome : Outcome.values()) {
                ofKind.put(outcome, new Counter());
            }
            counters.put(kind, ofKind);
        }
    }

    void ended(Kind kind, Outcome outcome, long nanos) {
        Counter counter = counter(kind, outcome);
        int i = 0;
        while (i < BOUNDS.length && nanos > BOUNDS[i] * 1e9) {
            i++;
        }
        counter.perBound[i].increment();
        counter.nanos.add(nanos);
    }

    private Counter counter(Kind kind, Outcome outcome) {
        Map<Outcome, Counter> ofKind = counters.get(kind);
        Counter counter = ofKind == null ? null : ofKind.get(outcome);
        if (counter == null) {
            throw new AssertionError(kind + " " + outcome);
        }
        return counter;
    }

    void received(long bytes) {
        bytesIn.add(bytes);
    }

    void sent(long bytes) {
        bytesOut.add(bytes);
    }

    public static List<Double> bounds() {
        return Arrays.stream(BOUNDS).boxed().toList();
    }

    /** All that was called at least once. */
    public List<Count> counts() {
        List<Count> counts = new ArrayList<>();
        counters.forEach(
                (kind, ofKind) ->
                        ofKind.forEach(
                                (outcome, counter) -> {
                                    List<Long> perBound = new ArrayList<>();
                                    for (LongAdder each : counter.perBound) {
                                        perBound.add(each.sum());
                                    }
                                    if (perBound.stream().anyMatch(n -> n > 0)) {
                                        counts.add(
                                                new Count(
                                                        kind,
                                                        outcome,
                                                        perBound,
                                                        counter.nanos.sum() / 1e9));
                                    }
                                }));
        return counts;
    }

    /** Of objects that were read. */
    public long bytesIn() {
        return bytesIn.sum();
    }

    /** Of objects that were sent, whatever became of them. */
    public long bytesOut() {
        return bytesOut.sum();
    }
}
