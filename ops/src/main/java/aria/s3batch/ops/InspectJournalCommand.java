package aria.s3batch.ops;

import aria.s3batch.daemon.api.Problem;
import aria.s3batch.recovery.BatchRecord;
import aria.s3batch.recovery.BlockRecord;
import aria.s3batch.recovery.CorruptJournalException;
import aria.s3batch.recovery.RocksJournal;
import aria.s3batch.recovery.TableRecord;

import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;

@Command(
        name = "journal",
        description = {
            "Show the batches in a commit journal: state, tables, and for each object what is to be"
                    + " done and what is done. Works beside a running daemon."
        })
final class InspectJournalCommand extends Verb {
    @Parameters(paramLabel = "DIR", description = "The journal folder of a cache directory.")
    Path dir = Path.of("");

    private record JournalDocument(String place, List<JournaledBatch> batches) {}

    private record JournaledBatch(
            String batch,
            String state,
            String committedAt,
            String reason,
            String readers,
            String fence,
            String durability,
            List<JournaledTable> tables) {}

    private record JournaledTable(
            String table, boolean headerChanged, long pages, List<JournaledObject> objects) {}

    /**
     * @param action put or delete
     */
    private record JournaledObject(String object, String action, int pages, boolean done) {}

    @Override
    int run() throws ProblemException, IOException {
        if (!Files.exists(dir.resolve("CURRENT"))) {
            throw ProblemException.of(
                    Problem.Kind.NOT_FOUND,
                    dir + " holds no journal: give the folder 'journal' of a cache directory");
        }
        JournalDocument document;
        try (RocksJournal journal = RocksJournal.openReadOnly(dir)) {
            document = read(journal);
        } catch (CorruptJournalException e) {
            throw new ProblemException(
                    Problem.of(Problem.Kind.QUARANTINED, String.valueOf(e.getMessage())), e);
        }
        output.result(document, () -> print(document));
        return 0;
    }

    private JournalDocument read(RocksJournal journal) throws IOException {
        List<JournaledBatch> batches = new ArrayList<>();
        for (BatchRecord batch : journal.batches()) {
            List<JournaledTable> tables = new ArrayList<>();
            for (int i = 0; i < batch.tables().size(); i++) {
                tables.add(table(journal, batch, i));
            }
            batches.add(
                    new JournaledBatch(
                            batch.id().toString(),
                            batch.state().name(),
                            Instant.ofEpochMilli(batch.committedAtMillis()).toString(),
                            batch.reason(),
                            batch.readers().word(),
                            journal.fence(batch.id()).name().toLowerCase(Locale.ROOT),
                            batch.hasCopy() ? "bucket, copy " + batch.copy() : "local",
                            tables));
        }
        return new JournalDocument(dir.toString(), batches);
    }

    private static JournaledTable table(RocksJournal journal, BatchRecord batch, int number)
            throws IOException {
        TableRecord table = batch.tables().get(number);
        Set<String> done = journal.objectsDone(batch.id(), number).keySet();
        List<JournaledObject> objects = new ArrayList<>();
        long pages = 0;
        for (BlockRecord block : journal.blocks(batch.id(), number)) {
            String name = block.block().toString();
            pages += block.pages().size();
            objects.add(
                    new JournaledObject(
                            name,
                            table.deletes(block) ? "delete" : "put",
                            block.pages().size(),
                            done.contains(name)));
        }
        return new JournaledTable(
                table.base().table().display(), table.headerChanged(), pages, objects);
    }

    private void print(JournalDocument document) {
        if (document.batches().isEmpty()) {
            output.out().println("no batches");
        }
        for (JournaledBatch batch : document.batches()) {
            output.out()
                    .println(
                            "%s %s, committed %s, readers %s, fence %s, durability %s"
                                    .formatted(
                                            batch.batch(),
                                            batch.state(),
                                            batch.committedAt(),
                                            batch.readers(),
                                            batch.fence(),
                                            batch.durability()));
            if (!batch.reason().isEmpty()) {
                output.out().println("  " + batch.reason());
            }
            for (JournaledTable table : batch.tables()) {
                output.out()
                        .println(
                                "  %s: %d pages, header %s"
                                        .formatted(
                                                table.table(),
                                                table.pages(),
                                                table.headerChanged() ? "changed" : "as it was"));
                for (JournaledObject object : table.objects()) {
                    output.out()
                            .println(
                                    "    %-14s %-6s %5d pages  %s"
                                            .formatted(
                                                    object.object(),
                                                    object.action(),
                                                    object.pages(),
                                                    object.done() ? "done" : "to do"));
                }
            }
        }
    }
}
