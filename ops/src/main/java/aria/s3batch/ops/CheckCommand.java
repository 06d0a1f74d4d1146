package aria.s3batch.ops;

import aria.s3batch.daemon.api.Problem;
import aria.s3batch.format.TableName;
import aria.s3batch.s3block.ObjectStore;
import aria.s3batch.s3block.Partitions;
import aria.s3batch.s3block.TableCheck;

import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

@Command(
        name = "check",
        description = {
            "Read S3 tables whole and verify header, blocks, lengths and page checksums: more than"
                    + " CHECK TABLE sees. Needs no daemon, never writes. Damage is exit code 4.",
            "",
            "A table to which a batch is just being applied is half old and half new: expect"
                    + " findings then."
        })
final class CheckCommand extends BucketVerb {
    /** Blocks at a time: two of the largest of each in memory fit the launcher's heap. */
    private static final int CONCURRENCY = 4;

    @Parameters(
            arity = "1..*",
            paramLabel = "TABLE",
            description =
                    "db.table, or db/table as in the bucket. A partitioned table means all its"
                            + " partitions.")
    List<TableName> tables = List.of();

    /**
     * The result with --json.
     *
     * @param findingsTotal may be more than are listed
     */
    private record CheckedTable(
            String table,
            long blocks,
            long pages,
            List<TableCheck.Finding> findings,
            long findingsTotal) {}

    private record Checked(boolean clean, List<CheckedTable> tables) {}

    @Override
    int run() throws ProblemException, IOException {
        List<CheckedTable> checked = inBucket(this::check);
        boolean clean = checked.stream().allMatch(table -> table.findingsTotal() == 0);
        output.result(new Checked(clean, checked), () -> checked.forEach(this::print));
        if (clean) {
            return 0;
        }
        output.say(
                "aria_s3_batch: damage found: do not write to it; restore it, or compare it with a"
                        + " copy");
        return Problem.Kind.QUARANTINED.exitCode();
    }

    private List<CheckedTable> check(ObjectStore store) throws IOException {
        var checked = new ArrayList<CheckedTable>();
        try (ExecutorService readers = Executors.newFixedThreadPool(CONCURRENCY)) {
            for (TableName named : tables) {
                for (TableName table : Partitions.expand(store, named)) {
                    checked.add(check(store, table, readers));
                }
            }
        }
        return checked;
    }

    private CheckedTable check(ObjectStore store, TableName table, ExecutorService readers)
            throws IOException {
        TableCheck.Result result;
        try (var progress =
                Progress.of(output.streams(), "check " + table.display(), "blocks", 0)) {
            result = TableCheck.run(store, table, readers, CONCURRENCY, progress::at);
        }
        return new CheckedTable(
                table.display(),
                result.blocks(),
                result.pages(),
                result.findings(),
                result.findingsTotal());
    }

    private void print(CheckedTable table) {
        output.out()
                .println(
                        "%s: %s, %d blocks, %d pages"
                                .formatted(
                                        table.table(),
                                        table.findingsTotal() == 0 ? "OK" : "DAMAGED",
                                        table.blocks(),
                                        table.pages()));
        for (TableCheck.Finding finding : table.findings()) {
            output.out().println("  %s %s".formatted(finding.object(), finding.what()));
        }
        long unlisted = table.findingsTotal() - table.findings().size();
        if (unlisted > 0) {
            output.out().println("  and %d more".formatted(unlisted));
        }
    }
}
