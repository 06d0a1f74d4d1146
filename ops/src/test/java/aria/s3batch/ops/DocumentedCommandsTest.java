package aria.s3batch.ops;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** What the pages tell people to type is what the programs take. */
final class DocumentedCommandsTest {
    private static final Pattern LINK = Pattern.compile("]\\(([^)#\\s]*)(?:#([^)\\s]+))?\\)");

    static Stream<DocumentedCommands.Command> calls() throws IOException {
        return DocumentedCommands.calls().stream()
                .filter(call -> call.program().equals("aria_s3_batch") && !call.words().isEmpty());
    }

    @ParameterizedTest
    @MethodSource("calls")
    void everyCallOfTheCommandLineIsOneThatItTakes(DocumentedCommands.Command call) {
        var words = new ArrayList<>(call.words());
        if (!words.contains("--help")) {
            words.add("--help");
        }
        CommandLineRun run = CommandLineRun.of(words.toArray(String[]::new));
        assertThat(run.exitCode()).as("%s: %s", call.place(), run.err()).isZero();
    }

    /** Those that the command line itself lists, less the ones that explain themselves. */
    @Test
    void everyVerbIsInThePages() throws IOException {
        List<String> documented = new ArrayList<>();
        for (Path page : DocumentedCommands.pages()) {
            documented.add(Files.readString(page));
        }
        String pages = String.join("\n", documented);
        String help = CommandLineRun.of("--help").out();
        List<String> verbs =
                Pattern.compile("(?m)^  ([a-z]+)  ")
                        .matcher(help.substring(help.indexOf("Commands:")))
                        .results()
                        .map(verb -> verb.group(1))
                        .toList();
        assertThat(verbs).hasSizeGreaterThan(15);
        assertThat(verbs)
                .allSatisfy(
                        verb ->
                                assertThat(pages)
                                        .containsPattern("\\b" + verb + "\\b[^\n]*`|`" + verb));
    }

    /** Links between the pages, with the headings that they name. */
    @Test
    void everyLinkLeadsSomewhere() throws IOException {
        var broken = new ArrayList<String>();
        int links = 0;
        for (Path page : DocumentedCommands.pages()) {
            for (var link : LINK.matcher(Files.readString(page)).results().toList()) {
                String target = link.group(1);
                if (target.startsWith("http")) {
                    continue;
                }
                links++;
                Path file = target.isEmpty() ? page : page.resolveSibling(target);
                String heading = link.group(2);
                if (!Files.exists(file) || (heading != null && !headings(file).contains(heading))) {
                    broken.add(page.getFileName() + ": " + link.group());
                }
            }
        }
        assertThat(links).isGreaterThan(20);
        assertThat(broken).isEmpty();
    }

    /** As GitHub makes anchors of them. */
    private static List<String> headings(Path page) throws IOException {
        return Files.readAllLines(page).stream()
                .filter(line -> line.startsWith("#"))
                .map(line -> line.replaceFirst("#+ ", "").toLowerCase(Locale.ROOT))
                .map(line -> line.replaceAll("[^\\w\\- ]", "").replace(' ', '-'))
                .toList();
    }
}
