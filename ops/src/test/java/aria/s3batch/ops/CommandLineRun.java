package aria.s3batch.ops;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/** One run of the command line in this JVM, and what became of it. */
public final class CommandLineRun {
    private final int exitCode;
    private final byte[] out;
    private final String err;

    private CommandLineRun(int exitCode, byte[] out, String err) {
        this.exitCode = exitCode;
        this.out = out;
        this.err = err;
    }

    public static CommandLineRun of(String... args) {
        return withInput(new byte[0], false, args);
    }

    static CommandLineRun onTerminal(String... args) {
        return withInput(new byte[0], true, args);
    }

    static CommandLineRun withInput(byte[] in, boolean terminal, String... args) {
        var out = new ByteArrayOutputStream();
        var err = new ByteArrayOutputStream();
        int exitCode =
                AriaS3Batch.run(
                        new Streams(
                                new ByteArrayInputStream(in),
                                new PrintStream(out, false, StandardCharsets.UTF_8),
                                new PrintStream(err, true, StandardCharsets.UTF_8),
                                terminal,
                                terminal,
                                terminal),
                        args);
        return new CommandLineRun(
                exitCode, out.toByteArray(), err.toString(StandardCharsets.UTF_8));
    }

    public int exitCode() {
        return exitCode;
    }

    public String err() {
        return err;
    }

    byte[] outBytes() {
        return out;
    }

    public String out() {
        return new String(out, StandardCharsets.UTF_8);
    }

    /** Stdout as one JSON document, in one line and nothing else. */
    public JsonNode json() throws IOException {
        if (!out().endsWith("}\n") || out().indexOf('\n') != out().length() - 1) {
            throw new AssertionError("not one line of JSON: " + out());
        }
        return new ObjectMapper().readTree(out);
    }
}
