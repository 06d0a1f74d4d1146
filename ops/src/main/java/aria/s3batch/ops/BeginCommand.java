package aria.s3batch.ops;

import aria.s3batch.daemon.api.BegunDocument;

import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

import java.util.List;

@Command(
        name = "begin",
        description = {
            "Lock tables for one writer and open a batch on them. Prints the batch id, alone, on"
                    + " stdout.",
            "",
            "Servers go on reading; nothing in the bucket changes before commit. A table that is in"
                + " a batch already is refused at once. A batch that is not committed is gone when"
                + " the daemon stops."
        })
final class BeginCommand extends DaemonVerb {
    @Parameters(
            arity = "1..*",
            paramLabel = "TABLE",
            description =
                    "db.table, or db/table as in the bucket. A partitioned table means all its"
                            + " partitions; db.table#P#p0 means one.")
    List<String> tables = List.of();

    @Override
    void run(DaemonClient daemon) throws ProblemException {
        BegunDocument begun = daemon.begin(tables);
        output.say("locked: " + String.join(", ", begun.tables()));
        output.result(begun, () -> output.out().println(begun.batch()));
    }
}
