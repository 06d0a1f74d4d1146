package aria.s3batch.ops.process;

import org.jspecify.annotations.Nullable;

import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Set;

/**
 * A request or an answer of HTTP/1.1 with all its bytes as they came: signatures cover the head, so it is
 * never written anew.
 *
 * @param head first line and fields, with the empty line that ends them
 * @param body as it is on the wire, with the marks of its transfer coding
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
record WireMessage(byte[] head, byte[] body) {
    private static final int HEAD_BYTES_MAX = 64 << 10;
    private static final String CONTINUE = "HTTP/1.1 100 Continue\r\n\r\n";

    /**
     * Reads a request.
     *
     * @param back asked for the body where the client waits for that
     * @return null: the client has closed the connection, or is gone
     */
    static @Nullable WireMessage readRequest(InputStream in, OutputStream back) throws IOException {
        byte[] head = readHead(in);
        if (head.length == 0) {
            return null;
        }
        var message = new WireMessage(head, new byte[0]);
        if ("100-continue".equalsIgnoreCase(message.field("Expect"))) {
            back.write(CONTINUE.getBytes(StandardCharsets.US_ASCII));
            back.flush();
        }
        return new WireMessage(head, message.readBody(in, false));
    }

    /**
     * Reads the answer to a request, past those that are not final.
     *
     * @param verb of the request
     */
    static WireMessage readAnswer(InputStream in, String verb) throws IOException {
        while (true) {
            byte[] head = readHead(in);
            if (head.length == 0) {
                throw new EOFException("no answer");
            }
            var message = new WireMessage(head, new byte[0]);
            int status = message.status();
            if (status >= 200) {
                boolean bodiless = verb.equals("HEAD") || status == 204 || status == 304;
                return bodiless ? message : new WireMessage(head, message.readBody(in, true));
            }
        }
    }

    /** An answer as Amazon words its errors. */
    static WireMessage error(String verb, int status, String code) {
        String text =
                """
                <?xml version="1.0" encoding="UTF-8"?>
                <Error><Code>%s</Code><Message>by the fault proxy</Message></Error>
                """
                        .formatted(code);
        byte[] body = text.getBytes(StandardCharsets.UTF_8);
        String head =
                "HTTP/1.1 %d %s\r\nContent-Type: application/xml\r\nContent-Length: %d\r\n\r\n"
                        .formatted(status, code, body.length);
        return new WireMessage(
                head.getBytes(StandardCharsets.US_ASCII), verb.equals("HEAD") ? new byte[0] : body);
    }

    /** The same without some fields of its head; a signature that covers them does not hold any more. */
    WireMessage without(Set<String> names) {
        var kept = new StringBuilder();
        for (String line : headText().split("\\r\\n", -1)) {
            int colon = Math.max(line.indexOf(':'), 0);
            if (!names.contains(line.substring(0, colon).toLowerCase(Locale.ROOT))) {
                kept.append(kept.isEmpty() ? "" : "\r\n").append(line);
            }
        }
        return new WireMessage(kept.toString().getBytes(StandardCharsets.ISO_8859_1), body);
    }

    String firstLine() {
        String text = headText();
        return text.substring(0, text.indexOf("\r\n"));
    }

    /** Of an answer. */
    int status() {
        return Integer.parseInt(firstLine().split(" ", -1)[1]);
    }

    boolean closesConnection() {
        return "close".equalsIgnoreCase(field("Connection"));
    }

    /**
     * Sends the first bytes of it.
     *
     * @param bytes at least all of it: everything
     */
    void send(OutputStream out, int bytes) throws IOException {
        out.write(head, 0, Math.min(bytes, head.length));
        out.write(body, 0, Math.clamp(bytes - head.length, 0, body.length));
        out.flush();
    }

    int length() {
        return head.length + body.length;
    }

    private String headText() {
        return new String(head, StandardCharsets.ISO_8859_1);
    }

    private @Nullable String field(String name) {
        String start = "\r\n" + name.toLowerCase(Locale.ROOT) + ":";
        String text = headText();
        int at = text.toLowerCase(Locale.ROOT).indexOf(start);
        return at < 0
                ? null
                : text.substring(at + start.length(), text.indexOf("\r\n", at + 2)).strip();
    }

    private byte[] readBody(InputStream in, boolean toTheEnd) throws IOException {
        if ("chunked".equalsIgnoreCase(field("Transfer-Encoding"))) {
            return readParts(in);
        }
        String length = field("Content-Length");
        if (length == null) {
            return toTheEnd ? in.readAllBytes() : new byte[0];
        }
        byte[] body = in.readNBytes(Integer.parseInt(length));
        if (body.length < Integer.parseInt(length)) {
            throw new EOFException("body ended after " + body.length + " bytes of " + length);
        }
        return body;
    }

    /** RFC 9112, section 7.1: hexadecimal size, CR LF, that many bytes, CR LF; no trailer fields. */
    private static byte[] readParts(InputStream in) throws IOException {
        var body = new ByteArrayOutputStream();
        while (true) {
            String line = readLine(in);
            int length = Integer.parseInt(line.split(";", -1)[0].strip(), 16);
            body.writeBytes((line + "\r\n").getBytes(StandardCharsets.US_ASCII));
            body.writeBytes(in.readNBytes(length + 2));
            if (length == 0) {
                return body.toByteArray();
            }
        }
    }

    private static String readLine(InputStream in) throws IOException {
        var line = new StringBuilder();
        for (int c = in.read(); c != '\n'; c = in.read()) {
            if (c < 0) {
                throw new EOFException("in the mark of a part");
            }
            line.append((char) c);
        }
        return line.toString().strip();
    }

    /** To the first empty line; no bytes if there is none. */
    private static byte[] readHead(InputStream in) throws IOException {
        var head = new ByteArrayOutputStream();
        int endBytes = 0; // of CR LF CR LF seen
        while (endBytes < 4) {
            int c = in.read();
            if (c < 0 || head.size() > HEAD_BYTES_MAX) {
                return new byte[0];
            }
            head.write(c);
            boolean fits = c == (endBytes % 2 == 0 ? '\r' : '\n');
            endBytes = fits ? endBytes + 1 : c == '\r' ? 1 : 0;
        }
        return head.toByteArray();
    }
}
