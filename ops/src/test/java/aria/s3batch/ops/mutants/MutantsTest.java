package aria.s3batch.ops.mutants;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import aria.s3batch.format.Numbers;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;

/**
 * Every {@link Mutant} is noticed by the tests that it names. The short run looks only whether the mutants
 * still fit the source, and whether their tests are still there; {@code -Dtests.numbers=long} compiles each,
 * runs its tests on it in another process, two at a time, and demands that all of them fail, which pass
 * on the product as it is. {@code -Dmutants=TEXT} takes those whose name has the text. What
 * happened is in {@code target/mutants.md}; {@code ops/bin/mutants} runs this class alone, and shows it.
 */
final class MutantsTest {
    private static final boolean LONG = Numbers.areLong();
    private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();
    private static final int AT_A_TIME = 2;

    /** For one mutant, of which the slowest takes a tenth; and for all tests on the product as it is. */
    private static final Duration LIMIT = Duration.ofMinutes(2);

    private static final Duration CONTROL_LIMIT = Duration.ofMinutes(5);

    private static final Map<Integer, String> ROWS = new TreeMap<>();
    private static final ExecutorService THREADS = Executors.newFixedThreadPool(AT_A_TIME);
    private static final BlockingQueue<TrialLane> LANES = new ArrayBlockingQueue<>(AT_A_TIME);

    @TempDir static Path work;

    private static List<Mutant> mutants() throws IOException {
        String wanted = System.getProperty("mutants", "");
        return Mutant.readAll(Path.of("src/test/mutants")).stream()
                .filter(mutant -> mutant.name().contains(wanted))
                .toList();
    }

    @TestFactory
    Stream<DynamicTest> everyMutantFitsTheSourceAndItsTestsAreThere() throws IOException {
        List<Mutant> mutants = mutants();
        assertThat(mutants).extracting(Mutant::name).doesNotHaveDuplicates().isNotEmpty();
        return mutants.stream().map(mutant -> dynamicTest(mutant.name(), () -> assertFits(mutant)));
    }

    private static void assertFits(Mutant mutant) throws Exception {
        assertThat(mutant.sources(ROOT)).isNotEmpty();
        for (Mutant.Selection test : mutant.tests()) {
            String name = test.method().replaceFirst("\\[.*", "");
            String method = name.isEmpty() ? "@Test" : " " + name + "(";
            assertThat(test.source(ROOT)).as("%s", test).contains(method);
        }
    }

    @TestFactory
    Stream<DynamicTest> everyMutantIsKilled() throws IOException {
        if (!LONG) {
            return Stream.empty();
        }
        for (int i = 0; i < AT_A_TIME; i++) {
            LANES.add(new TrialLane(ROOT, Files.createDirectory(work.resolve("l" + i))));
        }
        List<Mutant> mutants = mutants();
        List<Mutant.Selection> tests =
                mutants.stream().flatMap(mutant -> mutant.tests().stream()).distinct().toList();
        Future<Trial> control = THREADS.submit(() -> trial(Map.of(), tests, CONTROL_LIMIT));
        List<DynamicTest> dynamic = new ArrayList<>();
        dynamic.add(dynamicTest("the product as it is", () -> assertPassed(control.get())));
        for (int i = 0; i < mutants.size(); i++) {
            Mutant mutant = mutants.get(i);
            int number = i + 1;
            Future<Trial> trial =
                    THREADS.submit(() -> trial(mutant.sources(ROOT), mutant.tests(), LIMIT));
            dynamic.add(
                    dynamicTest(
                            mutant.name(),
                            () -> assertKilled(number, mutant, trial.get(), control.get())));
        }
        return dynamic.stream();
    }

    private static Trial trial(
            Map<Path, String> sources, List<Mutant.Selection> tests, Duration limit)
            throws IOException {
        TrialLane lane = LANES.remove(); // there are as many as threads
        try {
            return lane.run(sources, tests, limit);
        } finally {
            LANES.add(lane);
        }
    }

    private static void assertPassed(Trial control) {
        assertThat(control.timedOut()).as("tests timed out:%n%s", control.output()).isFalse();
        assertThat(control.broken()).isEmpty();
        assertThat(control.failed()).isEmpty();
        assertThat(control.passed()).isNotEmpty();
    }

    private static void assertKilled(int number, Mutant mutant, Trial trial, Trial control) {
        Set<String> sound = new HashSet<>(control.passed());
        List<String> killers =
                trial.failed().stream()
                        .filter(failure -> sound.contains(failure.id()))
                        .map(Trial.Failure::test)
                        .distinct()
                        .toList();
        List<Mutant.Selection> unaware =
                mutant.tests().stream()
                        .filter(test -> killers.stream().noneMatch(test::names))
                        .toList();
        String end =
                trial.timedOut()
                        ? "TIMED OUT"
                        : killers.isEmpty() ? "SURVIVED" : String.join(", ", killers);
        ROWS.put(
                number,
                "| %s | %s | %s | %.0f |"
                        .formatted(mutant.name(), mutant.breaks(), end, trial.seconds()));
        assertThat(trial.timedOut()).as("tests timed out:%n%s", trial.output()).isFalse();
        assertThat(trial.broken()).as("no verdict").isEmpty();
        assertThat(unaware)
                .as(
                        "tests that pass although %s (write one that does not; failed: %s)",
                        mutant.name(), trial.failed())
                .isEmpty();
    }

    @AfterAll
    static void report() throws IOException {
        THREADS.shutdownNow();
        for (TrialLane lane : LANES) {
            lane.close();
        }
        if (!LONG) {
            return;
        }
        List<String> lines = new ArrayList<>();
        lines.add("| mutant | breaks | killed by | s |");
        lines.add("| --- | --- | --- | ---: |");
        lines.addAll(ROWS.values());
        Files.write(Path.of("target/mutants.md"), lines);
    }
}
