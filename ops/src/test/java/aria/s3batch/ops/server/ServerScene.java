package aria.s3batch.ops.server;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.format.Fixture;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;
import aria.s3batch.ops.CommandLineRun;
import aria.s3batch.ops.demo.Bucket;
import aria.s3batch.ops.demo.ChildJava;
import aria.s3batch.ops.demo.DaemonProcess;
import aria.s3batch.ops.demo.EmbeddedS3Process;
import aria.s3batch.ops.demo.MariaDbServer;
import aria.s3batch.ops.demo.S3Server;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** A real MariaDB, a real daemon and an S3 server that both use; the command line as a DBA would use it. */
final class ServerScene implements AutoCloseable {
    final Path dataDirectory;
    final Bucket bucket;
    MariaDbServer server;

    private final S3Server s3;
    private final List<String> ofServer;
    private final MariaDbServer.Installation installation;
    private final Path serverDirectory;
    private final DaemonProcess.Home home;
    private DaemonProcess daemon;

    ServerScene(Path directory) throws IOException {
        this(directory, EmbeddedS3Process.start(directory.resolve("s3")), List.of(), List.of());
    }

    /**
     * @param s3 closed with the scene
     * @param ofServer options of the server, {@code --name=value}
     * @param ofDaemon options of the daemon, {@code name=value}
     */
    ServerScene(Path directory, S3Server s3, List<String> ofServer, List<String> ofDaemon)
            throws IOException {
        this.s3 = s3;
        bucket = new Bucket(s3);
        installation = MariaDbServer.Installation.find().orElseThrow();
        serverDirectory = directory.resolve("m");
        this.ofServer = ofServer;
        server = MariaDbServer.start(installation, serverDirectory, s3, ofServer);
        dataDirectory = serverDirectory.resolve("data");
        var lines = new ArrayList<>(ofDaemon);
        lines.add("[aria_s3_batch]");
        lines.add("mariadb-socket=" + server.socket());
        home = DaemonProcess.Home.create(directory.resolve("d"), s3, lines);
        daemon = DaemonProcess.start(home);
    }

    /** {@code kill -9} of the server. */
    void killServer() {
        server.kill();
    }

    /** The server again, on the same data directory. */
    void startServer() throws IOException {
        server = MariaDbServer.start(installation, serverDirectory, s3, ofServer);
    }

    /** {@code kill -9} of the daemon. */
    void killDaemon() {
        daemon.kill();
    }

    /** Stops the daemon and starts it again, with options that count over those it had. */
    void restartDaemon(String... options) throws IOException {
        daemon.close();
        var lines = new ArrayList<>(List.of("[aria_s3_batchd]"));
        lines.addAll(List.of(options));
        Files.write(home.optionFile(), lines, StandardOpenOption.APPEND);
        startDaemon();
    }

    /** The daemon again, on the same cache directory. */
    void startDaemon() throws IOException {
        daemon = DaemonProcess.start(home);
    }

    /** A folder with programs {@code mariadb} and {@code aria_s3_batch} that talk to this server and this daemon. */
    Path programs() throws IOException {
        Path folder = Files.createDirectories(home.directory().resolve("bin"));
        program(
                folder.resolve("mariadb"),
                "exec %s --no-defaults --socket=%s \"$@\""
                        .formatted(installation.client(), server.socket()));
        List<String> client = ChildJava.command("aria.s3batch.ops.AriaS3Batch", "128m", List.of());
        program(
                folder.resolve("aria_s3_batch"),
                "verb=$1; shift; exec '%s' \"$verb\" --defaults-file=%s \"$@\""
                        .formatted(String.join("' '", client), home.optionFile()));
        return folder;
    }

    private static void program(Path file, String text) throws IOException {
        Files.writeString(file, "#!/bin/sh\n" + text + "\n");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    /** Starts {@code aria_s3_batch} in a process of its own, as a user does. */
    ClientProcess client(String verb, String... arguments) throws IOException {
        var words = new ArrayList<String>();
        words.add(verb);
        words.add("--defaults-file=" + home.optionFile());
        words.addAll(List.of(arguments));
        return ClientProcess.start(words, home.directory());
    }

    /** Runs {@code aria_s3_batch} in a process of its own; it must succeed. */
    String run(String verb, String... arguments) throws IOException {
        ClientProcess.Ended ended = client(verb, arguments).end();
        assertThat(ended.exitCode()).as("%s: %s", verb, ended.err()).isZero();
        return ended.out();
    }

    /** Runs {@code aria_s3_batch} and returns its stdout; it must succeed. */
    String batch(String verb, String... arguments) {
        CommandLineRun run = tryBatch(verb, arguments);
        assertThat(run.exitCode()).as("%s: %s", verb, run.err()).isZero();
        return run.out().strip();
    }

    /** Runs {@code aria_s3_batch}, however it ends. */
    CommandLineRun tryBatch(String verb, String... arguments) {
        String[] line = new String[arguments.length + 2];
        line[0] = verb;
        line[1] = "--defaults-file=" + home.optionFile();
        System.arraycopy(arguments, 0, line, 2, arguments.length);
        return CommandLineRun.of(line);
    }

    /** Begins, stages from local files, commits and waits until all is applied; the batch. */
    String runBatch(TableName table, List<TableName> units, Path copies, String... ofCommit) {
        String batch = batch("begin", table.path());
        for (TableName unit : units) {
            batch("stage", batch, unit.path(), "--from", copies.toString());
        }
        String[] commit = Arrays.copyOf(ofCommit, ofCommit.length + 1);
        commit[ofCommit.length] = batch;
        batch("commit", commit);
        batch("check", table.path());
        return batch;
    }

    static void writeLocal(Path directory, TableName unit, byte[] index, byte[] data)
            throws IOException {
        Files.createDirectories(directory);
        Files.write(directory.resolve(unit.table() + ".MAI"), index);
        Files.write(directory.resolve(unit.table() + ".MAD"), data);
    }

    /** The table's files as an Aria server would have them, from its objects. */
    static void writeLocal(Path directory, TableName unit, Map<String, byte[]> objects)
            throws IOException {
        writeLocal(
                directory,
                unit,
                Fixture.assemble(unit, TableFile.INDEX, objects),
                Fixture.assemble(unit, TableFile.DATA, objects));
    }

    @Override
    public void close() throws IOException {
        server.close();
        try {
            daemon.stop(); // not killed: what it has mounted would be in the way of whoever deletes
        } finally {
            daemon.close();
        }
        bucket.close();
        s3.close();
    }
}
