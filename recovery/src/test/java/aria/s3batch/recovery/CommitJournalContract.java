package aria.s3batch.recovery;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.format.BatchId;
import aria.s3batch.format.BlockName;
import aria.s3batch.format.TableFile;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;

import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.util.List;
import java.util.Map;

/** What every {@link CommitJournal} promises. */
abstract class CommitJournalContract {
    /** An empty journal. */
    abstract CommitJournal create() throws IOException;

    /** The same journal after its process ended and another began. */
    abstract CommitJournal reopen(CommitJournal journal) throws IOException;

    private static BatchId id(long number) {
        return BatchId.of(number, 1, 2);
    }

    @Property(tries = 40)
    void everyBatchIsReadAsItWasCommitted(@ForAll long seed) throws IOException {
        JournalRows rows = JournalRows.random(seed);
        try (CommitJournal journal = create()) {
            journal.commit(rows.batch(), rows.blocks());
            assertThat(journal.batches()).hasSize(1);
            assertThat(JournalRows.of(journal, journal.batches().getFirst()))
                    .isEqualTo(rows.text());
        }
    }

    @Test
    void committedBatchSurvivesCloseAndReopen() throws IOException {
        JournalRows rows = JournalRows.random(1);
        CommitJournal journal = create();
        journal.commit(rows.batch(), rows.blocks());
        try (CommitJournal again = reopen(journal)) {
            assertThat(JournalRows.of(again, again.batches().getFirst())).isEqualTo(rows.text());
        }
    }

    @Test
    void batchesAreListedOldestFirst() throws IOException {
        try (CommitJournal journal = create()) {
            for (long number : new long[] {300, 7, 70_000, 41}) {
                journal.commit(batch(number), List.of());
            }
            assertThat(journal.batches())
                    .extracting(BatchRecord::id)
                    .containsExactly(id(7), id(41), id(300), id(70_000));
        }
    }

    private static BatchRecord batch(long number) {
        return new BatchRecord(
                id(number),
                BatchRecord.State.COMMITTED,
                number,
                "",
                "",
                false,
                Readers.NONE,
                "",
                false,
                0,
                false,
                false,
                List.of(),
                List.of());
    }

    @Test
    void forgottenBatchLeavesNoRowAndOthersStay() throws IOException {
        JournalRows one = JournalRows.random(5);
        JournalRows other = JournalRows.random(6);
        try (CommitJournal journal = create()) {
            for (JournalRows rows : List.of(one, other)) {
                journal.commit(rows.batch(), rows.blocks());
                journal.objectDone(rows.batch().id(), 0, "aria", DoneObject.of("etag"));
            }
            journal.forget(one.batch().id());
            assertThat(journal.batches()).hasSize(1);
            assertThat(journal.objectsDone(one.batch().id(), 0)).isEmpty();
            assertThat(journal.blocks(one.batch().id(), 0)).isEmpty();
            assertThat(JournalRows.of(journal, journal.batches().getFirst()))
                    .isEqualTo(other.text());
            assertThat(journal.objectsDone(other.batch().id(), 0)).containsKey("aria");

            journal.forget(other.batch().id());
            assertEmpty(journal);
        }
    }

    /** Nothing is left of any batch. */
    void assertEmpty(CommitJournal journal) throws IOException {
        assertThat(journal.batches()).isEmpty();
    }

    @Test
    void objectsDoneAreNotedByTableWithTheirETagAndChecksums() throws IOException {
        CommitJournal journal = create();
        journal.objectDone(id(1), 0, "data/000001", DoneObject.of("etag-1"));
        var whole = new DoneObject("etag-2", -7, 0);
        journal.objectDone(id(1), 0, "data/000001", whole);
        journal.objectDone(id(1), 0, "data/000002", new DoneObject("etag-6", 5, null));
        journal.objectDone(id(1), 0, "index/000009", DoneObject.of(""));
        journal.objectDone(id(1), 1, "aria", DoneObject.of("etag-3"));
        journal.objectDone(id(1), 256, "aria", DoneObject.of("etag-4"));
        journal.objectDone(id(2), 0, "aria", DoneObject.of("etag-5"));
        try (CommitJournal again = reopen(journal)) {
            assertThat(again.objectsDone(id(1), 0))
                    .isEqualTo(
                            Map.of(
                                    "data/000001",
                                    whole,
                                    "data/000002",
                                    new DoneObject("etag-6", 5, null),
                                    "index/000009",
                                    DoneObject.of("")));
            assertThat(again.objectsDone(id(1), 1))
                    .isEqualTo(Map.of("aria", DoneObject.of("etag-3")));
            assertThat(again.objectsDone(id(1), 256))
                    .isEqualTo(Map.of("aria", DoneObject.of("etag-4")));
            assertThat(again.objectsDone(id(2), 0))
                    .isEqualTo(Map.of("aria", DoneObject.of("etag-5")));
            assertThat(again.objectsDone(id(3), 0)).isEmpty();
        }
    }

    @Test
    void fenceIsDownUntilItIsNotedAndEndsWithTheBatch() throws IOException {
        JournalRows rows = JournalRows.random(8);
        BatchId batch = rows.batch().id();
        CommitJournal journal = create();
        journal.commit(rows.batch(), rows.blocks());
        assertThat(journal.fence(batch)).isEqualTo(Fence.DOWN);
        for (Fence fence : new Fence[] {Fence.RISING, Fence.UP, Fence.DOWN, Fence.RISING}) {
            journal.setFence(batch, fence);
            journal = reopen(journal);
            assertThat(journal.fence(batch)).isEqualTo(fence);
            assertThat(journal.fence(id(77))).isEqualTo(Fence.DOWN);
        }
        journal.forget(batch);
        assertThat(journal.fence(batch)).isEqualTo(Fence.DOWN);
        assertEmpty(journal);
        journal.close();
    }

    @Test
    void updateReplacesTheBatchAndKeepsItsBlocks() throws IOException {
        JournalRows rows = JournalRows.random(8);
        CommitJournal journal = create();
        journal.commit(rows.batch(), rows.blocks());
        BatchRecord changed = rows.batch().with(BatchRecord.State.QUARANTINED, "because", true);
        journal.update(changed);
        try (CommitJournal again = reopen(journal)) {
            assertThat(JournalRows.of(again, again.batches().getFirst()))
                    .isEqualTo(new JournalRows(changed, rows.blocks()).text());
        }
    }

    @Test
    void rebaseReplacesOneBlock() throws IOException {
        var pages = new PageTable.Builder().add(3, 4, 5).build();
        var one = new BlockRecord(new BlockName(TableFile.DATA, 1), "old", pages);
        var two = new BlockRecord(new BlockName(TableFile.DATA, 2), null, PageTable.EMPTY);
        JournalRows rows = JournalRows.random(8);
        var batch =
                new BatchRecord(
                        rows.batch().id(),
                        BatchRecord.State.COMMITTED,
                        1,
                        "alice",
                        "",
                        true,
                        Readers.FENCE,
                        "0011223344556677",
                        true,
                        2,
                        true,
                        true,
                        rows.batch().definitions(),
                        rows.batch().tables().subList(0, 1));
        CommitJournal journal = create();
        journal.commit(batch, List.of(List.of(one, two)));
        journal.rebase(batch.id(), 0, one.withBaseEtag("new"));
        try (CommitJournal again = reopen(journal)) {
            assertThat(JournalRows.of(again, again.batches().getFirst()))
                    .isEqualTo(
                            new JournalRows(batch, List.of(List.of(one.withBaseEtag("new"), two)))
                                    .text());
        }
    }
}
