package aria.s3batch.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import aria.s3batch.format.OptionFile.Option;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.regex.Pattern;

/** What my_print_defaults of MariaDB 10.11 prints for the same lines, unless a test says otherwise. */
class OptionFileTest {
    @TempDir private Path dir;

    private Path write(String name, String text) throws IOException {
        return Files.write(dir.resolve(name), text.getBytes(StandardCharsets.UTF_8));
    }

    private List<Option> read(String text) throws IOException {
        return OptionFile.read(write("my.cnf", text), Set.of("g1"));
    }

    private List<String> shown(String text) throws IOException {
        return read(text).stream()
                .map(o -> o.value() == null ? o.name() : o.name() + "=" + o.value())
                .toList();
    }

    @ParameterizedTest
    @CsvSource(
            quoteCharacter = '^',
            delimiter = '~',
            value = {
                "plain=v1~plain=v1",
                "  spaces  =   v 2   ~spaces=v 2",
                "name_only~name-only",
                "under_score-name=a_b-c~under-score-name=a_b-c",
                "dq=\"a b\"~dq=a b",
                "sq='a b'~sq=a b",
                "a=\"a # b\" # trailing~a=a # b",
                "a=val # trailing~a=val",
                "a=val#nospace~a=val",
                "a=val ; semi~a=val ; semi",
                "a=;x~a=;x",
                "a='it''s' # x~a=it''s",
                "a=\"x\" y # z~a=\"x\" y",
                "empty=~empty=",
                "empty=\"\"~empty=",
                "only # comment~only",
                "na#me=x~na",
                "na me=x~na me=x",
                "a=a'b # c'd~a=a'b # c'd",
                "a=it's # c~a=it's # c",
                "a=a\"b~a=a\"b",
                "a=\"~a=\"",
                "a='a\"~a='a\"",
                "a=b=c~a=b=c",
                "a=c:\\path\\to~a=c:\\path\to",
                "a=b\\~a=b\\",
                "a=\\#x # y~a=\\",
                "a=\"a\\\"b\" # c~a=a\"b",
                "a=\\\"x # y~a=\"x # y",
                "a=\"a\\\\\" # c~a=a\\",
                "a='a\\'b' # d~a=a'b",
                "a=\"a\" \"b\" # z~a=a\" \"b",
                "a= \"x\"#y~a=x",
                "--dash=1~--dash=1",
                "\ta\t=\tb\t~a=b",
                "cr=v\r~cr=v",
            })
    void lineIsReadAsTheServerReadsIt(String line, String option) throws IOException {
        assertThat(shown("[g1]\n" + line + "\n")).containsExactly(option);
    }

    @Test
    void escapesStandForCharactersWithAndWithoutQuotes() throws IOException {
        String read = "a=a\nb\tc d\\e\"f'g\\xh\bi\rj";
        String escaped = "a\\nb\\tc\\sd\\\\e\\\"f\\'g\\xh\\bi\\rj";
        assertThat(shown("[g1]\na=" + escaped)).containsExactly(read);
        assertThat(shown("[g1]\na=\"" + escaped + "\" # c")).containsExactly(read);
    }

    @Test
    void commentsAndBlankLinesAreNoOptions() throws IOException {
        assertThat(shown("# a\n ; b\n\n[g1]\n#=x\n  # c\n;d\n \t\n")).isEmpty();
    }

    @Test
    void groupsAreFoundInAnyCaseAndWithTextBehind() throws IOException {
        String text =
                """
                [other]
                a=1
                [G1]
                b=2
                [g1 ]
                c=3
                [g1]]x
                d=4
                [g1] # e
                e=5
                [ g1]
                f=6
                []
                g=7
                """;
        assertThat(shown(text)).containsExactly("b=2", "c=3", "d=4", "e=5");
    }

    @Test
    void optionKnowsItsPlaceAndNeverShowsItsValue() throws IOException {
        List<Option> options = read("[g1]\n\nloose-S3_secret_key = geheim\n");
        assertThat(options)
                .singleElement()
                .satisfies(
                        o -> {
                            assertThat(o.group()).isEqualTo("g1");
                            assertThat(o.name()).isEqualTo("S3-secret-key");
                            assertThat(o.loose()).isTrue();
                            assertThat(o.place()).isEqualTo(dir.resolve("my.cnf") + ":3");
                            assertThat(o.toString()).doesNotContain("geheim");
                        });
    }

    @Test
    void includedFilesAreReadInPlaceAndTheGroupGoesOn() throws IOException {
        Path inc = write("inc", "[g1]\ninc=1\n[other]\nx=1\n");
        assertThat(
                        shown(
                                "[g1]\na=1\n  !include "
                                        + inc
                                        + "\nb=2\n!includefoo\n!foo\n!include /none\nc=3"))
                .containsExactly("a=1", "inc=1", "b=2", "c=3");
    }

    @Test
    void includedFolderIsReadInOrderOfItsNames() throws IOException {
        Path folder = dir.resolve("conf.d");
        Files.createDirectories(folder.resolve("x.cnf"));
        for (String name : List.of("b.cnf", "a.cnf", "Z.cnf", ".h.cnf", "c.txt", "d.ini")) {
            Files.writeString(folder.resolve(name), "[g1]\nd=" + name + "\n");
        }
        assertThat(shown("[g1]\n!includedir " + folder + "\nafter=1\n"))
                .containsExactly("d=.h.cnf", "d=Z.cnf", "d=a.cnf", "d=b.cnf", "after=1");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '~',
            value = {
                "a=1~:1: an option before the first [group]",
                "[g1]\\na=1\\n[g2~:3: a group without ]",
                "[g1]\\n!include~:2: !include without a path",
                "[g1]\\n!includedir~:2: !includedir without a path",
                "[g1]\\n!includedir /none~:2: cannot read the folder /none",
                // an option that the server would not know
                "[g1]\\n=x~:2: a value without a name",
                "[g2]\\n\\n=x~:3: a value without a name",
                // read or not by the server, depending on its working directory
                "[g1]\\n!include a.cnf~:2: !include of a relative path",
                "[g1]\\n!includedir conf.d~:2: !includedir of a relative path",
            })
    void errorNamesFileAndLine(String text, String message) {
        assertThatThrownBy(() -> read(text.replace("\\n", "\n")))
                .isInstanceOf(IOException.class)
                .hasMessageStartingWith(dir.resolve("my.cnf") + message);
    }

    /** The server reads it eleven times, and warns. */
    @Test
    void fileThatIncludesItselfIsAnError() {
        assertThatThrownBy(() -> read("[g1]\n!include " + dir.resolve("my.cnf") + "\n"))
                .hasMessageContaining(":2: more than 10 files that include one another");
    }

    /** The server ignores it, and warns. */
    @Test
    void fileThatEverybodyMayWriteIsAnError() throws IOException {
        Path file = write("my.cnf", "[g1]\na=1\n");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-rw-rw-"));
        assertThatThrownBy(() -> OptionFile.read(file, Set.of("g1")))
                .hasMessageContaining("chmod o-w");
    }

    @Test
    void otherEncodingsMatterInValuesOnly() throws IOException {
        Path file = dir.resolve("my.cnf");
        Files.write(
                file, "# gr\u00fcn\n[g1]\na=1 # gr\u00fcn\n".getBytes(StandardCharsets.ISO_8859_1));
        assertThat(OptionFile.read(file, Set.of("g1"))).hasSize(1);
        Files.write(file, "[g1]\na=gr\u00fcn\n".getBytes(StandardCharsets.ISO_8859_1));
        assertThatThrownBy(() -> OptionFile.read(file, Set.of("g1")))
                .hasMessageEndingWith(":2: the value of a is not UTF-8");
    }

    /** Bytes of a file changed, left out and put in: an option has a name and one line, an error its file and line. */
    @Test
    void damagedFileIsReadOrRefusedWithItsPlace() throws IOException {
        byte[] good =
                """
                # comment
                [mariadb]
                s3=ON
                [g1]
                a='x # y' # z
                b_c = "d\\n\\\\"
                plain
                ümlaut=grün ; z
                """
                        .getBytes(StandardCharsets.UTF_8);
        var random = new Random(7);
        Path file = dir.resolve("my.cnf");
        int refused = 0;
        for (int i = 0; i < 5000; i++) {
            var damaged = new ByteArrayOutputStream();
            for (byte b : good) {
                switch (random.nextInt(60)) {
                    case 0 -> damaged.write(random.nextInt(256));
                    case 1 -> damaged.writeBytes(new byte[] {b, (byte) random.nextInt(256)});
                    case 2 -> {} // left out
                    default -> damaged.write(b);
                }
            }
            Files.write(file, damaged.toByteArray());
            try {
                for (Option option : OptionFile.read(file, Set.of("g1"))) {
                    assertThat(option.name()).isNotEmpty().doesNotContain("\n");
                }
            } catch (IOException e) {
                refused++;
                assertThat(e).hasMessageMatching("(?s)" + Pattern.quote(file + ":") + "\\d+: .+");
            }
        }
        assertThat(refused).isBetween(500, 4900);
    }

    @Test
    void missingFileIsAnError() {
        assertThatThrownBy(() -> OptionFile.read(dir.resolve("none"), Set.of("g1")))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("none");
    }
}
