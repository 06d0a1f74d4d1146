package aria.s3batch.daemon.api;

import com.fasterxml.jackson.databind.JsonNode;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;

/** An HTTP client that is small enough to send what a good one would not. One connection a request. */
record UnixHttp(Path socket) {
    /** A whole answer. */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    record Answer(int status, String head, byte[] body) {
        JsonNode json() throws IOException {
            return Routes.JSON.readTree(body);
        }

        String text() {
            return new String(body, StandardCharsets.UTF_8);
        }
    }

    Answer get(String path) throws IOException {
        return send("GET", path, new byte[0]);
    }

    Answer post(String path, String json) throws IOException {
        return send("POST", path, json.getBytes(StandardCharsets.UTF_8));
    }

    Answer put(String path, byte[] body) throws IOException {
        return send("PUT", path, body);
    }

    Answer send(String method, String path, byte[] body) throws IOException {
        String head =
                "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
                        .formatted(method, path, body.length);
        return raw(head, body);
    }

    /** Sends these bytes and nothing else, then reads until the daemon closes. */
    Answer raw(String head, byte[] body) throws IOException {
        try (SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX)) {
            channel.connect(UnixDomainSocketAddress.of(socket));
            OutputStream out = Channels.newOutputStream(channel);
            out.write(head.getBytes(StandardCharsets.US_ASCII));
            try {
                out.write(body);
            } catch (IOException refusedBeforeTheBodyWasSent) {
                // the answer is there already, and is what the test looks at
            }
            return answer(Channels.newInputStream(channel));
        }
    }

    private static Answer answer(InputStream in) throws IOException {
        var all = new ByteArrayOutputStream();
        try {
            in.transferTo(all);
        } catch (IOException reset) {
            // what had come until then is the answer
        }
        byte[] bytes = all.toByteArray();
        String text = new String(bytes, StandardCharsets.ISO_8859_1);
        int end = text.indexOf("\r\n\r\n");
        if (end < 0) {
            throw new IOException("no answer: '" + text + "'");
        }
        int status = Integer.parseInt(text.substring(9, 12));
        return new Answer(
                status, text.substring(0, end), Arrays.copyOfRange(bytes, end + 4, bytes.length));
    }
}
