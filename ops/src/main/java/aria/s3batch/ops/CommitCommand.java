package aria.s3batch.ops;

import aria.s3batch.daemon.api.BatchDocument;
import aria.s3batch.daemon.api.BatchStateDocument;
import aria.s3batch.daemon.api.Problem;
import aria.s3batch.recovery.Readers;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;

@Command(
        name = "commit",
        description = {
            "Commit a batch, then wait until it is applied, with a progress bar.",
            "",
            "Once committed it cannot be lost: not by Ctrl-C here, nor by a crash of the daemon or"
                + " the host, which takes it up again at its next start. A commit that is refused"
                + " changes nothing, and the batch stays open."
        })
final class CommitCommand extends DaemonVerb {
    private static final long POLL_INTERVAL_MS = 250;

    @Parameters(paramLabel = "BATCH", description = "Batch id, as begin printed it.")
    String batch = "";

    @Option(
            names = "--no-wait",
            description =
                    "Return when the batch is committed; `aria_s3_batch status` shows its"
                            + " progress.")
    boolean noWait;

    @Mixin ReadersOption readers = new ReadersOption();

    @Override
    void run(DaemonClient daemon) throws ProblemException {
        String id = batchId(batch);
        BatchStateDocument committed = commit(daemon, id, readers.word());
        if (noWait) {
            output.result(
                    committed, () -> output.say("batch " + id + " is committed and being applied"));
            return;
        }
        var waiting = new AtomicBoolean(true);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> interrupted(id, waiting)));
        BatchDocument ended;
        try {
            ended = awaitEnd(daemon, id);
        } finally {
            waiting.set(false);
        }
        if (ended.state().equals("QUARANTINED")) {
            throw ProblemException.of(Problem.Kind.QUARANTINED, quarantined(ended), id);
        }
        output.result(
                new BatchStateDocument(id, ended.state()),
                () ->
                        output.say(
                                "batch %s is applied: %d pages, %d objects. %s"
                                        .formatted(
                                                id,
                                                ended.pages(),
                                                ended.blocksTotal(),
                                                onServers(ended))));
    }

    private static String onServers(BatchDocument ended) {
        return Readers.NONE.word().equals(ended.readers())
                ? "Servers that have a table open show it after: FLUSH TABLES "
                        + flushed(ended.tables())
                : "Servers show it from their next statement on";
    }

    /** The tables as a server names them: partitions are flushed with their table. */
    private static String flushed(List<String> tables) {
        return tables.stream()
                .map(name -> name.replaceFirst("#P#.*", ""))
                .distinct()
                .collect(Collectors.joining(", "));
    }

    /** Runs at every end of this program, so also at Ctrl-C. */
    private void interrupted(String id, AtomicBoolean waiting) {
        if (waiting.get()) {
            output.say(
                    "\nbatch %s is committed and goes on without this command; see: aria_s3_batch status %s"
                            .formatted(id, id));
        }
    }

    private static BatchStateDocument commit(
            DaemonClient daemon, String id, @Nullable String readers) throws ProblemException {
        try {
            return daemon.commit(id, readers);
        } catch (NoAnswerException e) {
            if (!e.sent()) {
                throw e;
            }
            throw new NoAnswerException(
                    e.getMessage()
                            + ". Whether batch %s is committed is not known here: if so, the daemon applies it when it runs again and `aria_s3_batch status %s` shows it, if not, nothing was changed"
                                    .formatted(id, id),
                    true,
                    e);
        }
    }

    private BatchDocument awaitEnd(DaemonClient daemon, String id) throws ProblemException {
        try (var progress = Progress.of(output.streams(), "apply", "blocks", 0)) {
            while (true) {
                BatchDocument now = poll(daemon, id);
                progress.at(now.blocksDone(), now.blocksTotal());
                switch (now.state()) {
                    case "COMMITTED", "APPLYING" -> TimeUnit.MILLISECONDS.sleep(POLL_INTERVAL_MS);
                    case "APPLIED", "QUARANTINED" -> {
                        return now;
                    }
                    default ->
                            throw ProblemException.of(
                                    Problem.Kind.FAILED,
                                    "batch %s was committed and is %s now: someone else resolved it; check its tables"
                                            .formatted(id, now.state()),
                                    id);
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw ProblemException.of(
                    Problem.Kind.FAILED,
                    "interrupted; batch %s is committed and goes on".formatted(id),
                    id);
        }
    }

    private static BatchDocument poll(DaemonClient daemon, String id) throws ProblemException {
        try {
            return daemon.batch(id);
        } catch (NoAnswerException e) {
            throw new ProblemException(
                    Problem.of(
                            Problem.Kind.UNREACHABLE,
                            "the daemon is gone; batch %s is committed and will be applied when the daemon starts again. %s"
                                    .formatted(id, e.getMessage()),
                            id,
                            null),
                    e);
        } catch (ProblemException e) {
            if (e.kind() != Problem.Kind.NOT_FOUND) {
                throw e;
            }
            throw new ProblemException(
                    Problem.of(
                            Problem.Kind.FAILED,
                            "the daemon was restarted and holds batch %s no more: it has applied it, or someone resolved it. `aria_s3_batch check` reads its tables"
                                    .formatted(id),
                            id,
                            null),
                    e);
        }
    }

    private static String quarantined(BatchDocument batch) {
        String reason = batch.reason();
        return """
        batch %1$s is quarantined: %2$s
        Its pages are kept and its tables stay locked until one of:
          aria_s3_batch resolve %1$s --retry    apply again, after the cause is removed
          aria_s3_batch resolve %1$s --discard  give it up; what it wrote stays
          aria_s3_batch resolve %1$s --force    apply over what others wrote\
        """
                .formatted(batch.batch(), reason == null ? "the daemon's log says why" : reason);
    }
}
