package aria.s3batch.diskcache;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Function;

/**
 * A disk whose n-th call fails, once; or that call and all after it. A write that fails leaves its first
 * half in the file. Reads, writes, syncs, creation and deletion count; closing does not.
 */
public final class FaultyDisk implements Disk {
    private final Disk disk;
    private long calls;
    private long failFrom = Long.MAX_VALUE;
    private long failUntil = Long.MAX_VALUE;
    private Function<String, IOException> fault = IOException::new;

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
    }

    /** Calls since the last {@code fail...}. */
    public long calls() {
        return calls;
    }

    private boolean fails() {
        calls++;
        return calls >= failFrom && calls <= failUntil;
    }

    private void step(String what) throws IOException {
        if (fails()) {
            throw fault.apply("injected: " + what);
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
            if (fails()) {
                file.write(src.slice(src.position(), src.remaining() / 2), position);
                throw fault.apply("injected: write " + path());
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
