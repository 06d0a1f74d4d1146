package aria.s3batch.ops;

import aria.s3batch.daemon.api.BatchDocument;
import aria.s3batch.daemon.api.BatchStateDocument;
import aria.s3batch.daemon.api.Problem;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

@Command(
        name = "watch",
        description = {
            "Follow a batch until it is applied, with a progress bar, and end as its commit would:"
                    + " with 0, or with 4 if it is quarantined. Changes nothing; Ctrl-C ends the"
                    + " watching alone.",
            "",
            "A batch that is still open is waited for, too."
        })
final class WatchCommand extends DaemonVerb {
    private static final long OPEN_POLL_MS = 500;

    @Parameters(
            arity = "0..1",
            paramLabel = "BATCH",
            description = "Batch id, as begin printed it; by default the only batch there is.")
    @Nullable String batch;

    @Override
    void run(DaemonClient daemon) throws ProblemException {
        String id = batch == null ? only(daemon.status().batches()) : batchId(batch);
        if (id == null) {
            output.result(
                    Map.of("batches", List.of()), () -> output.say("there is no batch to watch"));
            return;
        }
        BatchDocument ended = awaitCommit(daemon, id);
        if (!ended.state().equals("APPLIED")) {
            ended = new Committing(daemon, output, id, null, null, null).awaitApplied();
        }
        BatchDocument applied = ended;
        output.result(
                new BatchStateDocument(id, applied.state()),
                () -> output.say(Committing.applied(applied)));
    }

    private static @Nullable String only(List<BatchDocument> batches) throws ProblemException {
        if (batches.size() > 1) {
            throw ProblemException.usage(
                    "which batch? There are %d:%n%s"
                            .formatted(
                                    batches.size(),
                                    batches.stream()
                                            .map(each -> each.batch() + " " + each.state())
                                            .collect(Collectors.joining(System.lineSeparator()))));
        }
        return batches.isEmpty() ? null : batches.getFirst().batch();
    }

    /** Until it is no more open; an open one can stay so for days. */
    private BatchDocument awaitCommit(DaemonClient daemon, String id) throws ProblemException {
        BatchDocument now = daemon.batch(id);
        if (now.state().equals("OPEN")) {
            output.say(
                    "batch %s is open, with %d pages: waiting for its commit"
                            .formatted(id, now.pages()));
        }
        while (now.state().equals("OPEN")) {
            try {
                TimeUnit.MILLISECONDS.sleep(OPEN_POLL_MS); // another process: nothing to wait on
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw ProblemException.of(Problem.Kind.FAILED, "interrupted", id);
            }
            now = daemon.batch(id);
        }
        if (now.state().equals("ABORTED")) {
            throw ProblemException.of(
                    Problem.Kind.REFUSED,
                    "batch %1$s is ABORTED: nothing of it was written, unless it was committed and then given up (`aria_s3_batch show %1$s`)"
                            .formatted(id),
                    id);
        }
        return now;
    }
}
