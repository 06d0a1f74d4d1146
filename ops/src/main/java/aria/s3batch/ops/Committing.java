package aria.s3batch.ops;

import aria.s3batch.daemon.api.BatchDocument;
import aria.s3batch.daemon.api.BatchStateDocument;
import aria.s3batch.daemon.api.Problem;
import aria.s3batch.recovery.Readers;

import org.jspecify.annotations.Nullable;

import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/** The end of a batch that is kept: commit, then wait until it is applied, with a progress bar. */
final class Committing {
    /** The first look comes soon, as most batches are small; the later ones cost the daemon little. */
    private static final long POLL_MS_MIN = 10;

    private static final long POLL_MS_MAX = 250;

    /** Of the time that was waited, what may be waited for nothing. */
    private static final int POLL_SHARE = 10;

    private final DaemonClient daemon;
    private final Output output;
    private final String batch;
    private final @Nullable String readers;
    private final @Nullable String durability;
    private final @Nullable Boolean keepUndo;

    /** What to say when this program ends now; empty for nothing. */
    private volatile String atEnd = "";

    /**
     * @param readers what they see meanwhile; null: as the daemon's option says
     * @param durability what it survives; likewise
     * @param keepUndo whether it can be undone; likewise
     */
    Committing(
            DaemonClient daemon,
            Output output,
            String batch,
            @Nullable String readers,
            @Nullable String durability,
            @Nullable Boolean keepUndo) {
        this.daemon = daemon;
        this.output = output;
        this.batch = batch;
        this.readers = readers;
        this.durability = durability;
        this.keepUndo = keepUndo;
        Runtime.getRuntime().addShutdownHook(new Thread(this::interrupted, "say-where-it-is"));
    }

    /**
     * On return the batch cannot be lost.
     *
     * @throws NoAnswerException the daemon went away: what is known then is in the message
     * @throws ProblemException refused; the batch is open as before
     */
    BatchStateDocument commit() throws ProblemException {
        atEnd =
                "batch %1$s was being committed; whether it is, says: aria_s3_batch status %1$s"
                        .formatted(batch);
        try {
            return daemon.commit(batch, readers, durability, keepUndo);
        } catch (NoAnswerException e) {
            if (!e.sent()) {
                throw e;
            }
            throw new NoAnswerException(
                    e.getMessage()
                            + ". Whether batch %s is committed is not known here: if so, the daemon applies it when it runs again and `aria_s3_batch status %s` shows it, if not, nothing was changed"
                                    .formatted(batch, batch),
                    true,
                    e);
        } finally {
            atEnd = "";
        }
    }

    /**
     * Waits until the committed batch is applied; Ctrl-C ends the wait and nothing else, and says so.
     *
     * @throws ProblemException it is quarantined, or the daemon is gone
     */
    BatchDocument awaitApplied() throws ProblemException {
        atEnd =
                "batch %1$s is committed and goes on without this command; see: aria_s3_batch status %1$s"
                        .formatted(batch);
        BatchDocument ended;
        try {
            ended = awaitEnd();
        } finally {
            atEnd = "";
        }
        if (ended.state().equals("QUARANTINED")) {
            throw ProblemException.of(Problem.Kind.QUARANTINED, quarantined(ended), batch);
        }
        return ended;
    }

    /** What to say of a batch that is applied. */
    static String applied(BatchDocument ended) {
        return "batch %s is applied: %d pages, %d objects. %s"
                .formatted(ended.batch(), ended.pages(), ended.blocksTotal(), onServers(ended));
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
    private void interrupted() {
        if (!atEnd.isEmpty()) {
            output.say("\n" + atEnd);
        }
    }

    private BatchDocument awaitEnd() throws ProblemException {
        long started = System.nanoTime();
        try (var progress = Progress.of(output.streams(), "apply", "blocks", 0)) {
            while (true) {
                BatchDocument now = poll();
                progress.at(now.blocksDone(), now.blocksTotal());
                switch (now.state()) {
                    case "COMMITTED", "APPLYING" -> {
                        long waitedMs = (System.nanoTime() - started) / 1_000_000;
                        TimeUnit.MILLISECONDS.sleep(
                                Math.clamp(waitedMs / POLL_SHARE, POLL_MS_MIN, POLL_MS_MAX));
                    }
                    case "APPLIED", "QUARANTINED" -> {
                        return now;
                    }
                    default ->
                            throw ProblemException.of(
                                    Problem.Kind.FAILED,
                                    "batch %s was committed and is %s now: someone else resolved it; check its tables"
                                            .formatted(batch, now.state()),
                                    batch);
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw ProblemException.of(
                    Problem.Kind.FAILED,
                    "interrupted; batch %s is committed and goes on".formatted(batch),
                    batch);
        }
    }

    private BatchDocument poll() throws ProblemException {
        try {
            return daemon.batch(batch);
        } catch (NoAnswerException e) {
            throw new ProblemException(
                    Problem.of(
                            Problem.Kind.UNREACHABLE,
                            "the daemon is gone; batch %s is committed and will be applied when the daemon starts again. %s"
                                    .formatted(batch, e.getMessage()),
                            batch,
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
                                    .formatted(batch),
                            batch,
                            null),
                    e);
        }
    }

    private static String quarantined(BatchDocument ended) {
        String reason = ended.reason();
        return """
        batch %1$s is quarantined: %2$s
        Its pages are kept and its tables stay locked until one of:
          aria_s3_batch resolve %1$s --retry    apply again, after the cause is removed
          aria_s3_batch resolve %1$s --discard  give it up; what it wrote stays
          aria_s3_batch resolve %1$s --force    apply over what others wrote\
        """
                .formatted(ended.batch(), reason == null ? "the daemon's log says why" : reason);
    }
}
