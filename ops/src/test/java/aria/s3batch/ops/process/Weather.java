package aria.s3batch.ops.process;

import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Which request meets which fault: drawn from a seed, for a request the same however the others run, as
 * far as it is the n-th for its object. Safe for use by many threads.
 */
final class Weather {
    static final Weather CALM = new Weather(0, 0);

    private static final String PROBE = "_aria_s3_batch/probe/";

    /** A start that fails in its probe tells little and takes long. */
    private static final int PROBE_LUCK = 10;

    /** Those that only a write can meet are the rarest, and tell most: three times as likely for it. */
    private static final List<Fault> FAULTS =
            Arrays.stream(Fault.values())
                    .filter(fault -> fault != Fault.NONE)
                    .flatMap(
                            fault ->
                                    Collections.nCopies(fault.isOfWrites() ? 3 : 1, fault).stream())
                    .toList();

    private final long seed;
    private final double rate;
    private final Map<StoreRequest, Integer> seen = new ConcurrentHashMap<>();

    /**
     * @param rate share of the requests that meet a fault
     */
    Weather(long seed, double rate) {
        this.seed = seed;
        this.rate = rate;
    }

    /**
     * A drawn fault.
     *
     * @param random for its particulars: how long, how far
     */
    record Drawn(Fault fault, Random random) {}

    Drawn draw(StoreRequest request) {
        // what is random itself: the ids of batches, the names of probes
        var named =
                new StoreRequest(
                        request.verb(),
                        request.key()
                                .replaceFirst("(_aria_s3_batch/fence/)[^/]*", "$1")
                                .replaceFirst(PROBE + ".*", PROBE));
        int count = seen.merge(named, 1, Integer::sum);
        var random = new Random(seed * 31 * 31 + named.toString().hashCode() * 31L + count);
        random.nextLong(); // seeds that lie close together begin alike
        double share = named.key().equals(PROBE) ? rate / PROBE_LUCK : rate;
        if (random.nextDouble() >= share) {
            return new Drawn(Fault.NONE, random);
        }
        List<Fault> fitting = FAULTS.stream().filter(fault -> fault.fits(request)).toList();
        return new Drawn(fitting.get(random.nextInt(fitting.size())), random);
    }
}
