package aria.s3batch.recovery;

import aria.s3batch.diskcache.Disk;
import aria.s3batch.diskcache.DiskFile;
import aria.s3batch.format.BatchId;
import aria.s3batch.s3block.Condition;
import aria.s3batch.s3block.DeleteAnswer;
import aria.s3batch.s3block.ListedObject;
import aria.s3batch.s3block.ObjectStore;
import aria.s3batch.s3block.ObjectVersion;
import aria.s3batch.s3block.PutAnswer;
import aria.s3batch.s3block.StoredObject;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * Counts every call of disk, journal and object store, and kills the process at the chosen one: before
 * or after it took effect. After the kill nothing works any more, as in a process that is gone.
 */
final class Steps {
    /** The end of the process; no code of ours catches it to go on. */
    static final class Killed extends Error {
        private static final long serialVersionUID = 1L;

        Killed(String step) {
            super("killed " + step);
        }
    }

    private final long killAt;
    private long count;
    private boolean dead;

    /** The step at which the process was killed, for the message of a failed test. */
    String killedAt = "never";

    private Steps(long killAt) {
        this.killAt = killAt;
    }

    static Steps never() {
        return new Steps(Long.MAX_VALUE);
    }

    /**
     * @param step from 0; each call counts twice, before and after its effect
     */
    static Steps killAt(long step) {
        return new Steps(step);
    }

    long count() {
        return count;
    }

    private interface Call<T> {
        T run() throws IOException;
    }

    private <T> T step(String name, Call<T> call) throws IOException {
        passOrDie("before " + name);
        T result = call.run();
        passOrDie("after " + name);
        return result;
    }

    private void passOrDie(String point) {
        if (dead || count++ == killAt) {
            if (!dead) {
                killedAt = point;
            }
            dead = true;
            throw new Killed(point);
        }
    }

    ObjectStore over(ObjectStore store) {
        return new ObjectStore() {
            @Override
            public Optional<StoredObject> get(String key) throws IOException {
                return step("GET " + key, () -> store.get(key));
            }

            @Override
            public Optional<ObjectVersion> head(String key) throws IOException {
                return step("HEAD " + key, () -> store.head(key));
            }

            @Override
            public PutAnswer put(
                    String key, byte[] body, Condition condition, Map<String, String> metadata)
                    throws IOException {
                return step("PUT " + key, () -> store.put(key, body, condition, metadata));
            }

            @Override
            public DeleteAnswer delete(String key, Condition condition) throws IOException {
                return step("DELETE " + key, () -> store.delete(key, condition));
            }

            @Override
            public void list(String prefix, Consumer<ListedObject> visitor) throws IOException {
                store.list(prefix, visitor);
            }

            @Override
            public List<String> folders(String prefix) throws IOException {
                return store.folders(prefix);
            }

            @Override
            public void close() {
                store.close();
            }
        };
    }

    CommitJournal over(CommitJournal journal) {
        return new CommitJournal() {
            @Override
            public void commit(BatchRecord batch, List<List<BlockRecord>> blocks)
                    throws IOException {
                step(
                        "journal commit",
                        () -> {
                            journal.commit(batch, blocks);
                            return true;
                        });
            }

            @Override
            public List<BatchRecord> batches() throws IOException {
                return step("journal batches", journal::batches);
            }

            @Override
            public List<BlockRecord> blocks(BatchId batch, int table) throws IOException {
                return step("journal blocks", () -> journal.blocks(batch, table));
            }

            @Override
            public void objectDone(BatchId batch, int table, String object, String etag)
                    throws IOException {
                step(
                        "journal done " + object,
                        () -> {
                            journal.objectDone(batch, table, object, etag);
                            return true;
                        });
            }

            @Override
            public Map<String, String> objectsDone(BatchId batch, int table) throws IOException {
                return step("journal objects done", () -> journal.objectsDone(batch, table));
            }

            @Override
            public void rebase(BatchId batch, int table, BlockRecord block) throws IOException {
                step(
                        "journal rebase",
                        () -> {
                            journal.rebase(batch, table, block);
                            return true;
                        });
            }

            @Override
            public Fence fence(BatchId batch) throws IOException {
                return step("journal fence", () -> journal.fence(batch));
            }

            @Override
            public void setFence(BatchId batch, Fence fence) throws IOException {
                step(
                        "journal fence " + fence,
                        () -> {
                            journal.setFence(batch, fence);
                            return true;
                        });
            }

            @Override
            public void update(BatchRecord batch) throws IOException {
                step(
                        "journal update " + batch.state(),
                        () -> {
                            journal.update(batch);
                            return true;
                        });
            }

            @Override
            public void forget(BatchId batch) throws IOException {
                step(
                        "journal forget",
                        () -> {
                            journal.forget(batch);
                            return true;
                        });
            }

            @Override
            public void close() throws IOException {
                journal.close();
            }
        };
    }

    Disk over(Disk disk) {
        return new SteppedDisk(disk);
    }

    private final class SteppedDisk implements Disk {
        private final Disk disk;

        SteppedDisk(Disk disk) {
            this.disk = disk;
        }

        @Override
        public DiskFile create(Path file) throws IOException {
            return over(step("create " + file, () -> disk.create(file)));
        }

        @Override
        public DiskFile open(Path file) throws IOException {
            return over(step("open " + file, () -> disk.open(file)));
        }

        @Override
        public boolean exists(Path path) throws IOException {
            return disk.exists(path);
        }

        @Override
        public long size(Path file) throws IOException {
            return disk.size(file);
        }

        @Override
        public boolean delete(Path path) throws IOException {
            return step("delete " + path, () -> disk.delete(path));
        }

        @Override
        public List<Path> list(Path directory) throws IOException {
            return disk.list(directory);
        }

        @Override
        public void createDirectories(Path directory) throws IOException {
            step(
                    "mkdir " + directory,
                    () -> {
                        disk.createDirectories(directory);
                        return true;
                    });
        }

        @Override
        public void syncDirectory(Path directory) throws IOException {
            step(
                    "sync directory " + directory,
                    () -> {
                        disk.syncDirectory(directory);
                        return true;
                    });
        }

        @Override
        public long freeBytes(Path directory) throws IOException {
            return disk.freeBytes(directory);
        }

        private DiskFile over(DiskFile file) {
            return new DiskFile() {
                @Override
                public Path path() {
                    return file.path();
                }

                @Override
                public int read(ByteBuffer dst, long position) throws IOException {
                    return file.read(dst, position);
                }

                @Override
                public void write(ByteBuffer src, long position) throws IOException {
                    step(
                            "write " + file.path(),
                            () -> {
                                file.write(src, position);
                                return true;
                            });
                }

                @Override
                public void sync() throws IOException {
                    step(
                            "sync " + file.path(),
                            () -> {
                                file.sync();
                                return true;
                            });
                }

                @Override
                public long size() throws IOException {
                    return file.size();
                }

                @Override
                public void truncate(long bytes) throws IOException {
                    file.truncate(bytes);
                }

                @Override
                public void close() throws IOException {
                    file.close();
                }
            };
        }
    }
}
