package aria.s3batch.ops;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.ops.demo.ChildJava;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
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
