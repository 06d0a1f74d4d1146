package aria.s3batch.ops.packages;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.daemon.DaemonSettings;
import aria.s3batch.ops.DocumentedCommands;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** What is in the package. */
@NeedsPackage
class PackageTest {
    private static final long DEB_BYTES_MAX = 45 << 20;

    @TempDir static Path root;

    @BeforeAll
    static void unpack() throws Exception {
        assertThat(
                        run(
                                "dpkg-deb",
                                "--raw-extract",
                                NeedsPackage.Condition.deb().toString(),
                                root.toString()))
                .isEmpty();
    }

    @Test
    void isSmallAndForOnePlatform() throws Exception {
        assertThat(NeedsPackage.Condition.deb()).exists();
        assertThat(Files.size(NeedsPackage.Condition.deb())).isLessThan(DEB_BYTES_MAX);
        assertThat(files("usr/lib/aria_s3_batch/lib/native"))
                .containsExactly("librocksdbjni-linux64.so");
        assertThat(files("usr/lib/aria_s3_batch/lib"))
                .noneMatch(name -> name.contains("aarch64") || name.endsWith(".aot"));
    }

    @Test
    void everythingBelongsToRootAndOnlyProgramsAreExecutable() throws Exception {
        List<String> lines = run("dpkg-deb", "--contents", NeedsPackage.Condition.deb().toString());

        assertThat(lines).allMatch(line -> line.matches("[-dl][rwx-]{9} (root/root|0/0) .*"));
        assertThat(lines)
                .filteredOn(line -> line.startsWith("-rwx"))
                .allMatch(line -> line.contains("./usr/lib/aria_s3_batch/bin/"))
                .hasSize(5);
    }

    @Test
    void programsRunFromWhereTheyAreUnpacked() throws Exception {
        for (String program : List.of("aria_s3_batch", "aria_s3_batchd")) {
            assertThat(run(root.resolve("usr/bin/" + program).toString(), "--version"))
                    .singleElement()
                    .asString()
                    .startsWith(program + " ");
        }
    }

    @Test
    void everyFileThatTheDocumentsNameIsThere() throws Exception {
        Pattern file = Pattern.compile("/(usr/[\\w./-]*aria[\\w./-]*\\w)");
        var named = new ArrayList<String>();
        for (Path page : DocumentedCommands.pages()) {
            file.matcher(Files.readString(page)).results().forEach(f -> named.add(f.group(1)));
        }
        assertThat(named).hasSizeGreaterThan(3).allMatch(name -> Files.exists(root.resolve(name)));
    }

    @Test
    void everyLibraryIsNamedWithItsLicenceAndNoOther() throws Exception {
        String notices =
                Files.readString(root.resolve("usr/share/doc/aria-s3-batch/THIRD-PARTY.txt"));
        String table =
                notices.substring(notices.indexOf("\n---"), notices.indexOf("\nRocksDB's native"));
        Set<String> named = new TreeSet<>();
        for (String line : table.lines().skip(2).toList()) {
            String names = line.length() > 56 ? line.substring(0, 56) : line;
            named.addAll(List.of(names.strip().split(" +")));
        }
        named.remove("");

        Set<String> installed =
                files("usr/lib/aria_s3_batch/lib").stream()
                        .filter(name -> name.endsWith(".jar"))
                        .map(name -> name.replaceFirst("(-[0-9][^/]*)?\\.jar$", ""))
                        .filter(name -> !OURS.contains(name))
                        .collect(Collectors.toCollection(TreeSet::new));
        assertThat(named).isEqualTo(installed);
    }

    private static final Set<String> OURS =
            Set.of("aria_s3_batch", "daemon", "diskcache", "format", "recovery", "s3block");

    @Test
    void exampleOptionFileSetsNothingAndNamesEveryOptionWithAValueThatIsTaken() throws Exception {
        String example =
                Files.readString(root.resolve("etc/mysql/mariadb.conf.d/60-aria_s3_batch.cnf"));
        assertThat(example.lines().filter(line -> !line.isBlank() && !line.startsWith("#")))
                .containsExactly("[aria_s3_batchd]");
        Path all = root.resolve("all.cnf");
        Files.writeString(
                all,
                example.replaceAll("(?m)^#([a-z0-9-]+ +=)", "$1")
                        .replaceAll("(?m)^(s3-bucket +=).*", "$1 b")
                        .replaceAll("(?m)^(s3-access-key +=).*", "$1 k")
                        .replaceAll("(?m)^(s3-secret-key +=).*", "$1 k"));

        DaemonSettings settings = DaemonSettings.read(List.of("--defaults-file=" + all), root);
        DaemonSettings byDefault =
                DaemonSettings.read(
                        List.of(
                                "--defaults-file=/dev/null",
                                "--s3-bucket=b",
                                "--s3-access-key=k",
                                "--s3-secret-key=k"),
                        root);

        assertThat(settings).as("the values shown are the defaults").isEqualTo(byDefault);
        assertThat(names(example, Pattern.compile("(?m)^#([a-z0-9-]+) +=")))
                .isEqualTo(daemonOptions());
    }

    /** Those that the daemon itself names when it is given another. */
    private static Set<String> daemonOptions() throws Exception {
        String refusal =
                String.join(
                        " ",
                        failing(
                                root.resolve("usr/bin/aria_s3_batchd").toString(),
                                "--defaults-file=/dev/null",
                                "--nonsense=1"));
        String list = refusal.substring(refusal.lastIndexOf(" are ") + " are ".length());
        return new TreeSet<>(List.of(list.strip().split(", ")));
    }

    private static Set<String> names(String text, Pattern pattern) {
        Matcher matcher = pattern.matcher(text);
        return matcher.results()
                .map(found -> found.group(1))
                .collect(Collectors.toCollection(TreeSet::new));
    }

    @Test
    void everyCommandHasAManualPageThatManTakesWithoutAWarning() throws Exception {
        List<String> pages = files("usr/share/man/man1");
        assertThat(pages)
                .contains(
                        "aria_s3_batch.1", "aria_s3_batch-status.1", "aria_s3_batch-inspect-frm.1");
        assertThat(files("usr/share/man/man8")).containsExactly("aria_s3_batchd.8");
        if (!Files.isExecutable(Path.of("/usr/bin/man"))) {
            return; // a small container: what is in them is said by ManualTest
        }
        for (String page : pages) {
            assertThat(
                            run(
                                    "sh",
                                    "-c",
                                    "LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -l '%s' 2>&1 >/dev/null"
                                            .formatted(root.resolve("usr/share/man/man1/" + page))))
                    .as(page)
                    .isEmpty();
        }
    }

    @Test
    void bashCompletesCommandsAndTheirOptions() throws Exception {
        String completion =
                root.resolve("usr/share/bash-completion/completions/aria_s3_batch").toString();

        assertThat(
                        run(
                                "bash",
                                "-c",
                                """
                                . '%s'
                                COMP_WORDS=(aria_s3_batch stat) COMP_CWORD=1
                                _complete_aria_s3_batch 2>/dev/null # says that nobody pressed TAB
                                echo "${COMPREPLY[@]}"
                                COMP_WORDS=(aria_s3_batch commit --no) COMP_CWORD=2
                                _complete_aria_s3_batch 2>/dev/null # says that nobody pressed TAB
                                echo "${COMPREPLY[@]}"
                                """
                                        .formatted(completion)))
                .containsExactly("status", "--no-wait");
    }

    @Test
    void maintainerScriptsAreShell() throws Exception {
        for (String script : List.of("postinst", "prerm", "postrm")) {
            Path file = root.resolve("DEBIAN/" + script);
            assertThat(Files.isExecutable(file)).isTrue();
            assertThat(run("sh", "-n", file.toString())).isEmpty();
        }
    }

    private static List<String> files(String directory) throws IOException {
        try (Stream<Path> files = Files.list(root.resolve(directory))) {
            return files.filter(Files::isRegularFile)
                    .map(file -> String.valueOf(file.getFileName()))
                    .sorted()
                    .toList();
        }
    }

    private static List<String> run(String... command) throws Exception {
        return output(true, command);
    }

    private static List<String> failing(String... command) throws Exception {
        return output(false, command);
    }

    private static List<String> output(boolean succeeds, String... command) throws Exception {
        var builder = new ProcessBuilder(new ArrayList<>(List.of(command)));
        builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
        Process process = builder.redirectErrorStream(true).start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor() == 0)
                .as("%s: %s", String.join(" ", command), said)
                .isEqualTo(succeeds);
        return said.lines().toList();
    }
}
