package aria.s3batch.ops;

import aria.s3batch.daemon.BatchException;
import aria.s3batch.daemon.Daemon;
import aria.s3batch.daemon.DaemonSettings;
import aria.s3batch.daemon.SettingsException;
import aria.s3batch.daemon.api.Problem;
import aria.s3batch.daemon.api.Problems;
import aria.s3batch.daemon.api.ReloadedDocument;
import aria.s3batch.daemon.service.ServiceReport;
import aria.s3batch.format.OptionFileException;
import aria.s3batch.ops.sql.ReaderServers;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

/**
 * The daemon's main class: starts it, gives it new settings on SIGHUP or when a client asks, and stops it
 * cleanly on SIGTERM and SIGINT.
 */
public final class AriaS3Batchd {
    private static final Logger log = LoggerFactory.getLogger(AriaS3Batchd.class);

    private static final String PRINT = "--print-defaults";
    private static final String VALIDATE = "--validate-config";
    private static final String JSON = "--json";

    static String help() {
        return """
        Usage: aria_s3_batchd [--defaults-file=FILE] [--defaults-extra-file=FILE] [--NAME=VALUE]...
               aria_s3_batchd --print-defaults | --validate-config [--json] [OPTION]...

        Commits batches of changed pages to MariaDB S3 tables. Runs in the foreground until
        SIGTERM; then objects in flight are finished, and committed batches go on at the next
        start. Clients talk to it with aria_s3_batch.

          --print-defaults         shows every option, its value and where it was given; starts nothing
          --validate-config        tries all that the options name: files, cache directory, object
                                   store and what its keys may do, FUSE, servers. A line each, with
                                   what to do where something is missing. Leaves nothing behind, and
                                   may run beside the daemon
          --json                   of both, one JSON document

        Options come from group [aria_s3_batchd] of MariaDB's option files, s3-* options also
        from the server's groups, all of them from the command line. On SIGHUP, and by `aria_s3_batch
        reload`, the files are read again: those with a * change at once, others with a restart.
          --socket=PATH            where clients connect (%s)
          --cache-dir=DIR          page files and journal; on a disk that survives power loss (%s)
          --receipt-dir=DIR        where batches that have ended leave a receipt (CACHE-DIR/receipts)
        * --cache-size=SIZE        most disk that staged pages may take (16G)
        * --block-cache-size=SIZE  most disk for blocks read from S3 (1G)
        * --apply-concurrency=N    most blocks in flight while a batch is applied (32); as memory allows
        * --readers=MODE           what servers see while a batch is applied: fence, an error;
                                   refresh, a mixture, and the new rows after it; none, a mixture
                                   until FLUSH TABLES (fence)
        * --durability=MODE        what a committed batch survives: local, crashes of its host;
                                   bucket, the loss of its host: a copy goes into the bucket (local)
          --keep-undo              batches keep what is needed to undo them, as copies in the bucket
          --undo-keep=DAYS         for how long (7)
        * --fence-wait=SECONDS     how long statements that run already are waited for (0.5)
        * --fence-servers=ADDRESS,...  all servers that read the tables, each /path/of/socket, host or
                                   host:port: they say when their statements have ended, and
                                   fence-wait is the longest wait
        * --fence-user --fence-password
                                   as whom they are asked; RELOAD is enough (the system user)
          --lock-lease=SECONDS     how long others wait for a sign of life before they take over a
                                   table that this daemon has in an open batch (30)
          --single-host            nobody else writes to the bucket's tables; without it, an
                                   endpoint that ignores conditions on PUT is refused
        * --log-level=LEVEL        error, warn, info or debug (info)
          --s3-host-name --s3-port --s3-use-http --s3-ssl-no-verify --s3-bucket --s3-region
          --s3-protocol-version    as in the server
        * --s3-access-key --s3-secret-key
                                   likewise

        The environment variable ARIA_S3_BATCHD_HEAP is the largest heap of the JVM, such as 512m
        or 1g (256m).

        Exit codes: 0 stopped on request; 1 failed; 2 bad options; 3 refused, such as a cache
        directory in use; 4 the journal is damaged; 5 the object store cannot be reached, or does
        not let us in.
        """
                .formatted(DaemonSettings.DEFAULT_SOCKET, DaemonSettings.DEFAULT_CACHE_DIR);
    }

    private final List<String> options;
    private final Path home;
    private final ServiceReport report;
    private final CompletableFuture<Daemon> started = new CompletableFuture<>();

    private AriaS3Batchd(List<String> options, Path home, ServiceReport report) {
        this.options = options;
        this.home = home;
        this.report = report;
    }

    public static void main(String[] arguments) {
        List<String> options = new ArrayList<>(List.of(arguments));
        if (options.contains("--help") || options.contains("-h")) {
            System.out.print(help());
            return;
        }
        if (options.contains("--version") || options.contains("-V")) {
            System.out.println("aria_s3_batchd " + Version.current());
            return;
        }
        Path home = Path.of(System.getProperty("user.home"));
        boolean print = options.removeAll(List.of(PRINT));
        boolean validate = options.removeAll(List.of(VALIDATE));
        if (print || validate) {
            LogLines.silence();
            boolean json = options.removeAll(List.of(JSON));
            System.exit(validate ? validate(options, home, json) : print(options, home, json));
        }
        ServiceReport report = ServiceReport.start(System.getenv(), ProcessHandle.current().pid());
        System.exit(new AriaS3Batchd(options, home, report).run());
    }

    private static int print(List<String> options, Path home, boolean json) {
        try {
            List<DaemonSettings.Explained> all = DaemonSettings.explain(options, home);
            show(json, PrintDefaults.document(all), PrintDefaults.text(all));
            return 0;
        } catch (SettingsException e) {
            return failed(e, Problem.Kind.USAGE.exitCode());
        } catch (IOException e) {
            return failed(new IOException(IoFailure.inWords(e), e), Problem.Kind.USAGE.exitCode());
        }
    }

    /** The exit code is that of the first that failed, which a daemon that started now would end with. */
    private static int validate(List<String> options, Path home, boolean json) {
        List<ConfigurationCheck> checks = ValidateConfig.run(options, home, new SecureRandom());
        int exitCode =
                checks.stream()
                        .mapToInt(ConfigurationCheck::exitCode)
                        .filter(code -> code != 0)
                        .findFirst()
                        .orElse(0);
        show(
                json,
                Map.of("ok", exitCode == 0, "checks", checks),
                checks.stream().map(ConfigurationCheck::toString).toList());
        return exitCode;
    }

    private static void show(boolean json, Object document, List<String> text) {
        if (!json) {
            text.forEach(System.out::println);
            return;
        }
        try {
            System.out.println(new ObjectMapper().writeValueAsString(document));
        } catch (JsonProcessingException e) {
            throw new AssertionError("no JSON form: " + document.getClass(), e);
        }
    }

    private int run() {
        // SIGTERM and SIGINT run this hook; the exit code is then the signal's. One that comes
        // before the
        // daemon has started ends the process at once: nothing is in flight yet.
        Runtime.getRuntime().addShutdownHook(new Thread(this::close, "stop"));
        try (var _ = Signals.on("HUP", this::reloadOnSignal)) {
            DaemonSettings settings = readSettings();
            LogLines.level(settings.logLevel());
            Daemon daemon =
                    Daemon.start(
                            settings,
                            ReaderServers.of(settings),
                            this::reload,
                            Version.current(),
                            report);
            started.complete(daemon);
            Throwable failure = daemon.failed().join();
            log.atError().setCause(failure).log("stopping after a failure");
            return Problem.Kind.FAILED.exitCode();
        } catch (SettingsException e) {
            return failed(e, Problem.Kind.USAGE.exitCode());
        } catch (IOException e) {
            Problem problem = Problems.of(e);
            return failed(e, Problem.Kind.ofKey(problem.kind()).exitCode());
        }
    }

    /**
     * An option file that is not there, is closed to us, or is none, is a bad option: trying again cannot
     * help. A disk that fails may be well again in ten seconds.
     */
    private DaemonSettings readSettings() throws IOException, SettingsException {
        try {
            return DaemonSettings.read(options, home);
        } catch (NoSuchFileException | AccessDeniedException | OptionFileException e) {
            throw new SettingsException(IoFailure.inWords(e));
        }
    }

    private static int failed(Exception e, int exitCode) {
        String message = "aria_s3_batchd: " + IoFailure.words(e);
        System.err.println((LogLines.isJournal() ? "<3>" : "") + message);
        log.atDebug().setCause(e).log("not started");
        return exitCode;
    }

    /** SIGHUP, each time in a thread of its own. */
    private void reloadOnSignal() {
        try {
            reload();
        } catch (IOException e) { // the log has it
            log.atDebug().setCause(e).log("not reloaded");
        } catch (RuntimeException | Error e) {
            log.atError().setCause(e).log("options cannot be read again; this is a bug");
        }
    }

    /** A bad file changes nothing. Waits for a start that goes on: the socket opens a moment before its end. */
    private ReloadedDocument reload() throws IOException {
        Daemon daemon = started.join();
        report.reloading();
        try {
            DaemonSettings settings = readSettings();
            ReloadedDocument reloaded = daemon.reload(settings, ReaderServers.of(settings));
            LogLines.level(settings.logLevel());
            log.atInfo()
                    .addKeyValue("changed", String.join(", ", reloaded.changed()))
                    .log("options read again");
            if (!reloaded.needRestart().isEmpty()) {
                log.atWarn()
                        .addKeyValue("options", String.join(", ", reloaded.needRestart()))
                        .log("options were changed that need a restart; they are as before");
            }
            return reloaded;
        } catch (SettingsException e) {
            throw notTaken(Problem.Kind.USAGE, e.getMessage());
        } catch (IOException e) {
            throw notTaken(Problem.Kind.ofKey(Problems.of(e).kind()), IoFailure.inWords(e));
        } finally {
            report.reloaded();
        }
    }

    private static BatchException notTaken(Problem.Kind kind, String why) {
        log.atError().addKeyValue("why", why).log("options not taken; all are as before");
        return new BatchException(kind, "options not taken; all are as before: " + why);
    }

    private void close() {
        Daemon daemon = started.getNow(null);
        if (daemon == null) {
            return;
        }
        log.atInfo().log("stopping: objects in flight are finished first");
        try {
            daemon.close();
            log.atInfo().log("stopped");
        } catch (IOException e) {
            log.atError().setCause(e).log("stopped, but not everything could be closed");
        }
        report.close();
    }
}
