package aria.s3batch.ops;

import aria.s3batch.daemon.DaemonSettings;
import aria.s3batch.daemon.OptionFiles;
import aria.s3batch.daemon.SettingsException;
import aria.s3batch.diskcache.CacheDirectory;
import aria.s3batch.format.OptionFile;
import aria.s3batch.ops.sql.ServerLogin;
import aria.s3batch.ops.sql.ServerSession;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.SQLException;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;

@Command(
        name = "doctor",
        description = {
            "Gather what somebody who is to help would ask for into one .tar.gz: versions, option"
                + " files without their secrets, status, locks, journal, page files, mounts, disk"
                + " space, the MariaDB server's version, and the last lines of the log.",
            "",
            "Keys and passwords are replaced by ***, and no page of a table is in it; names of"
                    + " tables, hosts and directories are. What cannot be found out is said in its"
                    + " place. Reads everything, changes nothing; best run as root on the daemon's"
                    + " host."
        })
final class DoctorCommand extends BucketVerb {
    private static final Set<String> OUR_GROUPS = Set.of("aria_s3_batchd", "aria_s3_batch");
    private static final Set<String> ALL_GROUPS =
            Set.of(
                    "aria_s3_batchd",
                    "aria_s3_batch",
                    "mariadbd",
                    "mariadb",
                    "mysqld",
                    "server",
                    "client",
                    "client-server",
                    "client-mariadb",
                    "mariadb-client");
    private static final String LOG_LINES = "2000";
    private static final int PAGE_FILES_MAX = 100;

    /** A page file that is damaged is shown by its first bytes, which may be a page's. */
    private static final String FIRST_BYTES = "\"start\":\"[0-9a-f]*\"";

    @Option(
            names = "--to",
            paramLabel = "FILE",
            description =
                    "Where to write it; by default aria_s3_batch-doctor-TIME.tar.gz in this"
                            + " directory. A file that is there is not overwritten.")
    @Nullable Path to;

    /** Text by the name of its file. */
    private final Map<String, String> parts = new TreeMap<>();

    private record Written(String file, List<String> parts) {}

    /** Something that is found out, or why it is not. */
    private interface Part {
        String text() throws Exception;
    }

    @Override
    int run() throws IOException {
        Instant now = Instant.now();
        List<OptionFile.Option> options = new ArrayList<>();
        gather("settings.txt", () -> settingsText(options));
        gather("about.txt", () -> about(now));
        gather("status.json", () -> verb(withSocket("status", "--json")));
        gather("locks.json", () -> verb(withStore("lock", "list", "--json")));
        Path cache = cacheDir();
        gather("cache-directory.txt", () -> listing(cache));
        gather("disk.txt", () -> disk(cache));
        gather(
                "journal.json",
                () ->
                        verb(
                                List.of(
                                        "inspect",
                                        "journal",
                                        cache.resolve("journal").toString(),
                                        "--json")));
        gather("page-files.json", () -> pageFiles(new CacheDirectory(cache).batches()));
        gather("mounts.txt", DoctorCommand::mounts);
        gather("server.txt", this::server);
        gather("log.txt", DoctorCommand::log);
        Path file = write(now, Secrets.of(options, storeArguments));
        output.result(
                new Written(file.toString(), List.copyOf(parts.keySet())),
                () -> output.out().println(file));
        output.say("read it before you send it: names of tables, hosts and directories are in it");
        return 0;
    }

    private void gather(String name, Part part) {
        try {
            parts.put(name, part.text());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            parts.put(name, "interrupted\n");
        } catch (Exception e) {
            // a doctor is called when things do not work: what does not is a finding
            parts.put(name, "could not be found out: %s%n".formatted(e));
        }
    }

    private Path write(Instant now, Secrets secrets) throws IOException {
        String stamp =
                DateTimeFormatter.ofPattern("yyyyMMdd-HHmmss").withZone(ZoneOffset.UTC).format(now);
        String name = "aria_s3_batch-doctor-" + stamp;
        Path file = to == null ? Path.of(name + ".tar.gz") : to;
        Files.createFile(
                file,
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        try (OutputStream out = Files.newOutputStream(file, StandardOpenOption.WRITE);
                var tarball = new Tarball(out, now)) {
            for (Map.Entry<String, String> part : parts.entrySet()) {
                String text = secrets.hidden(part.getValue());
                tarball.add(name + "/" + part.getKey(), text.getBytes(StandardCharsets.UTF_8));
            }
        }
        return file.toAbsolutePath();
    }

    /** Every option of ours, and the server's for S3; fills {@code options} with all that were read. */
    private String settingsText(List<OptionFile.Option> options)
            throws SettingsException, IOException {
        OptionFiles files = settings.files();
        options.addAll(files.read(ALL_GROUPS));
        String read = files.files().stream().map(Path::toString).collect(Collectors.joining(", "));
        return options.stream()
                .filter(
                        option ->
                                OUR_GROUPS.contains(option.group())
                                        || option.name().startsWith("s3"))
                .map(option -> Secrets.line(option) + "\n")
                .collect(Collectors.joining("", "read: " + read + "\n", ""));
    }

    private static String about(Instant now) {
        return """
        time      %s
        program   aria_s3_batch %s
        java      %s, %s
        system    %s %s, %s, %d processors
        user      %s
        """
                .formatted(
                        now,
                        Version.current(),
                        System.getProperty("java.runtime.version"),
                        System.getProperty("java.home"),
                        System.getProperty("os.name"),
                        System.getProperty("os.version"),
                        System.getProperty("os.arch"),
                        Runtime.getRuntime().availableProcessors(),
                        System.getProperty("user.name"));
    }

    private Path cacheDir() {
        try {
            return settings.settings(storeArguments).cacheDir();
        } catch (ProblemException notConfigured) {
            parts.put("settings-problem.txt", notConfigured.getMessage() + "\n");
            return Path.of(DaemonSettings.DEFAULT_CACHE_DIR);
        }
    }

    private List<String> withSocket(String... words) {
        var all = new ArrayList<>(List.of(words));
        all.addAll(settings.arguments());
        if (settings.socket != null) {
            all.add("--socket=" + settings.socket);
        }
        return all;
    }

    private List<String> withStore(String... words) {
        var all = new ArrayList<>(List.of(words));
        all.addAll(settings.arguments());
        all.addAll(storeArguments);
        return all;
    }

    /** What another command says, on both streams. */
    private static String verb(List<String> words) {
        var said = new ByteArrayOutputStream();
        try (var stream = new PrintStream(said, false, StandardCharsets.UTF_8)) {
            AriaS3Batch.run(
                    new Streams(
                            new ByteArrayInputStream(new byte[0]),
                            stream,
                            stream,
                            false,
                            false,
                            false),
                    words.toArray(String[]::new));
        }
        return said.toString(StandardCharsets.UTF_8);
    }

    private static String pageFiles(Path batches) throws IOException {
        try (Stream<Path> files = Files.walk(batches)) {
            return files.filter(file -> file.toString().endsWith(".pages"))
                    .sorted()
                    .limit(PAGE_FILES_MAX)
                    .map(file -> verb(List.of("inspect", "cache", file.toString(), "--json")))
                    .map(text -> text.replaceAll(FIRST_BYTES, "\"start\":null"))
                    .collect(Collectors.joining());
        }
    }

    private static String listing(Path directory) throws IOException {
        var lines = new StringBuilder();
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path file : files.sorted().toList()) {
                lines.append(
                        "%s %12d %s %s%n"
                                .formatted(
                                        PosixFilePermissions.toString(
                                                Files.getPosixFilePermissions(file)),
                                        Files.size(file),
                                        Files.getLastModifiedTime(file),
                                        file));
            }
        }
        return lines.toString();
    }

    private static String disk(Path directory) throws IOException {
        FileStore store = Files.getFileStore(directory);
        return "%s is on %s, %s: %s of %s free%n"
                .formatted(
                        directory,
                        store.name(),
                        store.type(),
                        Sizes.of(store.getUsableSpace()),
                        Sizes.of(store.getTotalSpace()));
    }

    private static String mounts() throws IOException {
        try (Stream<String> lines = Files.lines(Path.of("/proc/self/mountinfo"))) {
            return lines.filter(line -> line.contains("fuse") || line.contains("aria_s3_batch"))
                    .map(line -> line + "\n")
                    .collect(Collectors.joining());
        }
    }

    private String server() throws SettingsException, IOException, SQLException {
        ServerLogin login =
                ServerLogin.of(
                        settings.files(),
                        new ServerLogin.Given(null, null, null),
                        System.getProperty("user.name", "root"));
        try (ServerSession session = ServerSession.open(login)) {
            return "%s%n%s%n%s%n"
                    .formatted(
                            login,
                            session.value("SELECT VERSION()"),
                            session.rows(
                                    "SELECT PLUGIN_NAME, PLUGIN_STATUS, PLUGIN_AUTH_VERSION FROM"
                                            + " information_schema.PLUGINS WHERE PLUGIN_NAME IN"
                                            + " ('S3', 'Aria')"));
        }
    }

    private static String log() throws IOException, InterruptedException {
        Process journal =
                new ProcessBuilder(
                                "journalctl",
                                "--unit=aria_s3_batchd",
                                "--lines=" + LOG_LINES,
                                "--output=short-iso-precise",
                                "--no-pager")
                        .redirectErrorStream(true)
                        .start();
        journal.getOutputStream().close();
        String lines = new String(journal.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        journal.waitFor();
        return lines;
    }
}
