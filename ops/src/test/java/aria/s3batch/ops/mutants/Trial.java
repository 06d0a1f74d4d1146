package aria.s3batch.ops.mutants;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * How tests of our modules ended on a product some sources of which were changed.
 *
 * @param passed ids of tests
 * @param failed those that met an assertion or an exception that they did not expect
 * @param broken what could not be loaded or linked: no verdict
 * @param timedOut the tests did not end in their time: no verdict
 * @param output of the tests
 */
record Trial(
        List<String> passed,
        List<Failure> failed,
        List<Failure> broken,
        boolean timedOut,
        double seconds,
        String output) {

    /**
     * @param id JUnit's
     * @param test class and method
     * @param cause in one line
     */
    record Failure(String id, String test, String cause) {}

    static Trial timedOut(double seconds, String output) {
        return new Trial(List.of(), List.of(), List.of(), true, seconds, output);
    }

    /**
     * @param results what {@link MutantRun} wrote down
     */
    static Trial of(Path results, double seconds, String output) throws IOException {
        List<String> passed = new ArrayList<>();
        List<Failure> failed = new ArrayList<>();
        List<Failure> broken = new ArrayList<>();
        for (String line : Files.readAllLines(results)) {
            String[] words = line.split("\t", 4);
            switch (words[0]) {
                case "passed" -> passed.add(words[1]);
                case "failed" -> failed.add(new Failure(words[1], words[2], words[3]));
                default -> broken.add(new Failure(words[1], words[2], words[3]));
            }
        }
        return new Trial(passed, failed, broken, false, seconds, output);
    }
}
