package aria.s3batch.ops;

import aria.s3batch.daemon.api.Problem;
import aria.s3batch.format.TableName;
import aria.s3batch.s3block.ObjectStore;
import aria.s3batch.s3block.TableChangedException;
import aria.s3batch.s3block.TableSnapshot;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

@Command(
        name = "pull",
        description = {
            "Copy S3 tables to local files that a MariaDB server opens as Aria tables:"
                + " DIR/db/table.frm, .MAI and .MAD, of a partitioned table .par and the files of"
                + " all its partitions. Needs no daemon, changes nothing in the bucket.",
            "",
            "Every page is verified. A copy is the table as it was at one moment: if a batch or an"
                    + " ALTER changes it meanwhile, nothing is left of the copy and the command"
                    + " fails. The files get their names when all of them are on the disk."
        })
final class PullCommand extends BucketVerb {
    @Parameters(
            arity = "1..*",
            paramLabel = "TABLE",
            description =
                    "db.table, or db/table as in the bucket. One partition (db.table#P#p0) has no"
                            + " .frm: it is for stage.")
    List<TableName> tables = List.of();

    @SuppressWarnings("NullAway.Init") // required: picocli sets it
    @Option(
            names = "--to",
            required = true,
            paramLabel = "DIR",
            description =
                    "Directory of databases, such as a server's data directory; the files go to"
                            + " DIR/db.")
    Path to;

    @Option(
            names = "--force",
            description = "Replace files that are there. No server may have that table open.")
    boolean force;

    /**
     * A table that was copied.
     *
     * @param bytes of the .MAI and .MAD
     */
    private record PulledDocument(String table, List<String> files, long blocks, long bytes) {}

    private record Pulled(List<PulledDocument> tables) {}

    @Override
    int run() throws ProblemException, IOException {
        Pulled pulled = inBucket(this::pull);
        output.result(pulled, () -> pulled.tables().forEach(this::print));
        return 0;
    }

    private Pulled pull(ObjectStore store) throws ProblemException, IOException {
        var pulled = new ArrayList<PulledDocument>();
        try (var transfers = new Transfers()) {
            for (TableName table : tables) {
                pulled.add(pull(store, table, transfers));
            }
        } catch (TableChangedException e) {
            throw new ProblemException(Problem.of(Problem.Kind.FAILED, IoFailure.words(e)), e);
        }
        return new Pulled(pulled);
    }

    private PulledDocument pull(ObjectStore store, TableName table, Transfers transfers)
            throws ProblemException, IOException {
        TableSnapshot snapshot = TableSnapshot.open(store, table);
        Path directory = to.resolve(table.database());
        try (var files = PulledTable.create(directory, snapshot, force)) {
            try (var progress =
                    Progress.of(
                            output.streams(),
                            "pull " + table.display(),
                            "MiB",
                            snapshot.bytes() >> 20)) {
                snapshot.read(
                        files,
                        transfers.room,
                        (done, total) -> progress.at(done >> 20, total >> 20));
            }
            return new PulledDocument(
                    table.display(),
                    files.publish().stream().map(Path::toString).toList(),
                    snapshot.blocks(),
                    snapshot.bytes());
        }
    }

    private void print(PulledDocument table) {
        output.say(
                "pulled %s: %s in %d blocks, to %s"
                        .formatted(
                                table.table(),
                                Sizes.of(table.bytes()),
                                table.blocks(),
                                String.join(" ", table.files())));
    }
}
