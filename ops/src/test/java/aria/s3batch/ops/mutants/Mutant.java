package aria.s3batch.ops.mutants;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * One way to break the product. A file of mutants is text, read line by line; indentation counts nowhere:
 *
 * <pre>
 * # what is broken, as a sentence
 * breaks: the invariant of DESIGN, or of a class, by its number, and in words
 * tests: diskcache TableCacheTest#failedSyncIsFinal, recovery CommitterTest    (each must notice)
 * @@ diskcache PageSlots                  (module and class, below the module's package)
 *  a line that stays
 * -a line that goes
 * +a line that comes in its place
 * </pre>
 *
 * What stays and what goes must be in the source once, in this order, with nothing between. There may be
 * several places, each under its own {@code @@}. Lines of text before the first {@code #} explain.
 *
 * @param tests one or more
 * @param places one or more
 */
record Mutant(String name, String breaks, List<Selection> tests, List<Place> places) {
    private static final String ROOT_PACKAGE = "aria.s3batch.";
    private static final Pattern EXTENDS =
            Pattern.compile("^(?:final )?class \\w+ extends (\\w+)", Pattern.MULTILINE);

    /** Tests of one class: {@code method}, of that one invocation ({@code method[0]}), or, empty, all. */
    record Selection(String module, String className, String method) {
        private static Selection parse(String text) {
            String[] words = text.strip().split("[ #]", -1);
            return new Selection(
                    words[0],
                    ROOT_PACKAGE + words[0] + "." + words[1],
                    words.length > 2 ? words[2] : "");
        }

        /**
         * The sources that the test may be in: its class, and those of the same folder that it extends.
         *
         * @param root holds the modules
         */
        String source(Path root) throws IOException {
            Path folder = root.resolve(module).resolve("src/test/java");
            Path file = folder.resolve(className.replace('.', '/') + ".java");
            String text = Files.readString(file);
            Matcher parent = EXTENDS.matcher(text);
            return parent.find()
                    ? text + Files.readString(file.resolveSibling(parent.group(1) + ".java"))
                    : text;
        }

        /** Whether a test of this name, {@code class#method}, is meant. */
        boolean names(String test) {
            String simple = className.substring(className.lastIndexOf('.') + 1);
            return test.startsWith(simple + "#" + method.replaceFirst("\\[.*", ""));
        }

        /** As {@link MutantRun} takes it. */
        @Override
        public String toString() {
            return method.isEmpty() ? className : className + "#" + method;
        }
    }

    /** Where a source is changed. */
    record Place(String module, String className, List<String> before, List<String> after) {
        Path source(Path root) {
            return root.resolve(module)
                    .resolve("src/main/java")
                    .resolve((ROOT_PACKAGE + module + "." + className).replace('.', '/') + ".java");
        }

        /**
         * The source with the change in it.
         *
         * @throws StaleMutantException the lines are not there, or more than once
         */
        List<String> changed(List<String> lines) throws StaleMutantException {
            List<Integer> found = new ArrayList<>();
            for (int at = 0; at + before.size() <= lines.size(); at++) {
                if (lines.subList(at, at + before.size()).stream()
                        .map(String::strip)
                        .toList()
                        .equals(before)) {
                    found.add(at);
                }
            }
            if (found.size() != 1) {
                throw new StaleMutantException(
                        "%s.java in %s has these lines %d times, not once: the source has moved on, correct the mutant%n%s"
                                .formatted(
                                        className,
                                        module,
                                        found.size(),
                                        String.join("\n", before)));
            }
            List<String> changed = new ArrayList<>(lines.subList(0, found.getFirst()));
            changed.addAll(after);
            changed.addAll(lines.subList(found.getFirst() + before.size(), lines.size()));
            return changed;
        }
    }

    /** The source is not any more what the mutant was written for. */
    static final class StaleMutantException extends Exception {
        private static final long serialVersionUID = 1L;

        StaleMutantException(String message) {
            super(message);
        }
    }

    /**
     * The text of every source that the mutant changes.
     *
     * @param root holds the modules
     */
    Map<Path, String> sources(Path root) throws IOException, StaleMutantException {
        Map<Path, List<String>> changed = new LinkedHashMap<>();
        for (Place place : places) {
            Path source = place.source(root);
            List<String> lines = changed.get(source);
            changed.put(source, place.changed(lines == null ? Files.readAllLines(source) : lines));
        }
        Map<Path, String> texts = new LinkedHashMap<>();
        changed.forEach((source, lines) -> texts.put(source, String.join("\n", lines) + "\n"));
        return texts;
    }

    /** All mutants of a folder, file by file. */
    static List<Mutant> readAll(Path folder) throws IOException {
        List<Path> files;
        try (Stream<Path> listed = Files.list(folder)) {
            files = listed.filter(file -> file.toString().endsWith(".mutants")).sorted().toList();
        }
        List<Mutant> mutants = new ArrayList<>();
        for (Path file : files) {
            List<String> lines = Files.readAllLines(file);
            List<Integer> starts = new ArrayList<>();
            for (int i = 0; i < lines.size(); i++) {
                if (lines.get(i).startsWith("# ")) {
                    starts.add(i);
                }
            }
            starts.add(lines.size());
            for (int i = 0; i + 1 < starts.size(); i++) {
                mutants.add(parse(file, lines.subList(starts.get(i), starts.get(i + 1))));
            }
        }
        return mutants;
    }

    private static Mutant parse(Path file, List<String> lines) {
        String name = lines.getFirst().substring(2).strip();
        String breaks = "";
        List<Selection> tests = new ArrayList<>();
        List<Place> places = new ArrayList<>();
        for (String line : lines.subList(1, lines.size())) {
            if (line.startsWith("breaks:")) {
                breaks = line.substring("breaks:".length()).strip();
            } else if (line.startsWith("tests:")) {
                for (String test : line.substring("tests:".length()).split(",", -1)) {
                    tests.add(Selection.parse(test));
                }
            } else if (line.startsWith("@@ ")) {
                String[] words = line.substring(3).strip().split(" ", -1);
                places.add(new Place(words[0], words[1], new ArrayList<>(), new ArrayList<>()));
            } else if (!line.isBlank()) {
                char kind = line.charAt(0);
                if (places.isEmpty() || " -+".indexOf(kind) < 0) {
                    throw new IllegalArgumentException(
                            "%s, mutant '%s': what is '%s'?".formatted(file, name, line));
                }
                String text = line.substring(1).strip();
                if (kind != '+') {
                    places.getLast().before().add(text);
                }
                if (kind != '-') {
                    places.getLast().after().add(text);
                }
            }
        }
        if (breaks.isEmpty() || tests.isEmpty() || places.isEmpty()) {
            throw new IllegalArgumentException(
                    "%s, mutant '%s': needs breaks:, tests: and @@".formatted(file, name));
        }
        return new Mutant(name, breaks, List.copyOf(tests), List.copyOf(places));
    }

    @Override
    public String toString() {
        return name;
    }
}
