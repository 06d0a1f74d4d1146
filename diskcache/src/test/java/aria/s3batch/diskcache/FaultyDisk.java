package aria.s3batch.diskcache;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Function;

/**
 * A disk whose n-th call fails, once; or that call and all after it; or those that a {@link Chance} picks. A
 * write that fails leaves its first part in the file. Reads, writes, syncs, creation and deletion count;
 * closing does not.
 */
public final class FaultyDisk implements Disk {
    private final Disk disk;
    private long calls;
    private long failFrom = Long.MAX_VALUE;
    private long failUntil = Long.MAX_VALUE;
    private Function<String, IOException> fault = IOException::new;
    private @Nullable Chance chance;

    /** Decides over every call by itself: for a simulation. */
    public interface Chance {
        /**
         * @param call such as {@code write /cache/x}
         * @return null for a call that works
         */
        @Nullable IOException failureOf(String call);

        /** How many bytes of a write that fails are in the file all the same: fewer than {@code bytes}. */
        int written(int bytes);
    }

    public FaultyDisk(Disk disk) {
        this.disk = disk;
    }

    /** Counts from here: call {@code n}, from 1, fails once. */
    public void failOnce(long n, Function<String, IOException> fault) {
        calls = 0;
        failFrom = n;
        failUntil = n;
        this.fault = fault;
    }

    /** Counts from here: call {@code n}, from 1, and all later ones fail. */
    public void failFrom(long n, Function<String, IOException> fault) {
        failOnce(n, fault);
        failUntil = Long.MAX_VALUE;
    }

    public void heal() {
        failFrom = Long.MAX_VALUE;
        chance = null;
    }

    public void failByChance(Chance decides) {
        chance = decides;
    }

    /** Calls since the last {@code fail...}. */
    public long calls() {
        return calls;
    }

    private @Nullable IOException failureOf(String what) {
        calls++;
        if (calls >= failFrom && calls <= failUntil) {
            return fault.apply("injected: " + what);
        }
        return chance == null ? null : chance.failureOf(what);
    }

    private void step(String what) throws IOException {
        IOException failure = failureOf(what);
        if (failure != null) {
            throw failure;
        }
    }

    @Override
    public DiskFile create(Path file) throws IOException {
        step("create " + file);
        return new FaultyFile(disk.create(file));
    }

    @Override
    public DiskFile open(Path file) throws IOException {
        step("open " + file);
        return new FaultyFile(disk.open(file));
    }

    @Override
    public boolean exists(Path path) throws IOException {
        return disk.exists(path);
    }

    @Override
    public long size(Path file) throws IOException {
        step("size of " + file);
        return disk.size(file);
    }

    @Override
    public boolean delete(Path path) throws IOException {
        step("delete " + path);
        return disk.delete(path);
    }

    @Override
    public void rename(Path file, Path newName) throws IOException {
        step("rename " + file);
        disk.rename(file, newName);
    }

    @Override
    public List<Path> list(Path directory) throws IOException {
        step("list " + directory);
        return disk.list(directory);
    }

    @Override
    public void createDirectories(Path directory) throws IOException {
        step("create " + directory);
        disk.createDirectories(directory);
    }

    @Override
    public void syncDirectory(Path directory) throws IOException {
        step("sync " + directory);
        disk.syncDirectory(directory);
    }

    @Override
    public long freeBytes(Path directory) throws IOException {
        return disk.freeBytes(directory);
    }

    private final class FaultyFile implements DiskFile {
        private final DiskFile file;

        FaultyFile(DiskFile file) {
            this.file = file;
        }

        @Override
        public Path path() {
            return file.path();
        }

        @Override
        public int read(ByteBuffer dst, long position) throws IOException {
            step("read " + path());
            return file.read(dst, position);
        }

        @Override
        public void write(ByteBuffer src, long position) throws IOException {
            IOException failure = failureOf("write " + path());
            if (failure != null) {
                int bytes = src.remaining();
                int written = chance == null ? bytes / 2 : chance.written(bytes);
                file.write(src.slice(src.position(), written), position);
                throw failure;
            }
            file.write(src, position);
        }

        @Override
        public void sync() throws IOException {
            step("sync " + path());
            file.sync();
        }

        @Override
        public long size() throws IOException {
            step("size of " + path());
            return file.size();
        }

        @Override
        public void truncate(long bytes) throws IOException {
            step("truncate " + path());
            file.truncate(bytes);
        }

        @Override
        public void close() throws IOException {
            file.close();
        }
    }
}
