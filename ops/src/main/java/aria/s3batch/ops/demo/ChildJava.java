package aria.s3batch.ops.demo;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Command lines for the project's own programs: this process's java and class path, the launchers' options. */
public final class ChildJava {
    private static final String JVM_OPTIONS = "/aria/s3batch/ops/jvm.options";

    private ChildJava() {}

    /**
     * @param heap as for {@code -Xmx}: {@code 256m}
     */
    public static List<String> command(String mainClass, String heap, List<String> arguments) {
        var command = new ArrayList<String>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(jvmOptions());
        command.add("-Xmx" + heap);
        command.add("-XX:+UseSerialGC");
        command.add("-XX:TieredStopAtLevel=1"); // they live for seconds: a third less CPU to start
        command.add("-XX:+ExitOnOutOfMemoryError");
        command.add("-cp");
        command.add(System.getProperty("java.class.path"));
        command.add(mainClass);
        command.addAll(arguments);
        return command;
    }

    private static List<String> jvmOptions() {
        try (InputStream options = ChildJava.class.getResourceAsStream(JVM_OPTIONS)) {
            if (options == null) {
                throw new AssertionError(JVM_OPTIONS + " is not in the jar: broken build");
            }
            String line = new String(options.readAllBytes(), StandardCharsets.UTF_8).strip();
            return List.of(line.split("\\s+"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
