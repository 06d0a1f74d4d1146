package aria.s3batch.ops.server;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.ops.DocumentedCommands;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** What a newcomer types, word for word: the commands of docs/first-batch.md, in one shell, in their order. */
@NeedsMariaDb
@NeedsFuse
final class FirstBatchTest {
    @Test
    void commandsOfTheFirstBatchRunAsTheyAreWritten(@TempDir Path directory) throws Exception {
        List<String> commands = DocumentedCommands.blocks("first-batch.md");
        assertThat(commands).hasSizeGreaterThan(10);
        try (var scene = new ServerScene(directory)) {
            Path script = directory.resolve("script");
            Files.writeString(script, String.join("\n", commands) + "\n");
            var shell = new ProcessBuilder("sh", "-eux", script.toString());
            shell.environment().put("PATH", scene.programs() + ":" + System.getenv("PATH"));
            Path said = directory.resolve("said");
            Process ended = shell.redirectErrorStream(true).redirectOutput(said.toFile()).start();
            assertThat(ended.waitFor(2, TimeUnit.MINUTES)).isTrue();
            String text = Files.readString(said);
            assertThat(ended.exitValue()).as(text).isZero();
            assertThat(text).contains("\n100\n", "ERROR 1036", "orders");
            assertThat(scene.bucket.objects("tryout/")).isEmpty();
            assertThat(scene.bucket.objects("_aria_s3_batch/")).isEmpty();
        }
    }
}
