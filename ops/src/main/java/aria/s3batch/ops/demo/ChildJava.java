package aria.s3batch.ops.demo;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Command lines for the project's own programs: this process's java, the launchers' options, and the
 * programs as they were built: {@code lib}, where our own jar lies, or beside which our classes do.
 */
public final class ChildJava {
    /** System property: what to run instead of the programs as they were built. */
    public static final String CLASS_PATH = "aria.s3batch.childClassPath";

    private static final String JVM_OPTIONS = "/aria/s3batch/ops/jvm.options";

    /** What does not fit the notes of a rehearsal is left out of them without a word: see ops/bin/launch. */
    private static final List<String> QUIET =
            List.of(
                    "-Xlog:disable",
                    "-Xlog:all=warning:stderr",
                    "-Xlog:aot*=off:stderr",
                    "-Xlog:cds*=off:stderr");

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
        Path lib = lib();
        command.addAll(QUIET);
        command.add("-Djava.library.path=" + lib.resolve("native"));
        String classPath = System.getProperty(CLASS_PATH);
        if (classPath == null) {
            classPath = lib.resolve("aria_s3_batch.jar").toString();
            Path note = lib.resolve(mainClass + ".aot");
            if (isNewerThanJars(note)) {
                command.add("-XX:AOTCache=" + note);
            }
        }
        command.add("-cp");
        command.add(classPath);
        command.add(mainClass);
        command.addAll(arguments);
        return command;
    }

    /** As in ops/bin/launch: the JVM does not look, and takes the noted classes in place of those in the jars. */
    private static boolean isNewerThanJars(Path note) {
        File[] jars =
                note.resolveSibling("").toFile().listFiles((lib, name) -> name.endsWith(".jar"));
        long noted = note.toFile().lastModified(); // 0: there is none
        return jars != null && Arrays.stream(jars).allMatch(jar -> jar.lastModified() <= noted);
    }

    private static Path lib() {
        try {
            Path ours =
                    Path.of(
                            ChildJava.class
                                    .getProtectionDomain()
                                    .getCodeSource()
                                    .getLocation()
                                    .toURI());
            return Files.isDirectory(ours) ? ours.resolveSibling("lib") : ours.resolveSibling("");
        } catch (URISyntaxException e) {
            throw new AssertionError(e);
        }
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
