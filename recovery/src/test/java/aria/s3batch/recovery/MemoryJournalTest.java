package aria.s3batch.recovery;

final class MemoryJournalTest extends CommitJournalContract {
    @Override
    CommitJournal create() {
        return new MemoryJournal();
    }

    @Override
    CommitJournal reopen(CommitJournal journal) {
        return journal;
    }
}
