package aria.s3batch.ops;

import aria.s3batch.daemon.api.TableDocument;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

import java.io.IOException;
import java.nio.file.Path;

@Command(
        name = "stage",
        description = {
            "Stage every page in which a changed local copy of the table differs from the table as"
                    + " the batch sees it.",
            "",
            "DIR holds the table's .MAI and .MAD, named as in the bucket (sp@002dx.MAI), made by"
                + " aria_s3_copy or ALTER TABLE ... ENGINE=Aria TRANSACTIONAL=0, changed by SQL,"
                + " and closed: run FLUSH TABLES first (FLUSH TABLES ... FOR EXPORT leaves the"
                + " table marked open). Partitions are staged one by one. The whole table is read"
                + " from S3 once; staging again is harmless."
        })
final class StageCommand extends DaemonVerb {
    @Parameters(index = "0", paramLabel = "BATCH", description = "Batch id, as begin printed it.")
    String batch = "";

    @SuppressWarnings("NullAway.Init") // required: picocli sets it
    @Parameters(
            index = "1",
            paramLabel = "TABLE",
            description = "db.table, or db/table as in the bucket; one partition as db.table#P#p0.")
    TableName table;

    @SuppressWarnings("NullAway.Init") // required: picocli sets it
    @Option(
            names = "--from",
            required = true,
            paramLabel = "DIR",
            description = "Directory of the changed local copy.")
    Path from;

    @Override
    void run(DaemonClient daemon) throws ProblemException, IOException {
        String id = batchId(batch);
        try (LocalCopy local = LocalCopy.open(from, table)) {
            TableDocument seen = daemon.table(id, table);
            long pages =
                    (local.length(TableFile.INDEX) + local.length(TableFile.DATA))
                            / seen.pageBytes();
            Staging.Staged staged;
            try (var progress = Progress.of(output.streams(), "compare", "pages", pages)) {
                staged = new Staging(daemon, id, table, seen, local, progress).run();
            }
            output.result(
                    staged,
                    () ->
                            output.say(
                                    "staged %d of %d pages of %s%s"
                                            .formatted(
                                                    staged.pagesStaged(),
                                                    staged.pages(),
                                                    staged.table(),
                                                    staged.truncated()
                                                            ? "; it became shorter"
                                                            : "")));
        }
    }
}
