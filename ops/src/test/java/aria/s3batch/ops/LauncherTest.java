package aria.s3batch.ops;

import static org.assertj.core.api.Assertions.assertThat;

import static java.nio.file.StandardCopyOption.COPY_ATTRIBUTES;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;

/** The launchers in a home of their own, as a package has it: {@code bin} and {@code lib}. */
class LauncherTest {
    @TempDir Path home;
    private Path bin;
    private Path lib;

    @BeforeEach
    void install() throws IOException {
        bin = Files.createDirectory(home.resolve("bin"));
        lib = Files.createDirectory(home.resolve("lib"));
        for (String program : List.of("launch", "find-jdk", "aria_s3_batch", "aria_s3_batchd")) {
            Files.copy(Path.of("bin", program), bin.resolve(program), COPY_ATTRIBUTES);
        }
    }

    private record Run(int exitCode, String out, String err) {}

    private Run run(Path jdk, Map<String, String> environment, String... command) throws Exception {
        var words = new ArrayList<>(List.of(command));
        words.set(0, bin.resolve(command[0]).toString());
        Path err = home.resolve("err");
        var process = new ProcessBuilder(words).redirectError(err.toFile());
        process.environment().keySet().removeIf(name -> name.startsWith("ARIA_S3_BATCH"));
        process.environment().put("JAVA_HOME", jdk.toString());
        process.environment().putAll(environment);
        Process started = process.start();
        String out = new String(started.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return new Run(started.waitFor(), out, Files.readString(err));
    }

    /** One whose programs say what they were given. */
    private Path talkingJdk() throws IOException {
        Path jdk = home.resolve("jdk");
        Files.createDirectories(jdk.resolve("bin"));
        Files.writeString(jdk.resolve("release"), "JAVA_VERSION=\"25.0.1\"\n");
        for (String program : List.of("java", "javac")) {
            Path says =
                    Files.writeString(jdk.resolve("bin/" + program), "#!/bin/sh\necho \"$@\"\n");
            assertThat(says.toFile().setExecutable(true)).isTrue();
        }
        return jdk;
    }

    /** The JVM would run the classes that it noted, not those of the new jar. */
    @Test
    void notesThatAreOlderThanAJarAreNotUsed() throws Exception {
        Path jdk = talkingJdk();
        Path jar = Files.createFile(lib.resolve("a.jar"));
        Path note = Files.createFile(lib.resolve("Main.aot"));
        Files.setLastModifiedTime(jar, FileTime.fromMillis(1_000_000));
        Files.setLastModifiedTime(note, FileTime.fromMillis(2_000_000));
        assertThat(launched(jdk)).contains("-XX:AOTCache=" + note);
        Files.setLastModifiedTime(jar, FileTime.fromMillis(3_000_000));
        assertThat(launched(jdk)).contains("Main").doesNotContain("AOTCache");
        Files.delete(note);
        assertThat(launched(jdk)).contains("Main").doesNotContain("AOTCache");
    }

    private String launched(Path jdk) throws Exception {
        Run run = run(jdk, Map.of(), "launch", "Main", "HEAP", "64m", "--", "x y");
        assertThat(run.exitCode()).as(run.err()).isZero();
        return run.out();
    }

    @ParameterizedTest
    @CsvSource({
        "aria_s3_batch, ARIA_S3_BATCH_HEAP, 128m",
        "aria_s3_batchd, ARIA_S3_BATCHD_HEAP, 256m"
    })
    void largestHeapIsWhatTheEnvironmentSays(String program, String variable, String otherwise)
            throws Exception {
        Path jdk = talkingJdk();
        assertThat(run(jdk, Map.of(), program).out()).contains(" -Xmx" + otherwise + " ");
        assertThat(run(jdk, Map.of(variable, ""), program).out()).contains(" -Xmx" + otherwise);
        for (String heap : List.of("1g", "512m", "2G")) {
            assertThat(run(jdk, Map.of(variable, heap), program, "x y").out())
                    .contains(" -Xmx" + heap + " ")
                    .doesNotContain("-Xmx" + otherwise);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"1", "0g", "-1g", "1.5g", "1gb", "g", "1g2g", "1g -version", "much"})
    void heapThatIsNoNumberOfMebibytesOrGibibytesStartsNothing(String heap) throws Exception {
        Run run = run(talkingJdk(), Map.of("ARIA_S3_BATCHD_HEAP", heap), "aria_s3_batchd");
        assertThat(run.exitCode()).as("systemd does not try again").isEqualTo(2);
        assertThat(run.err()).contains("ARIA_S3_BATCHD_HEAP='" + heap + "'", "512m or 1g");
        assertThat(run.out()).isEmpty();
    }

    /** With 3, refused, systemd would leave the daemon down, and check would seem to say "fenced". */
    @Test
    void programOutOfMemoryIsKilledAndSaysSoOnStderr() throws Exception {
        Files.createFile(lib.resolve("jvm.options"));
        String entry = HeapEater.class.getName().replace('.', '/') + ".class";
        try (OutputStream file = Files.newOutputStream(lib.resolve("aria_s3_batch.jar"));
                var jar = new JarOutputStream(file);
                InputStream code = getClass().getResourceAsStream("/" + entry)) {
            jar.putNextEntry(new JarEntry(entry));
            Objects.requireNonNull(code).transferTo(jar);
        }

        Path jdk = Path.of(System.getProperty("java.home"));
        Run run = run(jdk, Map.of(), "launch", HeapEater.class.getName(), "HEAP", "16m", "--");

        assertThat(run.exitCode()).as(run.err()).isEqualTo(128 + 9);
        assertThat(run.err())
                .contains("java.lang.OutOfMemoryError: Java heap space")
                .contains("Executing /bin/sh -c \"kill -KILL ");
        assertThat(run.out()).isEqualTo("begun\n");
    }
}
