package aria.s3batch.ops;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;

import picocli.CommandLine.Option;

import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/** Where a verb writes: its result on stdout, as text or as one JSON document; the rest on stderr. */
final class Output {
    private static final ObjectMapper MAPPER =
            new ObjectMapper().disable(JsonGenerator.Feature.AUTO_CLOSE_TARGET);

    private final Streams streams;

    @Option(
            names = "--json",
            description =
                    "Print one JSON document on stdout, for a failure too; messages stay on"
                            + " stderr.")
    boolean json;

    @Option(
            names = "--verbose",
            description = "Log to stderr, and show the stack trace of a failure.")
    boolean verbose;

    Output(Streams streams) {
        this.streams = streams;
    }

    Streams streams() {
        return streams;
    }

    PrintStream out() {
        return streams.out();
    }

    /** What is seen first on a terminal that shows colours; the same text elsewhere. */
    String coloured(Colour colour, String text) {
        return streams.colours() ? "\u001b[" + colour.code + "m" + text + "\u001b[0m" : text;
    }

    /** By the terminal's own palette, so that they can be read on any background. */
    enum Colour {
        GOOD(32),
        BUSY(33),
        BAD(31);

        private final int code;

        Colour(int code) {
            this.code = code;
        }
    }

    /** One message on stderr. */
    void say(String message) {
        streams.err().println(message);
    }

    /** The result: {@code document} with --json, else what {@code text} prints. */
    void result(Object document, Runnable text) {
        if (json) {
            document(document);
        } else {
            text.run();
        }
    }

    void document(Object document) {
        try {
            byte[] line =
                    (MAPPER.writeValueAsString(document) + "\n").getBytes(StandardCharsets.UTF_8);
            out().write(line, 0, line.length);
        } catch (JsonProcessingException e) {
            throw new AssertionError("no JSON form: " + document.getClass(), e);
        }
    }
}
