package aria.s3batch.ops;

import static org.assertj.core.api.Assertions.assertThat;

import static java.nio.file.StandardCopyOption.COPY_ATTRIBUTES;

import aria.s3batch.ops.demo.ChildJava;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.List;

class RehearsalTest {
    @ParameterizedTest
    @ValueSource(classes = {AriaS3Batchd.class, AriaS3Batch.class})
    void programStartsFromTheNotesOfItsRehearsal(Class<?> program, @TempDir Path directory)
            throws Exception {
        List<String> command = ChildJava.command(program.getName(), "64m", List.of("--version"));
        command.add(1, "-XX:AOTMode=on"); // no start without
        Path err = directory.resolve("err");
        Process process = new ProcessBuilder(command).redirectError(err.toFile()).start();
        String said =
                new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
        assertThat(process.waitFor()).as(Files.readString(err)).isZero();
        assertThat(said)
                .startsWith(program == AriaS3Batchd.class ? "aria_s3_batchd " : "aria_s3_batch ");
    }

    /** The JVM would run the classes that it noted, not those of the new jar. */
    @Test
    void notesThatAreOlderThanAJarAreNotUsed(@TempDir Path home) throws Exception {
        Path bin = Files.createDirectory(home.resolve("bin"));
        Path lib = Files.createDirectory(home.resolve("lib"));
        Path jdk = home.resolve("jdk");
        Files.createDirectories(jdk.resolve("bin"));
        for (String program : List.of("launch", "find-jdk")) {
            Files.copy(Path.of("bin", program), bin.resolve(program), COPY_ATTRIBUTES);
        }
        Files.writeString(jdk.resolve("release"), "JAVA_VERSION=\"25.0.1\"\n");
        for (String program : List.of("java", "javac")) {
            Path says =
                    Files.writeString(jdk.resolve("bin/" + program), "#!/bin/sh\necho \"$@\"\n");
            assertThat(says.toFile().setExecutable(true)).isTrue();
        }
        Path jar = Files.createFile(lib.resolve("a.jar"));
        Path note = Files.createFile(lib.resolve("Main.aot"));
        Files.setLastModifiedTime(jar, FileTime.fromMillis(1_000_000));
        Files.setLastModifiedTime(note, FileTime.fromMillis(2_000_000));
        assertThat(launched(bin, jdk)).contains("-XX:AOTCache=" + note);
        Files.setLastModifiedTime(jar, FileTime.fromMillis(3_000_000));
        assertThat(launched(bin, jdk)).contains("Main").doesNotContain("AOTCache");
        Files.delete(note);
        assertThat(launched(bin, jdk)).contains("Main").doesNotContain("AOTCache");
    }

    private static String launched(Path bin, Path jdk) throws Exception {
        var launch = new ProcessBuilder(bin.resolve("launch").toString(), "Main", "--", "x y");
        launch.environment().put("JAVA_HOME", jdk.toString());
        Process process = launch.redirectErrorStream(true).start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(said).isZero();
        return said;
    }

    @Test
    void commandLineReadsNoClassOfPicocliAnew(@TempDir Path directory) throws Exception {
        Path loads = directory.resolve("loads");
        List<String> command =
                ChildJava.command(
                        AriaS3Batch.class.getName(),
                        "64m",
                        List.of("status", "--socket=" + directory.resolve("none.sock")));
        command.add(command.indexOf("-cp"), "-Xlog:class+load:file=" + loads);
        assertThat(new ProcessBuilder(command).start().waitFor()).isEqualTo(5);

        assertThat(Files.readAllLines(loads))
                .filteredOn(line -> line.contains(" picocli.CommandLine"))
                .isNotEmpty()
                .allMatch(line -> line.contains("source: shared objects file"));
    }
}
