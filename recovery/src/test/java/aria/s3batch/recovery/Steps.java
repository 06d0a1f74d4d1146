package aria.s3batch.recovery;

import static aria.s3batch.recovery.Steps.Seam.DISK;
import static aria.s3batch.recovery.Steps.Seam.JOURNAL;
import static aria.s3batch.recovery.Steps.Seam.STORE;

import aria.s3batch.diskcache.CacheFullException;
import aria.s3batch.diskcache.Disk;
import aria.s3batch.diskcache.DiskFile;
import aria.s3batch.diskcache.MemoryDisk;
import aria.s3batch.format.BatchId;
import aria.s3batch.s3block.Condition;
import aria.s3batch.s3block.DeleteAnswer;
import aria.s3batch.s3block.ListedObject;
import aria.s3batch.s3block.ObjectStore;
import aria.s3batch.s3block.ObjectVersion;
import aria.s3batch.s3block.PutAnswer;
import aria.s3batch.s3block.StoreUnreachableException;
import aria.s3batch.s3block.StoredObject;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.IntStream;

/**
 * Counts every call of disk, journal and object store, and makes the chosen one go wrong: the process is
 * killed there, or the call fails, once or together with all that follow. For one thread.
 */
final class Steps {
    enum Seam {
        DISK,
        JOURNAL,
        STORE
    }

    /** How a step goes wrong. */
    enum Fault {
        /** The process ends before the call. After it nothing works any more, as in one that is gone. */
        KILL,
        /**
         * The call fails, nothing was done; of a write to the disk, half. What a sync had to write no later
         * sync writes.
         */
        ONCE,
        /** The disk has no room, this once. */
        FULL,
        /** The call takes effect and fails: its answer is lost. */
        UNCLEAR,
        /** The journal has written, and cannot sync it: it is there until the power is cut. */
        UNSYNCED,
        /** As {@link #ONCE}, and so does every later call of the same seam, until it is healed. */
        SEAM_DIES,
        /** As {@link #ONCE}, and so does every later call of all of them. */
        ALL_DIE
    }

    /** What a call does to what it calls. */
    private enum Effect {
        NONE,
        /** Needs room. */
        GROWS,
        CHANGES,
        SYNCS
    }

    /** One call of a run. */
    record Point(Seam seam, Effect effect, String name) {
        boolean changes() {
            return effect != Effect.NONE && !name.startsWith("room");
        }

        /** Whether the process must end when it fails; a receipt that is not written is a warning. */
        boolean syncs() {
            return effect == Effect.SYNCS && !isOfReceipt();
        }

        boolean isOfReceipt() {
            return seam == DISK && name.contains(BatchWorld.RECEIPTS.toString());
        }

        /** Every way in which this call can fail. */
        Set<Fault> failures() {
            Set<Fault> faults = EnumSet.of(Fault.ONCE, Fault.SEAM_DIES, Fault.ALL_DIE);
            if (seam == DISK && effect == Effect.GROWS) {
                faults.add(Fault.FULL);
            }
            if (seam != DISK && changes()) {
                faults.add(Fault.UNCLEAR);
            }
            if (seam == JOURNAL && effect == Effect.SYNCS) {
                faults.add(Fault.UNSYNCED);
            }
            return faults;
        }
    }

    /** The end of the process; no code of ours catches it to go on. */
    static final class Killed extends Error {
        private static final long serialVersionUID = 1L;

        Killed(String step) {
            super("killed " + step);
        }
    }

    private final long strikeAt;
    private final Fault fault;
    private final List<Point> points = new ArrayList<>();
    private @Nullable Seam struck;
    private boolean dead;
    private boolean healed;

    /** The step that went wrong, for the message of a failed test. */
    String struckAt = "never";

    private Steps(long strikeAt, Fault fault) {
        this.strikeAt = strikeAt;
        this.fault = fault;
    }

    static Steps never() {
        return new Steps(Long.MAX_VALUE, Fault.KILL);
    }

    /**
     * @param step from 0
     */
    static Steps killAt(long step) {
        return new Steps(step, Fault.KILL);
    }

    static Steps fail(long step, Fault fault) {
        return new Steps(step, fault);
    }

    /** The calls so far. */
    List<Point> points() {
        return points;
    }

    /**
     * Before which steps of a run a kill leaves what no other kill does: reads change nothing. After the
     * last of them there is nothing left to kill.
     */
    static int[] kills(List<Point> points) {
        return IntStream.rangeClosed(0, points.size())
                .filter(step -> step == 0 || points.get(step - 1).changes())
                .toArray();
    }

    /** From here on everything works. */
    void heal() {
        healed = true;
    }

    private interface Call<T> {
        T run() throws IOException;
    }

    private interface Act {
        void run() throws IOException;
    }

    private void act(Seam seam, Effect effect, String name, Act act) throws IOException {
        act(seam, effect, name, act, () -> {});
    }

    /**
     * @param part what is done of it when it fails
     */
    private void act(Seam seam, Effect effect, String name, Act act, Act part) throws IOException {
        step(
                seam,
                effect,
                name,
                () -> {
                    act.run();
                    return true;
                },
                part);
    }

    private <T> T step(Seam seam, Effect effect, String name, Call<T> call) throws IOException {
        return step(seam, effect, name, call, () -> {});
    }

    private <T> T step(Seam seam, Effect effect, String name, Call<T> call, Act part)
            throws IOException {
        if (dead) {
            throw new Killed(name);
        }
        int step = points.size();
        points.add(new Point(seam, effect, name));
        if (step == strikeAt) {
            struck = seam;
            struckAt = "%s %s at step %d, %s".formatted(fault, seam, step, name);
        } else if (healed || struck == null || !goesOn(seam)) {
            return call.run();
        }
        String message = "injected: " + name;
        switch (fault) {
            case KILL -> {
                dead = true;
                throw new Killed(name);
            }
            case FULL -> {
                part.run();
                throw new CacheFullException(message + ": the disk is full");
            }
            case UNCLEAR, UNSYNCED -> call.run();
            case ONCE, SEAM_DIES, ALL_DIE -> part.run();
        }
        throw seam == STORE ? new StoreUnreachableException(message) : new IOException(message);
    }

    /** Whether more than one call can fail. */
    boolean lasts() {
        return fault == Fault.SEAM_DIES || fault == Fault.ALL_DIE;
    }

    private boolean goesOn(Seam seam) {
        return fault == Fault.ALL_DIE || fault == Fault.SEAM_DIES && seam == struck;
    }

    ObjectStore over(ObjectStore store) {
        return new ObjectStore() {
            @Override
            public Optional<StoredObject> get(String key) throws IOException {
                return step(STORE, Effect.NONE, "GET " + key, () -> store.get(key));
            }

            @Override
            public Optional<ObjectVersion> head(String key) throws IOException {
                return step(STORE, Effect.NONE, "HEAD " + key, () -> store.head(key));
            }

            @Override
            public PutAnswer put(
                    String key, byte[] body, Condition condition, Map<String, String> metadata)
                    throws IOException {
                return step(
                        STORE,
                        Effect.CHANGES,
                        "PUT " + key,
                        () -> store.put(key, body, condition, metadata));
            }

            @Override
            public DeleteAnswer delete(String key, Condition condition) throws IOException {
                return step(
                        STORE, Effect.CHANGES, "DELETE " + key, () -> store.delete(key, condition));
            }

            @Override
            public void list(String prefix, Consumer<ListedObject> visitor) throws IOException {
                act(STORE, Effect.NONE, "LIST " + prefix, () -> store.list(prefix, visitor));
            }

            @Override
            public List<String> folders(String prefix) throws IOException {
                return step(STORE, Effect.NONE, "LIST " + prefix, () -> store.folders(prefix));
            }

            @Override
            public void close() {
                store.close();
            }
        };
    }

    CommitJournal over(CommitJournal journal) {
        return new CommitJournal() {
            private void write(String name, Act write) throws IOException {
                act(
                        JOURNAL,
                        Effect.SYNCS,
                        name,
                        () -> {
                            boolean unsynced =
                                    fault == Fault.UNSYNCED && points.size() - 1 == strikeAt;
                            if (unsynced && journal instanceof MemoryJournal memory) {
                                memory.failNextSync();
                            }
                            write.run();
                        });
            }

            @Override
            public void commit(BatchRecord batch, List<List<BlockRecord>> blocks)
                    throws IOException {
                write("journal commit", () -> journal.commit(batch, blocks));
            }

            @Override
            public List<BatchRecord> batches() throws IOException {
                return step(JOURNAL, Effect.NONE, "journal batches", journal::batches);
            }

            @Override
            public List<BlockRecord> blocks(BatchId batch, int table) throws IOException {
                return step(
                        JOURNAL, Effect.NONE, "journal blocks", () -> journal.blocks(batch, table));
            }

            @Override
            public void objectDone(BatchId batch, int table, String object, DoneObject done)
                    throws IOException {
                act(
                        JOURNAL,
                        Effect.CHANGES,
                        "journal done " + object,
                        () -> journal.objectDone(batch, table, object, done));
            }

            @Override
            public Map<String, DoneObject> objectsDone(BatchId batch, int table)
                    throws IOException {
                return step(
                        JOURNAL,
                        Effect.NONE,
                        "journal objects done",
                        () -> journal.objectsDone(batch, table));
            }

            @Override
            public void syncDone() throws IOException {
                write("journal sync", journal::syncDone);
            }

            @Override
            public void rebase(BatchId batch, int table, BlockRecord block) throws IOException {
                write("journal rebase", () -> journal.rebase(batch, table, block));
            }

            @Override
            public Fence fence(BatchId batch) throws IOException {
                return step(JOURNAL, Effect.NONE, "journal fence", () -> journal.fence(batch));
            }

            @Override
            public void setFence(BatchId batch, Fence fence) throws IOException {
                write("journal fence " + fence, () -> journal.setFence(batch, fence));
            }

            @Override
            public void update(BatchRecord batch) throws IOException {
                write("journal update " + batch.state(), () -> journal.update(batch));
            }

            @Override
            public void forget(BatchId batch) throws IOException {
                write("journal forget", () -> journal.forget(batch));
            }

            @Override
            public void close() throws IOException {
                journal.close();
            }
        };
    }

    Disk over(MemoryDisk disk) {
        return new SteppedDisk(disk);
    }

    private final class SteppedDisk implements Disk {
        private final MemoryDisk disk;

        SteppedDisk(MemoryDisk disk) {
            this.disk = disk;
        }

        @Override
        public DiskFile create(Path file) throws IOException {
            return over(step(DISK, Effect.GROWS, "create " + file, () -> disk.create(file)));
        }

        @Override
        public DiskFile open(Path file) throws IOException {
            return over(step(DISK, Effect.NONE, "open " + file, () -> disk.open(file)));
        }

        @Override
        public boolean exists(Path path) throws IOException {
            return step(DISK, Effect.NONE, "look for " + path, () -> disk.exists(path));
        }

        @Override
        public long size(Path file) throws IOException {
            return step(DISK, Effect.NONE, "size of " + file, () -> disk.size(file));
        }

        @Override
        public boolean delete(Path path) throws IOException {
            return step(DISK, Effect.CHANGES, "delete " + path, () -> disk.delete(path));
        }

        @Override
        public void rename(Path file, Path newName) throws IOException {
            act(DISK, Effect.CHANGES, "rename " + file, () -> disk.rename(file, newName));
        }

        @Override
        public List<Path> list(Path directory) throws IOException {
            return step(DISK, Effect.NONE, "list " + directory, () -> disk.list(directory));
        }

        @Override
        public void createDirectories(Path directory) throws IOException {
            act(DISK, Effect.GROWS, "mkdir " + directory, () -> disk.createDirectories(directory));
        }

        @Override
        public void syncDirectory(Path directory) throws IOException {
            boolean above =
                    !points.isEmpty()
                            && points.getLast().name().equals("mkdir " + BatchWorld.RECEIPTS);
            act(
                    DISK,
                    Effect.SYNCS,
                    "sync directory " + directory + (above ? " of " + BatchWorld.RECEIPTS : ""),
                    () -> disk.syncDirectory(directory),
                    () -> disk.failSync(directory));
        }

        @Override
        public long freeBytes(Path directory) throws IOException {
            return step(
                    DISK, Effect.GROWS, "room on " + directory, () -> disk.freeBytes(directory));
        }

        private DiskFile over(DiskFile file) {
            return new DiskFile() {
                @Override
                public Path path() {
                    return file.path();
                }

                @Override
                public int read(ByteBuffer dst, long position) throws IOException {
                    return step(
                            DISK,
                            Effect.NONE,
                            "read " + file.path() + " at " + position,
                            () -> file.read(dst, position));
                }

                @Override
                public void write(ByteBuffer src, long position) throws IOException {
                    ByteBuffer half = src.slice(src.position(), src.remaining() / 2);
                    act(
                            DISK,
                            Effect.GROWS,
                            "write " + file.path() + " at " + position,
                            () -> file.write(src, position),
                            () -> file.write(half, position));
                }

                @Override
                public void sync() throws IOException {
                    act(
                            DISK,
                            Effect.SYNCS,
                            "sync " + file.path(),
                            file::sync,
                            () -> disk.failSync(file.path()));
                }

                @Override
                public long size() throws IOException {
                    return step(DISK, Effect.NONE, "size of " + file.path(), file::size);
                }

                @Override
                public void truncate(long bytes) throws IOException {
                    act(DISK, Effect.GROWS, "cut " + file.path(), () -> file.truncate(bytes));
                }

                // no step: the kernel closes for a process that is gone
                @Override
                public void close() throws IOException {
                    file.close();
                }
            };
        }
    }
}
