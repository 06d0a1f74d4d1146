package aria.s3batch.ops.demo;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;

import org.gaul.s3proxy.S3Proxy;
import org.gaul.s3proxy.auth.AuthenticationType;
import org.gaul.s3proxy.nio2blob.FilesystemNio2BlobStore;
import org.slf4j.LoggerFactory;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Locale;

/**
 * The child process of {@link EmbeddedS3Process}: S3Proxy on a free port of the loopback interface, its
 * objects in files. Ends when its standard input ends, so it never outlives its parent.
 *
 * <p>Spoken line by line. Out: {@code port N} once it listens, then {@code GET key}, {@code PUT key} and
 * so on for every request, {@code held key} at a hold, {@code ok} after each command. In:
 *
 * <pre>
 * hold before N    hold the N-th write of a table object from now on before its effect; later ones too
 * hold after N     the N-th takes effect, its answer is held
 * pass             hold nothing that comes from now on; what is held stays
 * release          end the hold: what was held goes on
 * drop             end the hold: what was held gets a 503
 * sync             only {@code ok}: every request answered before this is reported by then</pre>
 */
final class EmbeddedS3 {
    private EmbeddedS3() {}

    /**
     * @param arguments directory of the objects, bucket, access key, secret key
     */
    public static void main(String[] arguments) throws Exception {
        ((Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME)).setLevel(Level.ERROR);
        var store = new FilesystemNio2BlobStore(Path.of(arguments[0]).toString());
        store.createContainer(arguments[1]);
        var writes = new HeldWrites(store, EmbeddedS3::print);
        S3Proxy server =
                S3Proxy.builder()
                        .blobStore(writes)
                        .endpoint(URI.create("http://127.0.0.1:0"))
                        .awsAuthentication(
                                AuthenticationType.AWS_V2_OR_V4, arguments[2], arguments[3])
                        .ignoreUnknownHeaders(true)
                        .build();
        server.start();
        print("port " + server.getPort());
        obeyUntilInputEnds(writes);
        Runtime.getRuntime().halt(0); // held requests would keep an orderly stop waiting
    }

    private static void obeyUntilInputEnds(HeldWrites writes) throws IOException {
        var commands = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        String command;
        while ((command = commands.readLine()) != null) {
            String[] words = command.split(" ", -1);
            switch (words[0]) {
                case "hold" ->
                        writes.hold(
                                HeldWrites.Side.valueOf(words[1].toUpperCase(Locale.ROOT)),
                                Long.parseLong(words[2]));
                case "pass" -> writes.pass();
                case "release" -> writes.end(false);
                case "drop" -> writes.end(true);
                case "sync" -> {}
                default -> throw new IllegalArgumentException("no such command: " + command);
            }
            print("ok");
        }
    }

    private static synchronized void print(String line) {
        System.out.println(line);
        System.out.flush();
    }
}
