package aria.s3batch.ops.demo;

import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * A real MariaDB with its S3 engine, for the length of a demo or a test: a new data directory, a socket
 * and no port, the option files of the machine unread. It finds a table of the bucket when it is first
 * named, if its database exists: see {@link #query}.
 */
public final class MariaDbServer implements AutoCloseable {
    private static final Duration START_LIMIT = Duration.ofSeconds(60);
    private static final Duration STOP_LIMIT = Duration.ofSeconds(20);
    private static final Duration STATEMENT_LIMIT = Duration.ofSeconds(60);

    private final Installation installation;
    private final Process process;
    private final Path socket;

    private MariaDbServer(Installation installation, Process process, Path socket) {
        this.installation = installation;
        this.process = process;
        this.socket = socket;
    }

    /** Where the programs and the S3 engine are. */
    public record Installation(Path server, Path install, Path client, Path plugins) {
        private static final List<Path> PROGRAMS =
                Stream.of("/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin")
                        .map(Path::of)
                        .toList();
        private static final List<Path> PLUGINS =
                Stream.of(
                                "/usr/lib/mysql/plugin",
                                "/usr/lib64/mysql/plugin",
                                "/usr/lib64/mariadb/plugin")
                        .map(Path::of)
                        .toList();

        /** What this machine has; empty if any part is missing. */
        public static Optional<Installation> find() {
            Optional<Path> server = program("mariadbd");
            Optional<Path> install = program("mariadb-install-db");
            Optional<Path> client = program("mariadb");
            Optional<Path> plugins =
                    PLUGINS.stream()
                            .filter(folder -> Files.exists(folder.resolve("ha_s3.so")))
                            .findFirst();
            if (server.isEmpty() || install.isEmpty() || client.isEmpty() || plugins.isEmpty()) {
                return Optional.empty();
            }
            return Optional.of(
                    new Installation(server.get(), install.get(), client.get(), plugins.get()));
        }

        private static Optional<Path> program(String name) {
            return PROGRAMS.stream()
                    .map(folder -> folder.resolve(name))
                    .filter(Files::isExecutable)
                    .findFirst();
        }
    }

    /**
     * Starts a server on the bucket; returns when it answers.
     *
     * @param directory new, empty, or that of a server that has ended; with a path short enough for a
     *     socket (107 bytes); the caller deletes it after {@link #close}
     * @throws IOException it did not start; the message shows its log
     */
    public static MariaDbServer start(Installation installation, Path directory, S3Server s3)
            throws IOException {
        return start(installation, directory, s3, List.of());
    }

    /**
     * As {@link #start(Installation, Path, S3Server)}.
     *
     * @param more {@code --name=value}
     */
    public static MariaDbServer start(
            Installation installation, Path directory, S3Server s3, List<String> more)
            throws IOException {
        Files.createDirectories(directory);
        Path dataDirectory = directory.resolve("data");
        // Its own: a server that starts deletes the temporary tables of others there.
        String temporary = "--tmpdir=" + Files.createDirectories(directory.resolve("tmp"));
        Path socket = socketIn(directory);
        if (!Files.exists(dataDirectory)) {
            runOrThrow(
                    List.of(
                            installation.install().toString(),
                            "--no-defaults",
                            "--auth-root-authentication-method=normal",
                            "--skip-test-db",
                            "--datadir=" + dataDirectory,
                            temporary,
                            "--user=" + System.getProperty("user.name")),
                    ProcessBuilder.Redirect.PIPE,
                    directory.resolve("install.log"),
                    START_LIMIT);
        }
        var command = new ArrayList<String>();
        command.add(installation.server().toString());
        command.add("--no-defaults");
        command.add("--user=" + System.getProperty("user.name")); // root is refused unless named
        command.add("--datadir=" + dataDirectory);
        command.add(temporary);
        command.add("--socket=" + socket);
        command.add("--pid-file=" + directory.resolve("mariadb.pid"));
        command.add("--skip-networking");
        command.add("--skip-grant-tables");
        command.add("--innodb-buffer-pool-size=8M");
        command.add("--innodb-log-file-size=4M");
        command.add("--plugin-dir=" + installation.plugins());
        command.add("--plugin-maturity=alpha");
        command.add("--plugin-load-add=ha_s3");
        command.add("--s3=ON");
        command.add("--s3-host-name=127.0.0.1");
        command.add("--s3-port=" + s3.port());
        command.add("--s3-use-http=ON");
        command.add("--s3-bucket=" + EmbeddedS3Process.BUCKET);
        command.add("--s3-access-key=" + EmbeddedS3Process.ACCESS_KEY);
        command.add("--s3-secret-key=" + EmbeddedS3Process.SECRET_KEY);
        command.add("--s3-region=" + EmbeddedS3Process.REGION);
        command.add(
                "--s3-no-content-type=ON"); // its signature would cover a header it does not send
        command.addAll(more);
        Path log = directory.resolve("mariadb.log");
        Process process =
                new ProcessBuilder(command)
                        .redirectErrorStream(true)
                        .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()))
                        .start();
        var server = new MariaDbServer(installation, process, socket);
        try {
            UnixSocket.await(socket, process, log, START_LIMIT);
        } catch (IOException e) {
            server.close();
            throw e;
        }
        return server;
    }

    /** Where a server of this directory listens. */
    static Path socketIn(Path directory) {
        return directory.resolve("s");
    }

    /**
     * Runs statements and returns what the client prints: rows by lines, columns by tabs, no names.
     *
     * @throws IOException a statement failed or took over a minute; the message says which and why
     */
    public String query(String sql) throws IOException {
        return query(sql, STATEMENT_LIMIT);
    }

    /** As {@link #query(String)}, with another limit. */
    public String query(String sql, Duration limit) throws IOException {
        return client(ProcessBuilder.Redirect.PIPE, "--execute=" + sql, limit);
    }

    /**
     * Runs a script of any length in a database; otherwise like {@link #query}.
     *
     * @throws IOException a statement failed or all took over a minute; the message says which and why
     */
    public String script(String database, String sql) throws IOException {
        Path script = Files.createTempFile(socket.getParent(), "script", ".sql");
        try {
            Files.writeString(script, sql);
            return client(
                    ProcessBuilder.Redirect.from(script.toFile()),
                    "--database=" + database,
                    STATEMENT_LIMIT);
        } finally {
            Files.delete(script);
        }
    }

    private String client(ProcessBuilder.Redirect input, String argument, Duration limit)
            throws IOException {
        Path output = Files.createTempFile(socket.getParent(), "query", ".out");
        try {
            List<String> command =
                    List.of(
                            installation.client().toString(),
                            "--no-defaults",
                            "--socket=" + socket,
                            "--batch",
                            "--raw",
                            "--default-character-set=utf8mb4",
                            "--skip-column-names",
                            argument);
            return runOrThrow(command, input, output, limit).strip();
        } finally {
            Files.deleteIfExists(output);
        }
    }

    /** A client that stays connected, for {@link Session#answer}. */
    public Session connect() throws IOException {
        return new Session(
                new ProcessBuilder(
                                installation.client().toString(),
                                "--no-defaults",
                                "--socket=" + socket,
                                "--batch",
                                "--raw",
                                "--skip-column-names",
                                "--unbuffered",
                                "--force")
                        .redirectErrorStream(true)
                        .start());
    }

    /** One connection to the server. For one thread, but for {@link #close}. */
    public static final class Session implements AutoCloseable {
        private final Process client;
        private final BufferedWriter statements;
        private final BufferedReader answers;

        private Session(Process client) {
            this.client = client;
            this.statements = client.outputWriter(StandardCharsets.UTF_8);
            this.answers = client.inputReader(StandardCharsets.UTF_8);
        }

        /**
         * Runs a statement that gives one row, and returns it, or the error in one line.
         *
         * @throws IOException the connection was closed meanwhile
         */
        public String answer(String sql) throws IOException {
            statements.write(sql + ";\n");
            statements.flush();
            String answer = answers.readLine();
            if ("--------------".equals(answer)) { // the statement, to be followed by its error
                while (answer != null && !answer.startsWith("ERROR ")) {
                    answer = answers.readLine();
                }
            }
            if (answer == null) {
                throw new IOException("the connection ended at: " + sql);
            }
            return answer;
        }

        /** Ends the connection, and with it whoever waits for an answer. */
        @Override
        public void close() {
            client.destroyForcibly();
        }
    }

    /** The value of {@code CHECKSUM TABLE}. */
    public String checksum(String table) throws IOException {
        return lastColumn(query("CHECKSUM TABLE " + table));
    }

    /** The verdict of {@code CHECK TABLE}: {@code OK}, or what the server says instead. */
    public String check(String table) throws IOException {
        return lastColumn(query("CHECK TABLE " + table + " EXTENDED"));
    }

    /** Where clients connect. */
    public Path socket() {
        return socket;
    }

    public long pid() {
        return process.pid();
    }

    /** {@code kill -9}: what a crash of the process is. */
    public void kill() {
        try {
            process.destroyForcibly().waitFor();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Stops the server; its files stay until the caller deletes them. */
    @Override
    public void close() {
        process.destroy();
        try {
            if (!process.waitFor(STOP_LIMIT.toSeconds(), TimeUnit.SECONDS)) {
                process.destroyForcibly().waitFor();
            }
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
        }
    }

    private static String lastColumn(String rows) {
        String lastRow = rows.substring(rows.lastIndexOf('\n') + 1);
        return lastRow.substring(lastRow.lastIndexOf('\t') + 1);
    }

    private static String runOrThrow(
            List<String> command, ProcessBuilder.Redirect input, Path output, Duration limit)
            throws IOException {
        Process process =
                new ProcessBuilder(command)
                        .redirectErrorStream(true)
                        .redirectInput(input)
                        .redirectOutput(output.toFile())
                        .start();
        try {
            if (!process.waitFor(limit.toSeconds(), TimeUnit.SECONDS)) {
                process.destroyForcibly();
                throw new IOException(
                        "%s: no end after %d s".formatted(command, limit.toSeconds()));
            }
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
            throw new IOException("interrupted: " + command, e);
        }
        String text = Files.readString(output, StandardCharsets.UTF_8);
        if (process.exitValue() != 0) {
            throw new IOException("%s: exit %d:%n%s".formatted(command, process.exitValue(), text));
        }
        return text;
    }
}
