package aria.s3batch.ops;

import aria.s3batch.daemon.Daemon;
import aria.s3batch.daemon.DaemonSettings;
import aria.s3batch.daemon.SettingsException;
import aria.s3batch.daemon.api.Problem;
import aria.s3batch.daemon.api.Problems;
import aria.s3batch.ops.sql.ReaderServers;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;

/** The daemon's main class: starts it, and stops it cleanly on SIGTERM and SIGINT. */
public final class AriaS3Batchd {
    private static final Logger log = LoggerFactory.getLogger(AriaS3Batchd.class);

    private static String help() {
        return """
        Usage: aria_s3_batchd [--defaults-file=FILE] [--defaults-extra-file=FILE] [--NAME=VALUE]...

        Commits batches of changed pages to MariaDB S3 tables. Runs in the foreground until
        SIGTERM; then objects in flight are finished, and committed batches go on at the next
        start. Clients talk to it with aria_s3_batch.

        Options come from group [aria_s3_batchd] of MariaDB's option files, s3-* options also
        from the server's groups, all of them from the command line:
          --socket=PATH            where clients connect (%s)
          --cache-dir=DIR          page files and journal; on a disk that survives power loss (%s)
          --cache-size=SIZE        most disk that staged pages may take (16G)
          --block-cache-size=SIZE  most disk for blocks read from S3 (1G)
          --apply-concurrency=N    most blocks in flight while a batch is applied (32); as memory allows
          --readers=MODE           what servers see while a batch is applied: fence, an error;
                                   refresh, a mixture, and the new rows after it; none, a mixture
                                   until FLUSH TABLES (fence)
          --durability=MODE        what a committed batch survives: local, crashes of its host;
                                   bucket, the loss of its host: a copy goes into the bucket (local)
          --fence-wait=SECONDS     how long statements that run already are waited for (0.5)
          --fence-servers=ADDRESS,...  all servers that read the tables, each /path/of/socket, host or
                                   host:port: they say when their statements have ended, and
                                   fence-wait is the longest wait
          --fence-user --fence-password
                                   as whom they are asked; RELOAD is enough (the system user)
          --single-host            nobody else writes to the bucket's tables; without it, an
                                   endpoint that ignores conditions on PUT is refused
          --s3-host-name --s3-port --s3-use-http --s3-ssl-no-verify --s3-bucket --s3-region
          --s3-access-key --s3-secret-key --s3-protocol-version
                                   as in the server

        Exit codes: 0 stopped on request; 1 failed; 2 bad options; 3 refused, such as a cache
        directory in use; 5 the object store cannot be reached, or does not let us in.
        """
                .formatted(DaemonSettings.DEFAULT_SOCKET, DaemonSettings.DEFAULT_CACHE_DIR);
    }

    private AriaS3Batchd() {}

    public static void main(String[] arguments) {
        List<String> options = List.of(arguments);
        if (options.contains("--help") || options.contains("-h")) {
            System.out.print(help());
            return;
        }
        if (options.contains("--version") || options.contains("-V")) {
            System.out.println("aria_s3_batchd " + Version.current());
            return;
        }
        System.exit(run(options));
    }

    private static int run(List<String> options) {
        var started = new AtomicReference<@Nullable Daemon>();
        // SIGTERM and SIGINT run this hook; the exit code is then the signal's. One that comes
        // before the
        // daemon has started ends the process at once: nothing is in flight yet.
        Runtime.getRuntime().addShutdownHook(new Thread(() -> close(started.get()), "stop"));
        Daemon daemon;
        try {
            Path home = Path.of(System.getProperty("user.home"));
            DaemonSettings settings = DaemonSettings.read(options, home);
            daemon = Daemon.start(settings, ReaderServers.of(settings), Version.current());
        } catch (SettingsException e) {
            return failed(e, Problem.Kind.USAGE.exitCode());
        } catch (IOException e) {
            Problem problem = Problems.of(e);
            return failed(e, Problem.Kind.ofKey(problem.kind()).exitCode());
        }
        started.set(daemon);
        Throwable failure = daemon.failed().join();
        log.atError().setCause(failure).log("stopping after a failure");
        return Problem.Kind.FAILED.exitCode();
    }

    private static int failed(Exception e, int exitCode) {
        System.err.println("aria_s3_batchd: " + (e.getMessage() == null ? e : e.getMessage()));
        log.atDebug().setCause(e).log("not started");
        return exitCode;
    }

    private static void close(@Nullable Daemon daemon) {
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
    }
}
