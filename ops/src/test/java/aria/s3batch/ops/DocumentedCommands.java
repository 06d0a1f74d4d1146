package aria.s3batch.ops;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** The commands that README.md and docs/ tell people to type. */
public final class DocumentedCommands {
    private static final Pattern SPAN = Pattern.compile("`([^`]+)`");
    private static final Pattern WORD = Pattern.compile("\"([^\"]*)\"|'([^']*)'|(\\S+)");
    private static final Pattern PROGRAM =
            Pattern.compile("(?:\\w+=\\$\\()?(?:\\S*/)?(aria_s3_batchd?)\\b(?!/)(.*)");

    /** Where the words of a command end for a shell. */
    private static final Pattern SHELL = Pattern.compile("[<>|&#].*|\\|\\||&&");

    private static final String ANY_BATCH = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

    /**
     * @param place file and line
     * @param words without the program's name, and without what is the shell's
     */
    public record Command(String place, String program, List<String> words) {}

    private DocumentedCommands() {}

    /** README.md and every page below docs/. */
    public static List<Path> pages() throws IOException {
        Path root = Path.of("..").toAbsolutePath().normalize();
        try (Stream<Path> docs = Files.list(root.resolve("docs"))) {
            return Stream.concat(Stream.of(root.resolve("README.md")), docs)
                    .filter(page -> page.toString().endsWith(".md"))
                    .sorted()
                    .toList();
        }
    }

    /** The indented lines of a page of docs/, as a shell reads them. */
    public static List<String> blocks(String page) throws IOException {
        return indented(Files.readAllLines(Path.of("..", "docs", page)));
    }

    /** Those under one heading. */
    public static List<String> blocks(String page, String heading) throws IOException {
        List<String> lines = Files.readAllLines(Path.of("..", "docs", page));
        List<String> section =
                lines.subList(lines.indexOf(heading) + 1, lines.size()).stream()
                        .takeWhile(line -> !line.startsWith("## "))
                        .toList();
        return indented(section);
    }

    private static List<String> indented(List<String> lines) {
        return lines.stream().filter(line -> line.startsWith("    ")).map(String::strip).toList();
    }

    /** Every call of our programs, in blocks and in running text. */
    public static List<Command> calls() throws IOException {
        var calls = new ArrayList<Command>();
        for (Path page : pages()) {
            List<String> lines = Files.readAllLines(page);
            for (int i = 0; i < lines.size(); i++) {
                String place = page.getFileName() + ":" + (i + 1);
                String line = lines.get(i);
                Stream<String> texts =
                        line.startsWith("    ")
                                ? Stream.of(line.strip())
                                : SPAN.matcher(line).results().map(span -> span.group(1));
                texts.forEach(text -> call(place, text, calls));
            }
        }
        return calls;
    }

    private static void call(String place, String text, List<Command> calls) {
        var program = PROGRAM.matcher(text);
        if (!program.matches()) {
            return;
        }
        var words = new ArrayList<String>();
        for (MatchResult word : WORD.matcher(program.group(2)).results().toList()) {
            boolean bare = word.group(3) != null;
            if (bare && SHELL.matcher(word.group(3)).matches()) {
                break;
            }
            String plain =
                    Stream.of(1, 2, 3).map(word::group).filter(g -> g != null).toList().getFirst();
            words.add(bare && plain.endsWith(")") ? plain.substring(0, plain.length() - 1) : plain);
        }
        words.replaceAll(word -> word.equals("$B") || word.equals("BATCH") ? ANY_BATCH : word);
        words.replaceAll(word -> word.equals("TABLE") ? "db.table" : word);
        calls.add(new Command(place, program.group(1), words));
    }
}
