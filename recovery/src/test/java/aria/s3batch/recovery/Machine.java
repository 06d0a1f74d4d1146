package aria.s3batch.recovery;

import aria.s3batch.diskcache.MemoryDisk;
import aria.s3batch.s3block.MemoryObjectStore;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.file.Path;
import java.util.random.RandomGenerator;

/** What survives a process: disk, journal and bucket. One process runs on it after another. */
final class Machine {
    /** Opens the journal for the next process. */
    interface Journal {
        CommitJournal open() throws IOException;
    }

    final MemoryObjectStore store = new MemoryObjectStore();
    final MemoryDisk disk = new MemoryDisk();
    private final Journal journal;
    private @Nullable CommitJournal opened;

    private Machine(Journal journal) throws IOException {
        this.journal = journal;
        disk.createDirectories(BatchWorld.CACHE_DIR.root());
        disk.syncDirectory(Path.of("/"));
    }

    /** With the real journal, whose files lose no write when the power is cut. */
    static Machine withRocksDb(Path journalDir) throws IOException {
        return new Machine(() -> RocksJournal.open(journalDir));
    }

    /** With a journal that loses what was not synced when the power is cut. */
    static Machine inMemory() throws IOException {
        var memory = new MemoryJournal();
        return new Machine(() -> memory);
    }

    BatchWorld process(Steps steps) throws IOException {
        CommitJournal next = journal.open();
        opened = next;
        return new BatchWorld(steps.over(store), steps.over(disk), steps.over(next));
    }

    /** Cuts the power: what was not synced is lost, or with chance, any part of it. */
    void cutPower(@Nullable RandomGenerator chance) {
        disk.crash(chance);
        if (opened instanceof MemoryJournal memory) {
            memory.crash(chance);
        }
    }

    interface Life {
        void run(BatchWorld process) throws IOException;
    }

    /** Runs a process until it ends, or is killed: true. The journal's files are as the kill left them. */
    boolean kills(Steps steps, Life life) throws IOException {
        try {
            life.run(process(steps));
            return false;
        } catch (Steps.Killed e) {
            return true;
        } finally {
            CommitJournal left = opened;
            assert left != null : "no process was started";
            left.close(); // the kernel would: it gives the directory's lock back
        }
    }
}
