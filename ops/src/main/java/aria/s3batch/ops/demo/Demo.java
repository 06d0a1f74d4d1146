package aria.s3batch.ops.demo;

import aria.s3batch.daemon.api.BatchDocument;
import aria.s3batch.daemon.api.StatusDocument;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;

import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

import org.jspecify.annotations.Nullable;

import java.io.File;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The demo's story, step by step: what is done, why, and what came of it. The programs are the real ones,
 * in processes of their own. Everything it starts ends with it, and all it writes lies in one temporary
 * directory: see {@link #close}.
 */
final class Demo implements AutoCloseable {
    private static final String CLIENT = "aria.s3batch.ops.AriaS3Batch";
    private static final String SELECT = "SELECT COUNT(*), SUM(b), MAX(id) FROM " + DemoTable.NAME;
    private static final int FENCE_WRITES = 2;
    private static final int BLOCKS_BEFORE_THE_CRASH = 3;
    private static final int EXIT_REFUSED = 3;
    private static final Duration APPLY_LIMIT = Duration.ofSeconds(30);
    private static final Duration LOOK_EVERY = Duration.ofMillis(50);

    private final PrintStream out = System.out;
    private final ObjectMapper mapper =
            new ObjectMapper().disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES);
    private final Path directory;
    private int steps;
    private volatile boolean closing;

    Demo() throws IOException {
        this.directory = Files.createTempDirectory("aria_s3_batch-demo");
        Runtime.getRuntime().addShutdownHook(new Thread(this::closeAtExit, "demo-cleanup"));
    }

    /** Whether the table is, in the end, what MariaDB makes of it. */
    boolean run() throws IOException {
        step(
                "An S3 server of our own",
                "Started in a child process, with one table that a real MariaDB wrote to S3.");
        var s3 = EmbeddedS3Process.start(directory.resolve("s3"));
        try (var bucket = new Bucket(s3)) {
            return run(s3, bucket);
        }
    }

    private boolean run(EmbeddedS3Process s3, Bucket bucket) throws IOException {
        DemoTable table = DemoTable.load();
        bucket.putAll(table.before());
        say("%s: %d objects in %s", DemoTable.NAME, table.before().size(), s3.endpoint());
        var home =
                DaemonProcess.Home.create(
                        directory.resolve("d"),
                        s3,
                        List.of(
                                "apply-concurrency=1",
                                "[aria_s3_batch]",
                                "mariadb-socket="
                                        + MariaDbServer.socketIn(directory.resolve("m"))));
        client(home, "check", DemoTable.NAME);
        Optional<MariaDbServer> server = startServer(s3);
        server.ifPresent(this::showRows);

        step(
                "A change to the table",
                "On a local copy MariaDB ran:\n" + table.sql().indent(4).stripTrailing());
        Path copy = directory.resolve("copy");
        table.writeLocalCopy(copy);
        say("the copy, as MariaDB left it: %s", copy);

        step(
                "A batch",
                "The table is locked for one writer; the pages in which the copy differs are staged"
                        + " on local disk. The bucket is only read.");
        DaemonProcess daemon = startDaemon(home);
        String batch = clientOutput(home, "begin", DemoTable.NAME);
        client(home, "stage", batch, DemoTable.NAME, "--from", copy.toString());
        client(home, "plan", batch);

        step(
                "Commit, then a crash",
                "Commit makes the batch durable. Then the daemon takes definition and header away,"
                        + " so that no reader sees the table meanwhile, and rewrites the touched"
                        + " blocks. It is killed (SIGKILL) after "
                        + BLOCKS_BEFORE_THE_CRASH
                        + " of them.");
        s3.holdBefore(FENCE_WRITES + BLOCKS_BEFORE_THE_CRASH + 1);
        client(home, "commit", batch, "--no-wait");
        String next = s3.awaitHeld(APPLY_LIMIT);
        long blocks = status(daemon).batches().getFirst().blocksTotal();
        daemon.kill();
        s3.drop();
        say("kill -9 %d, just before it wrote %s", daemon.pid(), next);

        step(
                "Half old, half new",
                "What is in the bucket now is no table. Nobody can read it, and check says why:");
        int code = client(home, "check", DemoTable.NAME);
        say("exit code %d", code);
        boolean fenceSeen = code == EXIT_REFUSED;
        server.ifPresent(this::showThatThereIsNoTable);

        step(
                "Recovery",
                "The daemon is started again. It finds the batch in its journal and goes on where"
                        + " it was; what is written already stays.");
        daemon = startDaemon(home);
        followReplay(daemon, blocks);
        client(home, "status");
        client(home, "check", DemoTable.NAME);
        server.ifPresent(this::showRows);
        int stopped = daemon.stop();
        say("daemon stopped on SIGTERM, exit code %d", stopped);

        step(
                "Proof",
                "Each object is compared, byte for byte, with what MariaDB itself has after the"
                        + " same SQL.");
        boolean equal = compare(table.after(), bucket.objects(DemoTable.PREFIX));
        if (!fenceSeen) {
            say("but check did not notice the fence: please report this");
        }
        boolean changed = server.isEmpty() || changeWithSql(home, server.get());
        return equal && fenceSeen && changed;
    }

    /** The short way, where there is a server: one command, and its rows before and after. */
    private boolean changeWithSql(DaemonProcess.Home home, MariaDbServer server)
            throws IOException {
        if (!Files.isWritable(Path.of("/dev/fuse"))) {
            say("(/dev/fuse cannot be used here: no aria_s3_batch sql in this demo)");
            return true;
        }
        step(
                "The short way: SQL",
                "The server runs statements on the S3 table as if it were a local one; then the"
                        + " batch is committed and applied.");
        DaemonProcess daemon = startDaemon(home);
        int code =
                client(home, "sql", DemoTable.NAME, "-e", "UPDATE orders SET b=b+1 WHERE id<=100");
        showRows(server);
        daemon.stop();
        return code == 0;
    }

    private Optional<MariaDbServer> startServer(EmbeddedS3Process s3) throws IOException {
        Optional<MariaDbServer.Installation> installed = MariaDbServer.Installation.find();
        if (installed.isEmpty()) {
            say("(MariaDB's server or its S3 engine is not installed: no SELECT in this demo)");
            return Optional.empty();
        }
        requireOpen();
        var server = MariaDbServer.start(installed.get(), directory.resolve("m"), s3);
        server.query("CREATE DATABASE archive");
        return Optional.of(server);
    }

    private DaemonProcess startDaemon(DaemonProcess.Home home) throws IOException {
        requireOpen();
        return DaemonProcess.start(home);
    }

    private void showThatThereIsNoTable(MariaDbServer server) {
        try (MariaDbServer.Session session = server.connect()) {
            say("MariaDB> %s;", SELECT);
            say("         %s", session.answer(SELECT));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Without FLUSH TABLES: the server finds out by itself that the table is another one. */
    private void showRows(MariaDbServer server) {
        try {
            say("MariaDB> %s;", SELECT);
            say("         %s", server.query(SELECT).replace("\t", "  "));
            say("MariaDB> CHECK TABLE %s EXTENDED;", DemoTable.NAME);
            say("         %s", server.check(DemoTable.NAME));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void followReplay(DaemonProcess daemon, long blocks) throws IOException {
        try (ProgressBar bar =
                new ProgressBarBuilder()
                        .setTaskName("recover")
                        .setInitialMax(blocks)
                        .setStyle(ProgressBarStyle.ASCII)
                        .setUnit(" blocks", 1)
                        .setUpdateIntervalMillis((int) LOOK_EVERY.toMillis())
                        .build()) {
            long deadline = System.nanoTime() + APPLY_LIMIT.toNanos();
            List<BatchDocument> batches = status(daemon).batches();
            while (!batches.isEmpty()) {
                BatchDocument batch = batches.getFirst();
                bar.stepTo(batch.blocksDone());
                if (batch.state().equals("QUARANTINED") || System.nanoTime() > deadline) {
                    throw new IOException("not recovered: " + batch);
                }
                pause();
                batches = status(daemon).batches();
            }
            bar.stepTo(blocks);
        }
    }

    private boolean compare(SortedMap<String, byte[]> expected, SortedMap<String, byte[]> found) {
        var differing = new ArrayList<String>();
        Stream.concat(expected.keySet().stream(), found.keySet().stream())
                .distinct()
                .filter(key -> !equal(key, expected.get(key), found.get(key)))
                .forEach(differing::add);
        if (differing.isEmpty()) {
            say("all %d objects equal", expected.size());
        } else {
            say("DIFFERENT: %s", differing);
        }
        return differing.isEmpty();
    }

    private static boolean equal(String key, byte @Nullable [] expected, byte @Nullable [] found) {
        return expected != null
                && found != null
                && Arrays.equals(
                        DemoTable.comparable(key, expected), DemoTable.comparable(key, found));
    }

    private StatusDocument status(DaemonProcess daemon) throws IOException {
        DaemonProcess.Answer answer = daemon.request("GET", "/v1/status", new byte[0]);
        return mapper.readValue(answer.text(), StatusDocument.class);
    }

    /** Runs a command as a user would, in sight; answers its exit code. */
    private int client(DaemonProcess.Home home, String verb, String... arguments)
            throws IOException {
        return end(startClient(home, ProcessBuilder.Redirect.INHERIT, verb, arguments));
    }

    private String clientOutput(DaemonProcess.Home home, String verb, String... arguments)
            throws IOException {
        Process process = startClient(home, ProcessBuilder.Redirect.PIPE, verb, arguments);
        String output =
                new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
        out.println(output);
        int code = end(process);
        if (code != 0) {
            throw new IOException("aria_s3_batch %s failed, exit code %d".formatted(verb, code));
        }
        return output;
    }

    private Process startClient(
            DaemonProcess.Home home,
            ProcessBuilder.Redirect stdout,
            String verb,
            String... arguments)
            throws IOException {
        requireOpen();
        var words = new ArrayList<String>();
        words.add(verb);
        words.addAll(List.of(arguments));
        out.println(
                words.stream()
                        .map(word -> word.contains(" ") ? '"' + word + '"' : word)
                        .collect(Collectors.joining(" ", "$ aria_s3_batch ", "")));
        out.flush();
        words.add(1, "--defaults-file=" + home.optionFile());
        List<String> command = ChildJava.command(CLIENT, "128m", words);
        command.add(1, "-XX:TieredStopAtLevel=1");
        Process process =
                new ProcessBuilder(command)
                        .redirectInput(ProcessBuilder.Redirect.from(new File("/dev/null")))
                        .redirectOutput(stdout)
                        .redirectError(ProcessBuilder.Redirect.INHERIT)
                        .start();
        return process;
    }

    private static int end(Process process) throws IOException {
        try {
            return process.waitFor();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }

    private static void pause() throws IOException {
        try {
            TimeUnit.MILLISECONDS.sleep(LOOK_EVERY.toMillis());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }

    private void step(String title, String why) {
        steps++;
        out.printf("%n%d. %s%n   %s%n%n", steps, title, why.replace("\n", "\n   "));
    }

    private void say(String format, Object... arguments) {
        out.printf(format + "%n", arguments);
        out.flush();
    }

    /** Once the end has begun, nothing more is started. */
    private void requireOpen() throws IOException {
        if (closing) {
            throw new IOException("the demo was stopped");
        }
    }

    private void closeAtExit() {
        try {
            close();
        } catch (IOException e) {
            System.err.println("aria_s3_batch demo: left behind: " + e.getMessage());
        }
    }

    /** Kills every process that this one started, and theirs, and deletes the directory. */
    @Override
    public synchronized void close() throws IOException {
        closing = true;
        List<ProcessHandle> children = ProcessHandle.current().descendants().toList();
        children.forEach(ProcessHandle::destroyForcibly);
        children.forEach(child -> child.onExit().join());
        if (Files.exists(directory)) {
            deleteTree(directory);
        }
    }

    private static void deleteTree(Path root) throws IOException {
        try (Stream<Path> files = Files.walk(root)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(file);
            }
        }
    }
}
