package aria.s3batch.ops;

import aria.s3batch.daemon.api.BatchStateDocument;
import aria.s3batch.daemon.api.ResolutionDocument;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

import java.util.List;

@Command(
        name = "resolve",
        description = {
            "End the quarantine of a batch, in one of three ways. Without one of them, show what"
                    + " each would do to this batch now, and do nothing.",
            "",
            "`aria_s3_batch status BATCH` says why it is quarantined. Until it is resolved its"
                    + " tables stay locked and its pages are kept."
        })
final class ResolveCommand extends DaemonVerb {
    @Parameters(paramLabel = "BATCH", description = "Batch id, as begin printed it.")
    String batch = "";

    private static final int COLUMNS = 80;
    private static final String INDENT = "    ";

    /** Of the objects that others changed; all with {@code --json}. */
    private static final int KEYS_SHOWN_MAX = 20;

    @ArgGroup(exclusive = true, multiplicity = "0..1")
    @Nullable Action action;

    /** Exactly one is set. */
    static final class Action {
        @Option(
                names = "--retry",
                required = true,
                description = "Verify and apply again: after the cause has been removed.")
        boolean retry;

        @Option(
                names = "--discard",
                required = true,
                description =
                        "Give the batch up. Blocks that it has already written stay as they are:"
                                + " check the table afterwards. A fence is lowered: readers find"
                                + " the table again.")
        boolean discard;

        @Option(
                names = "--force",
                required = true,
                description =
                        "Apply over what others wrote to the same blocks: their change is lost.")
        boolean force;

        String word() {
            return retry ? "retry" : discard ? "discard" : "force";
        }
    }

    @Override
    void run(DaemonClient daemon) throws ProblemException {
        if (action == null) {
            ResolutionDocument outlook = daemon.outlook(batchId(batch));
            output.result(outlook, () -> print(outlook));
            return;
        }
        BatchStateDocument resolved = daemon.resolve(batchId(batch), action.word());
        output.result(
                resolved,
                () -> output.say("batch " + resolved.batch() + " is now " + resolved.state()));
    }

    private void print(ResolutionDocument outlook) {
        line(
                "%s QUARANTINED %d pages, %d of %d objects written%s"
                        .formatted(
                                outlook.batch(),
                                outlook.pages(),
                                outlook.written(),
                                outlook.objects(),
                                outlook.fenced() ? ", fenced" : ""));
        print("changed by others:", outlook.changed());
        print("deleted by others:", outlook.deleted());
        print("--retry", outlook.retry());
        print("--discard", outlook.discard());
        print("--force", outlook.force());
    }

    private void print(String title, List<String> keys) {
        if (!keys.isEmpty()) {
            line(title);
            keys.stream().limit(KEYS_SHOWN_MAX).forEach(key -> line(INDENT + key));
        }
        if (keys.size() > KEYS_SHOWN_MAX) {
            line(INDENT + "and %d more".formatted(keys.size() - KEYS_SHOWN_MAX));
        }
    }

    private void print(String option, String does) {
        line(option);
        Wrap.lines(does, COLUMNS - INDENT.length()).forEach(each -> line(INDENT + each));
    }

    private void line(String line) {
        output.out().println(line);
    }
}
