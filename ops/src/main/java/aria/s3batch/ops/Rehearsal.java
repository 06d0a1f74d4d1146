package aria.s3batch.ops;

import aria.s3batch.daemon.Daemon;
import aria.s3batch.daemon.DaemonSettings;
import aria.s3batch.daemon.service.ServiceReport;
import aria.s3batch.format.TableName;
import aria.s3batch.ops.demo.Bucket;
import aria.s3batch.ops.demo.ChildJava;
import aria.s3batch.ops.demo.DaemonProcess;
import aria.s3batch.ops.demo.DemoTable;
import aria.s3batch.ops.demo.EmbeddedS3Process;
import aria.s3batch.ops.sql.ReaderServers;

import org.mariadb.jdbc.Driver;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;

/**
 * A small batch from begin to applied, in one JVM with the daemon or with the client, so that the JVM can
 * write down which classes a program loads and which methods are hot ({@code -XX:AOTCacheOutput}, JEP 514
 * and 515). With those notes it starts in half the time; {@code ops/bin/rehearse} runs this after a build or
 * an installation.
 */
final class Rehearsal {
    private static final Logger log = LoggerFactory.getLogger(Rehearsal.class);

    private Rehearsal() {}

    /**
     * @param arguments the main class whose starts are rehearsed; an empty directory, the caller's to
     *     delete, with a name short enough for a socket in it. Or {@code load} and the port of a server to
     *     put the table on: in a process of its own, for the client's notes are to know no S3.
     */
    public static void main(String[] arguments) throws Exception {
        if (arguments[0].equals("load")) {
            try (var bucket = new Bucket(Integer.parseInt(arguments[1]))) {
                bucket.putAll(DemoTable.load().before());
            }
            return;
        }
        try {
            rehearse(arguments[0], Path.of(arguments[1]));
        } catch (Exception e) {
            e.printStackTrace();
            System.exit(1); // the daemon's threads would keep us
        }
        System.exit(0); // here, the S3 client's
    }

    private static void rehearse(String program, Path directory) throws Exception {
        var s3 = EmbeddedS3Process.start(directory.resolve("s3")); // ends when we do
        load(s3);
        Path copy = directory.resolve("copy");
        DemoTable.load().writeLocalCopy(copy);
        var home = DaemonProcess.Home.create(directory.resolve("d"), s3, List.of());
        String options = "--defaults-file=" + home.optionFile();
        AutoCloseable daemon =
                program.equals(AriaS3Batchd.class.getName())
                        ? daemon(DaemonSettings.read(List.of(options), directory))
                        : DaemonProcess.start(home);
        if (!program.equals(AriaS3Batchd.class.getName())) {
            loadConnector();
        }
        String batch = client("begin", DemoTable.NAME, options).strip();
        client("stage", batch, DemoTable.NAME, "--from=" + copy, options);
        client("plan", batch, options);
        client("status", options);
        client("commit", batch, options);
        client("status", "--json", options);
        client("list", options);
        daemon.close();
        if (!program.equals(AriaS3Batchd.class.getName())) {
            bucketVerbs(directory, options);
        }
    }

    /** Those that need no daemon have a store of their own. */
    private static void bucketVerbs(Path directory, String options) throws Exception {
        TableName table = TableName.parse(DemoTable.NAME);
        client("check", DemoTable.NAME, options);
        client("pull", DemoTable.NAME, "--to=" + directory, options);
        Path files = directory.resolve(table.database()).resolve(table.table());
        client("push", files.toString(), "--force", options);
        client("drop", DemoTable.NAME, "--yes", options);
    }

    /** What {@code sql} needs of MariaDB's connector: there may be no server here to run it with. */
    private static void loadConnector() throws IOException {
        try (var jar = new JarFile(Path.of(codeOf(Driver.class)).toFile())) {
            for (JarEntry entry : Collections.list(jar.entries())) {
                String file = entry.getName();
                if (file.startsWith("org/mariadb/") && file.endsWith(".class")) {
                    load(file.substring(0, file.length() - ".class".length()).replace('/', '.'));
                }
            }
        }
    }

    private static URI codeOf(Class<?> type) throws IOException {
        try {
            return type.getProtectionDomain().getCodeSource().getLocation().toURI();
        } catch (URISyntaxException e) {
            throw new IOException(e);
        }
    }

    private static void load(String name) {
        try {
            Class.forName(name, false, Rehearsal.class.getClassLoader());
        } catch (ClassNotFoundException | NoClassDefFoundError e) {
            // one of the connector's optional parts, for a library that is not here
            log.atDebug().addKeyValue("class", name).log("not loaded");
        }
    }

    private static Daemon daemon(DaemonSettings settings) throws IOException {
        return Daemon.start(
                settings,
                ReaderServers.of(settings),
                () -> {
                    throw new IOException("options were given once");
                },
                Version.current(),
                ServiceReport.none());
    }

    private static void load(EmbeddedS3Process s3) throws IOException, InterruptedException {
        List<String> words = List.of("load", Integer.toString(s3.port()));
        int exitCode =
                new ProcessBuilder(ChildJava.command(Rehearsal.class.getName(), "128m", words))
                        .inheritIO()
                        .start()
                        .waitFor();
        if (exitCode != 0) {
            throw new IOException("the table was not put on the S3 server: exit " + exitCode);
        }
    }

    private static String client(String... words) throws IOException {
        var out = new ByteArrayOutputStream();
        var err = new ByteArrayOutputStream();
        int exitCode;
        try (var stdout = new PrintStream(out, false, StandardCharsets.UTF_8);
                var stderr = new PrintStream(err, false, StandardCharsets.UTF_8)) {
            InputStream nothing = new ByteArrayInputStream(new byte[0]);
            exitCode =
                    AriaS3Batch.run(
                            new Streams(nothing, stdout, stderr, false, false, false), words);
        }
        if (exitCode != 0) {
            throw new IOException(
                    "aria_s3_batch %s ended with %d: %s"
                            .formatted(
                                    String.join(" ", words),
                                    exitCode,
                                    err.toString(StandardCharsets.UTF_8)));
        }
        return out.toString(StandardCharsets.UTF_8);
    }
}
