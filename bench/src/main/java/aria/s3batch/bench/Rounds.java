package aria.s3batch.bench;

import java.util.ArrayList;
import java.util.List;

/** Lets contenders measure by turns, so that what else the machine does hits all of them. */
final class Rounds {
    private Rounds() {}

    interface Contender {
        /**
         * @param round from 0
         */
        Sample measure(int round) throws Exception;
    }

    /** After one round that does not count, of all contenders. */
    static List<List<Sample>> afterWarmUp(int rounds, Contender... contenders) throws Exception {
        return afterWarmUps(1, rounds, contenders);
    }

    /**
     * @param warmUps rounds that do not count
     */
    static List<List<Sample>> afterWarmUps(int warmUps, int rounds, Contender... contenders)
            throws Exception {
        from(0, warmUps, contenders);
        return from(warmUps, rounds, contenders);
    }

    /** The samples of each contender. */
    static List<List<Sample>> alternate(int rounds, Contender... contenders) throws Exception {
        return from(0, rounds, contenders);
    }

    private static List<List<Sample>> from(int first, int rounds, Contender... contenders)
            throws Exception {
        List<List<Sample>> samples = new ArrayList<>();
        for (int i = 0; i < contenders.length; i++) {
            samples.add(new ArrayList<>());
        }
        for (int round = first; round < first + rounds; round++) {
            for (int i = 0; i < contenders.length; i++) {
                samples.get(i).add(contenders[i].measure(round));
            }
        }
        return samples;
    }
}
