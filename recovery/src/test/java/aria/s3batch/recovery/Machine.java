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
    private @Nullable FrmNeverAlone watched;
    private int processes;

    /** What the batches of its processes ask for. */
    Readers readers = Readers.NONE;

    /** Likewise. */
    Durability durability = Durability.LOCAL;

    /** Likewise. */
    boolean keepUndo;

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

    /** To be called when the tables are in the bucket; what is random is so in each process anew. */
    BatchWorld process(Steps steps) throws IOException {
        CommitJournal next = journal.open();
        opened = next;
        FrmNeverAlone bucket = watched;
        if (bucket == null) {
            bucket = new FrmNeverAlone(store, readers == Readers.FENCE);
            watched = bucket;
        }
        var process =
                new BatchWorld(steps.over(bucket), steps.over(disk), steps.over(next), ++processes);
        process.readers = readers;
        process.durability = durability;
        process.keepUndo = keepUndo;
        return process;
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
        BatchWorld process = null;
        try {
            process = process(steps);
            life.run(process);
            return false;
        } catch (Steps.Killed e) {
            return true;
        } finally {
            CommitJournal left = opened;
            if (process != null) {
                process.close();
            } else if (left != null) {
                left.close();
            }
        }
    }
}
