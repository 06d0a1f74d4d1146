package aria.s3batch.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.format.Numbers;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;

import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Example;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;
import net.jqwik.api.state.Action;
import net.jqwik.api.state.ActionChain;
import net.jqwik.api.state.ActionChainArbitrary;
import net.jqwik.api.state.Transformer;

import org.slf4j.LoggerFactory;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.random.RandomGenerator;

/**
 * Random sequences of what clients, operators, other writers and bad luck do to a daemon; see {@link
 * Simulation} and {@link SimulatedClients}. {@code -Dsim.seed=N} repeats one sequence, {@code -Dsim.minutes=60}
 * goes on with fresh ones for so long.
 */
class SimulationTest {
    private static final int SEQUENCES_LONG = 2000;
    private static final int SEQUENCES = Numbers.areLong() ? SEQUENCES_LONG : 100;
    private static final int ACTIONS_MAX = 200;

    private static final Logger LOG = (Logger) LoggerFactory.getLogger("aria.s3batch");

    /** A daemon among so many faults would write gigabytes of it. */
    @BeforeContainer
    static void beQuiet() {
        LOG.setLevel(Level.OFF);
    }

    @AfterContainer
    static void speakAgain() {
        LOG.setLevel(null);
    }

    private interface Act {
        void in(SimulatedClients clients, RandomGenerator random);
    }

    private static Action.Independent<SimulatedClients> action(String name, Act act) {
        Arbitrary<Transformer<SimulatedClients>> transformers =
                Arbitraries.randomValue(Random::nextLong)
                        .map(
                                number ->
                                        Transformer.mutate(
                                                name,
                                                clients -> act.in(clients, new Random(number))));
        return () -> transformers;
    }

    private static ActionChainArbitrary<SimulatedClients> chains(long seed, int actions) {
        return ActionChain.startWith(() -> clients(seed))
                .withAction(12, action("begin", SimulatedClients::begin))
                .withAction(10, action("put pages", SimulatedClients::putPages))
                .withAction(6, action("put bytes", SimulatedClients::putBytes))
                .withAction(4, action("resize", SimulatedClients::resize))
                .withAction(4, action("get", SimulatedClients::get))
                .withAction(14, action("commit", SimulatedClients::commit))
                .withAction(1, action("abort", SimulatedClients::abort))
                .withAction(18, action("work", SimulatedClients::work))
                .withAction(4, action("pass", SimulatedClients::pass))
                .withAction(4, action("settle", SimulatedClients::settle))
                .withAction(3, action("undo", SimulatedClients::undo))
                .withAction(1, action("kill", SimulatedClients::kill))
                .withAction(1, action("foreign write", SimulatedClients::foreignWrite))
                .withAction(3, action("resolve", SimulatedClients::resolve))
                .withMaxTransformations(actions);
    }

    private static SimulatedClients clients(long seed) {
        try {
            return new SimulatedClients(seed);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** What a run did. */
    private static final class Tally {
        final Map<Faults.Kind, Integer> struck = new EnumMap<>(Faults.Kind.class);
        int sequences;
        int commits;
        int applied;
        int replays;
        int quarantines;
        int refusals;
        int undone;

        void add(SimulatedClients clients) {
            sequences++;
            commits += clients.commits;
            applied += clients.applied;
            replays += clients.replays;
            quarantines += clients.quarantines;
            refusals += clients.refusals;
            undone += clients.undone;
            clients.world()
                    .faults
                    .struck()
                    .forEach((kind, times) -> struck.merge(kind, times, Integer::sum));
        }

        @Override
        public String toString() {
            return "%d sequences: %d commits, %d refused, %d applied, %d replayed, %d quarantined, %d undone; faults %s"
                    .formatted(
                            sequences,
                            commits,
                            refusals,
                            applied,
                            replays,
                            quarantines,
                            undone,
                            struck);
        }
    }

    private static SimulatedClients run(long seed) throws IOException {
        Random random = new Random(seed);
        int actions = 20 + random.nextInt(ACTIONS_MAX - 20);
        ActionChain<SimulatedClients> chain =
                chains(seed, actions).generator(1000).next(random).value();
        SimulatedClients[] started = new SimulatedClients[1];
        try {
            SimulatedClients clients = chain.peek(state -> started[0] = state).run();
            clients.finish();
            return clients;
        } catch (RuntimeException | Error e) {
            String log = "";
            String command = "-Dsim.seed=" + seed;
            if (started[0] != null) {
                List<String> lines = started[0].world().log;
                int from = Long.getLong("sim.seed") != null ? 0 : Math.max(0, lines.size() - 150);
                log = String.join("\n", lines.subList(from, lines.size()));
                command = started[0].command();
            }
            throw new AssertionError(
                    "%s\nRepeat it with: %s\nThe last steps:\n%s"
                            .formatted(e.getMessage(), command, log),
                    e);
        }
    }

    @Example
    void everySequenceKeepsThePromises() throws IOException {
        Long one = Long.getLong("sim.seed");
        if (one != null) {
            run(one).world().log.forEach(System.out::println);
            return;
        }
        long minutes = Long.getLong("sim.minutes", 0);
        long first = new Random().nextLong(1L << 40);
        long end = System.nanoTime() + Duration.ofMinutes(minutes).toNanos();
        var tally = new Tally();
        for (long seed = first;
                seed < first + SEQUENCES || minutes > 0 && System.nanoTime() - end < 0;
                seed++) {
            try {
                tally.add(run(seed));
            } catch (AssertionError e) {
                throw new AssertionError(
                        "after %d sequences: %s".formatted(tally.sequences, e.getMessage()), e);
            }
        }
        System.out.println(tally);
        if (SEQUENCES == SEQUENCES_LONG) {
            assertThat(tally.struck).containsOnlyKeys(Faults.Kind.values());
        } else { // some kinds are rare
            assertThat(tally.struck).hasSizeGreaterThan(Faults.Kind.values().length * 3 / 4);
        }
        assertThat(tally.commits).isGreaterThan(tally.sequences);
        assertThat(tally.applied).isGreaterThan(tally.sequences / 2);
        assertThat(tally.replays).isPositive();
        assertThat(tally.quarantines).isPositive();
        assertThat(tally.undone).isPositive();
    }

    @Example
    void theSameSeedGivesTheSameRun() throws IOException {
        long seed = new Random().nextLong(1L << 40);
        assertThat(run(seed).world().log).as("-Dsim.seed=" + seed).isEqualTo(run(seed).world().log);
    }
}
