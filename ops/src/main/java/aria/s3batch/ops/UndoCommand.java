package aria.s3batch.ops;

import aria.s3batch.daemon.api.BatchDocument;
import aria.s3batch.daemon.api.BatchStateDocument;
import aria.s3batch.daemon.api.BegunDocument;
import aria.s3batch.daemon.api.Problem;
import aria.s3batch.daemon.api.UndoSetDocument;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

import java.util.Map;

@Command(
        name = "undo",
        description = {
            "Put the tables of an applied batch back to what they were before it. The batch must"
                    + " have been committed with --keep-undo, and nothing of its tables may have"
                    + " been changed since (exit code 3, nothing is changed then): only the last"
                    + " batch on a table is undone.",
            "",
            "This is a batch of its own, with its own id and receipt: it is committed as `commit`"
                    + " does, and cannot be lost then. With --keep-undo it can be undone, too."
        })
final class UndoCommand extends DaemonVerb {
    @Parameters(arity = "0..1", paramLabel = "BATCH", description = "The batch to undo.")
    @Nullable String batch;

    @Option(names = "--list", description = "List the batches of which something is kept.")
    boolean list;

    @Option(
            names = "--forget",
            description = "Delete what is kept of BATCH: it cannot be undone then.")
    boolean forget;

    @Option(names = "--no-wait", description = "Return when it is committed.")
    boolean noWait;

    @Mixin ReadersOption readers = new ReadersOption();

    @Mixin DurabilityOption durability = new DurabilityOption();

    @Mixin KeepUndoOption undo = new KeepUndoOption();

    @Override
    void run(DaemonClient daemon) throws ProblemException {
        String id = batch;
        if (list == (id != null) || list && forget) {
            throw ProblemException.usage("give BATCH, --forget BATCH or --list");
        }
        if (id == null) {
            UndoSetDocument sets = daemon.undoSets();
            output.result(sets, () -> sets.sets().forEach(this::print));
        } else if (forget) {
            daemon.forgetUndo(batchId(id));
            output.result(
                    Map.of("batch", id), () -> output.say("batch " + id + " cannot be undone now"));
        } else {
            undo(daemon, batchId(id));
        }
    }

    private void print(UndoSetDocument.UndoSet set) {
        output.out()
                .println(
                        "%s %s, %d objects, %s, expires %s"
                                .formatted(
                                        set.batch(),
                                        set.complete() ? "can be undone" : "not applied",
                                        set.objects(),
                                        Sizes.of(set.bytes()),
                                        set.expiresAt()));
    }

    private void undo(DaemonClient daemon, String undone) throws ProblemException {
        BegunDocument begun = daemon.undo(undone);
        var committing =
                new Committing(
                        daemon,
                        output,
                        begun.batch(),
                        readers.word(),
                        durability.word(),
                        undo.keepUndo);
        BatchStateDocument committed;
        try {
            committed = committing.commit();
        } catch (NoAnswerException e) {
            throw e;
        } catch (ProblemException e) {
            try {
                daemon.abort(begun.batch());
            } catch (ProblemException notAborted) {
                e.addSuppressed(notAborted);
                throw new ProblemException(
                        Problem.of(
                                e.kind(),
                                "%s. Batch %s, which was to undo %s, could not be aborted either: %s. It is aborted when this command has ended"
                                        .formatted(
                                                WorkBatch.withoutState(e.getMessage()),
                                                begun.batch(),
                                                undone,
                                                notAborted.getMessage()),
                                begun.batch(),
                                null),
                        e);
            }
            throw new ProblemException(
                    Problem.of(
                            e.kind(),
                            "%s. Nothing was changed: batch %s, which was to undo %s, is aborted"
                                    .formatted(
                                            WorkBatch.withoutState(e.getMessage()),
                                            begun.batch(),
                                            undone),
                            begun.batch(),
                            null),
                    e);
        }
        if (noWait) {
            output.result(
                    committed,
                    () ->
                            output.say(
                                    "batch %s, which undoes %s, is committed and being applied"
                                            .formatted(begun.batch(), undone)));
            return;
        }
        BatchDocument ended = committing.awaitApplied();
        output.result(
                new BatchStateDocument(begun.batch(), ended.state()),
                () -> output.say(Committing.applied(ended) + ". It undoes batch " + undone));
    }
}
