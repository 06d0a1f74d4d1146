package aria.s3batch.recovery;

import aria.s3batch.diskcache.CacheDirectory;
import aria.s3batch.diskcache.Disk;
import aria.s3batch.diskcache.PageFile;
import aria.s3batch.format.BatchId;
import aria.s3batch.format.TableName;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * What to make of the disk at start. Reads the journal and the batch folders, then: committed batches are
 * to be applied, quarantined ones are kept, ended ones are to be cleared away, folders that were never
 * committed are deleted. It touches nothing in S3, and may itself be killed at any point and run again.
 *
 * <p>Invariant R1: a folder is deleted only if the journal says that its batch ended, or if neither
 * journal nor commit mark know of a commit.
 */
public final class Recovery {
    private static final Logger log = LoggerFactory.getLogger(Recovery.class);

    private final CommitJournal journal;
    private final Disk disk;
    private final CacheDirectory cacheDir;

    public Recovery(CommitJournal journal, Disk disk, CacheDirectory cacheDir) {
        this.journal = journal;
        this.disk = disk;
        this.cacheDir = cacheDir;
    }

    /**
     * @param committed to be applied, or given up behind a fence that is still to be lowered; oldest first
     * @param quarantined to be kept until an operator resolves them
     * @param ended over, but for their locks and what the journal has of them
     * @param orphans committed by their mark, but lost by the journal
     * @param discarded how many open batches the last stop left, now deleted
     */
    public record Found(
            List<BatchRecord> committed,
            List<BatchRecord> quarantined,
            List<BatchRecord> ended,
            List<Orphan> orphans,
            int discarded) {}

    /**
     * A committed batch that the journal lost. Its pages are there, but not where they belong.
     *
     * @param tables those whose page files can still be read
     */
    public record Orphan(BatchId batch, List<TableName> tables, String reason) {}

    /** What an operator can do with a quarantined batch. */
    public enum Resolution {
        /** Verify and apply again. */
        RETRY,
        /**
         * Give it up. Objects that it has written already stay as they are, but for a fence, which is
         * lowered.
         */
        DISCARD,
        /** Apply it over what others wrote. */
        FORCE
    }

    /**
     * Sorts out what the last stop left.
     *
     * @throws CorruptJournalException nothing was deleted; the daemon must not start
     */
    public Found run() throws IOException {
        disk.createDirectories(cacheDir.batches());
        Map<BatchId, BatchRecord> known = new HashMap<>();
        for (BatchRecord batch : journal.batches()) {
            known.put(batch.id(), batch);
        }
        List<Orphan> orphans = new ArrayList<>();
        int discarded = 0;
        for (BatchId id : cacheDir.listBatches(disk)) {
            BatchFolder folder = folder(id);
            BatchRecord batch = known.get(id);
            if (batch == null && folder.isMarked()) {
                orphans.add(orphan(folder));
            } else if (batch == null) {
                folder.delete();
                discarded++;
                log.atInfo().addKeyValue("batch", id).log("open batch discarded");
            } else if (batch.state() == BatchRecord.State.COMMITTED && !folder.isMarked()) {
                // Killed between journal and mark: the second witness is due before anything else.
                folder.mark();
            }
        }
        List<BatchRecord> committed = new ArrayList<>();
        List<BatchRecord> quarantined = new ArrayList<>();
        List<BatchRecord> ended = new ArrayList<>();
        for (BatchRecord batch : known.values()) {
            switch (batch.state()) {
                case ENDED -> ended.add(batch);
                case COMMITTED, DISCARDED -> committed.add(batch);
                case QUARANTINED -> quarantined.add(batch);
            }
        }
        committed.sort(Comparator.comparing(BatchRecord::id));
        quarantined.sort(Comparator.comparing(BatchRecord::id));
        return new Found(committed, quarantined, ended, orphans, discarded);
    }

    public BatchFolder folder(BatchId batch) {
        return new BatchFolder(disk, cacheDir, batch);
    }

    private Orphan orphan(BatchFolder folder) throws IOException {
        List<TableName> tables = new ArrayList<>();
        for (Path file : disk.list(folder.path())) {
            if (!BatchFolder.isPageFile(file)) {
                continue;
            }
            try (PageFile pages = PageFile.open(disk, file)) {
                tables.add(pages.table());
            } catch (IOException e) {
                log.atWarn()
                        .addKeyValue("batch", folder.batch())
                        .addKeyValue("file", file)
                        .addKeyValue("cause", e.getMessage())
                        .log("page file of an orphaned batch cannot be read");
            }
        }
        String reason =
                ("this batch was committed, but the journal in %s has lost it: the journal is"
                     + " damaged or was replaced. Its pages are kept in %s. Put a copy of the"
                     + " journal folder back that was made after the commit and restart, or give"
                     + " the batch up with --discard")
                        .formatted(cacheDir.root().resolve("journal"), folder.path());
        log.atError()
                .addKeyValue("batch", folder.batch())
                .log(
                        "committed batch lost by the journal; its pages are kept, and it is"
                                + " quarantined");
        return new Orphan(folder.batch(), tables, reason);
    }

    /**
     * Carries out what an operator decided, durably. What is returned is the batch as the journal now has
     * it: apply it next, also when it was discarded.
     */
    public BatchRecord resolve(BatchRecord batch, Resolution resolution) throws IOException {
        assert batch.state() == BatchRecord.State.QUARANTINED : batch.state();
        if (resolution == Resolution.DISCARD) {
            BatchRecord discarded = batch.with(BatchRecord.State.DISCARDED, "", false);
            journal.update(discarded);
            return discarded;
        }
        boolean force = resolution == Resolution.FORCE;
        BatchRecord again = batch.with(BatchRecord.State.COMMITTED, "", force);
        if (force) {
            again = again.keepingUndo(false); // for good: what it overwrites was not laid aside
        }
        journal.update(again);
        return again;
    }

    /** Gives up an orphan: deletes its pages. */
    public void discard(Orphan orphan) throws IOException {
        folder(orphan.batch()).delete();
    }
}
