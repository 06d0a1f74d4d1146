package aria.s3batch.ops;

import aria.s3batch.daemon.DaemonSettings;
import aria.s3batch.daemon.TableHold;
import aria.s3batch.daemon.api.Problem;
import aria.s3batch.format.ObjectNames;
import aria.s3batch.format.TableName;
import aria.s3batch.ops.sql.ReaderServers;
import aria.s3batch.recovery.TableObjects;
import aria.s3batch.recovery.WholeTable;
import aria.s3batch.s3block.AwsObjectStore;
import aria.s3batch.s3block.NoSuchTableException;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

@Command(
        name = "drop",
        description = {
            "Delete S3 tables, with all their partitions: every object below db/table/ and"
                    + " db/table#P#, and nothing else. Says what that is, and asks. There is no way"
                    + " back: `pull` makes a copy. Needs no daemon; refused while a batch has the"
                    + " table.",
            "",
            "The definition goes first, so that no server finds half a table. If it is killed, run"
                    + " it again."
        })
final class DropCommand extends BucketVerb {
    @Parameters(
            arity = "1..*",
            paramLabel = "TABLE",
            description = "db.table, or db/table as in the bucket.")
    List<TableName> tables = List.of();

    @Option(names = "--yes", description = "Do not ask.")
    boolean yes;

    /**
     * A table that was deleted.
     *
     * @param bytes as they were stored
     */
    private record DroppedTable(String table, long objects, long bytes) {}

    private record Dropped(List<DroppedTable> tables) {}

    @Override
    int run() throws ProblemException, IOException {
        for (TableName table : tables) {
            if (table.isPartition()) {
                throw ProblemException.usage(
                        "%s is a partition: without it no server can read the table. Drop %s, or ALTER TABLE ... DROP PARTITION. Nothing was deleted"
                                .formatted(table.display(), table.base().display()));
            }
        }
        if (!yes && !output.streams().errIsTerminal()) {
            throw ProblemException.usage(
                    "nobody can be asked here: --yes deletes without asking. Nothing was deleted");
        }
        Dropped dropped =
                changeBucket(
                        (store, settings) -> {
                            var gone = new ArrayList<DroppedTable>();
                            for (TableName table : tables) {
                                gone.add(drop(table, store, settings));
                            }
                            return new Dropped(gone);
                        });
        output.result(
                dropped,
                () ->
                        dropped.tables()
                                .forEach(
                                        table ->
                                                output.say(
                                                        "dropped %s: %d objects, %s"
                                                                .formatted(
                                                                        table.table(),
                                                                        table.objects(),
                                                                        Sizes.of(table.bytes())))));
        return 0;
    }

    private DroppedTable drop(TableName table, AwsObjectStore store, DaemonSettings settings)
            throws ProblemException, IOException {
        try (TableHold hold = TableHold.take(settings, store, table, Watching.on(output));
                var transfers = new Transfers()) {
            WholeTable whole = hold.table(transfers.room, ReaderServers.of(settings));
            TableObjects found = whole.look();
            if (found.count() == 0) {
                throw new NoSuchTableException(table, new ObjectNames(table).frm(), store);
            }
            say(table, found);
            if (!yes) {
                ask(table);
            }
            try (var bars = new TransferBars(output.streams(), table)) {
                whole.remove(found, bars);
            } catch (IOException e) {
                throw brokenOff(whole, table, "drop", e);
            }
            return new DroppedTable(table.display(), found.count(), found.bytes());
        }
    }

    private void say(TableName table, TableObjects found) {
        String others =
                found.others().isEmpty()
                        ? ""
                        : "; %d of them belong to no S3 table, such as %s"
                                .formatted(found.others().size(), found.others().firstKey());
        String partitions =
                found.isPartitioned() ? " in %d partitions".formatted(found.headerCount()) : "";
        String half = found.isReadable() ? "" : ", what is left of a table that cannot be read";
        output.say(
                "%s: %d objects%s, %s%s%s"
                        .formatted(
                                table.display(),
                                found.count(),
                                partitions,
                                Sizes.of(found.bytes()),
                                half,
                                others));
    }

    private void ask(TableName table) throws ProblemException, IOException {
        output.streams().err().print("Delete " + table.display() + " for good? [yes/no] ");
        output.streams().err().flush();
        var answer = new ByteArrayOutputStream();
        for (int letter = output.streams().in().read();
                letter >= 0 && letter != '\n';
                letter = output.streams().in().read()) {
            answer.write(letter);
        }
        if (!answer.toString(StandardCharsets.UTF_8).strip().equals("yes")) {
            throw ProblemException.of(
                    Problem.Kind.FAILED, table.display() + " stays: nothing of it was deleted");
        }
    }
}
