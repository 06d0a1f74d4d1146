package aria.s3batch.ops;

import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/**
 * Standard input and output of a verb, handed in so that tests run verbs in their own JVM.
 *
 * @param out results, bytes included
 * @param colours whether what is on {@code out} may be coloured: a terminal, and nobody said NO_COLOR
 * @param err messages and progress
 */
record Streams(
        InputStream in,
        PrintStream out,
        PrintStream err,
        boolean outIsTerminal,
        boolean errIsTerminal,
        boolean colours) {

    static Streams ofProcess() {
        return new Streams(
                new FileInputStream(FileDescriptor.in),
                new PrintStream(
                        new FileOutputStream(FileDescriptor.out), false, StandardCharsets.UTF_8),
                new PrintStream(
                        new FileOutputStream(FileDescriptor.err), true, StandardCharsets.UTF_8),
                isTerminal(1),
                isTerminal(2),
                isTerminal(1) && coloursAreWanted(System.getenv()));
    }

    /** As no-color.org has it: any value but the empty one says no. */
    static boolean coloursAreWanted(Map<String, String> environment) {
        return environment.getOrDefault("NO_COLOR", "").isEmpty()
                && !"dumb".equals(environment.get("TERM"));
    }

    /** System.console() answers only for stdin and stdout together, and loads a line editor. */
    private static boolean isTerminal(int fileDescriptor) {
        try {
            String device =
                    Files.readSymbolicLink(Path.of("/proc/self/fd/" + fileDescriptor)).toString();
            return device.startsWith("/dev/pts/")
                    || device.startsWith("/dev/tty")
                    || device.equals("/dev/console");
        } catch (IOException noProc) {
            return false; // without /proc nothing is drawn, everything is still said
        }
    }
}
