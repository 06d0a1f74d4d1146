package aria.s3batch.ops;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

class ManualTest {
    private static final Pattern OPTION = Pattern.compile("(?<![\\w-])--[a-z][a-z0-9-]+");

    @TempDir Path share;

    @ParameterizedTest
    @ValueSource(strings = {"", "begin", "commit", "status", "check", "inspect", "inspect block"})
    void everyOptionOfHelpIsInTheManualPage(String command) throws IOException {
        Manual.main(new String[] {share.toString()});
        String name = ("aria_s3_batch " + command).strip().replace(' ', '-');
        String page =
                Files.readString(share.resolve("man/man1/" + name + ".1")).replace("\\-", "-");
        String help = CommandLineRun.of((command + " --help").strip().split(" ", -1)).out();

        assertThat(page)
                .startsWith(".TH \"" + name.toUpperCase(Locale.ROOT))
                .contains(".SH \"NAME\"\n" + name + " - ", ".SH \"EXIT STATUS\"\n");
        assertThat(options(page)).containsAll(options(help)).isNotEmpty();
    }

    @Test
    void textIsNeverTakenForARequestOfRoff() throws IOException {
        Manual.main(new String[] {share.toString()});
        for (Path page : pages()) {
            assertThat(Files.readAllLines(page))
                    .filteredOn(line -> line.startsWith(".") || line.startsWith("'"))
                    .allMatch(line -> line.matches("\\.(TH|SH|TP|PP|nf|fi|B)( .*)?"));
        }
        assertThat(Files.readString(share.resolve("man/man8/aria_s3_batchd.8")))
                .contains("cache\\-dir=DIR");
    }

    private List<Path> pages() throws IOException {
        try (Stream<Path> pages = Files.list(share.resolve("man/man1"))) {
            return pages.toList();
        }
    }

    private static Set<String> options(String text) {
        return OPTION.matcher(text)
                .results()
                .map(found -> found.group())
                .collect(Collectors.toSet());
    }
}
