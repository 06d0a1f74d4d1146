package aria.s3batch.diskcache;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.random.RandomGenerator;

/**
 * A disk in memory that can lose power. {@link #crash()} loses all that no sync promised: bytes written
 * since the last sync of their file, names created or deleted since the last sync of their directory.
 * {@link #crash(RandomGenerator)} loses any part of that, as a real disk may: by sectors of 512 or 4096
 * bytes, name by name. Files opened before a crash are unusable after it.
 */
public final class MemoryDisk implements Disk {
    private static final int SMALL_SECTOR_BYTES = 512;
    private static final int LARGE_SECTOR_BYTES = 4096;

    private final long capacityBytes;
    private int life;
    private long kept;
    private long lost;
    private long torn;

    /** What a name leads to. Directories are files that hold nothing. */
    private static final class Node {
        final boolean directory;
        byte[] bytes = {};
        int length;
        byte[] durable = {};

        /** Sectors that no sync writes any more: one failed that had them to write. */
        final BitSet givenUp = new BitSet();

        Node(boolean directory) {
            this.directory = directory;
        }

        void resize(int newLength) {
            if (newLength > bytes.length) {
                bytes = Arrays.copyOf(bytes, Math.max(newLength, 2 * bytes.length));
            }
            if (newLength < length) {
                Arrays.fill(bytes, newLength, length, (byte) 0);
            }
            length = newLength;
        }

        void sync() {
            byte[] synced = Arrays.copyOf(bytes, length);
            byte[] before = Arrays.copyOf(durable, length);
            givenUp.stream()
                    .map(sector -> sector * SMALL_SECTOR_BYTES)
                    .filter(at -> at < length)
                    .forEach(
                            at -> {
                                int count = Math.min(SMALL_SECTOR_BYTES, length - at);
                                System.arraycopy(before, at, synced, at, count);
                            });
            durable = synced;
        }

        void failSync() {
            byte[] before = Arrays.copyOf(durable, length);
            for (int at = 0; at < length; at += SMALL_SECTOR_BYTES) {
                int end = Math.min(at + SMALL_SECTOR_BYTES, length);
                if (!Arrays.equals(bytes, at, end, before, at, end)) {
                    givenUp.set(at / SMALL_SECTOR_BYTES);
                }
            }
        }
    }

    private TreeMap<Path, Node> names = new TreeMap<>();
    private final TreeMap<Path, Node> durableNames = new TreeMap<>();

    /** Names that no sync of their directory makes durable any more. */
    private final Set<Path> givenUpNames = new HashSet<>();

    public MemoryDisk() {
        this(Long.MAX_VALUE);
    }

    /**
     * @param capacityBytes all files together; a write beyond it fails as on a full disk
     */
    public MemoryDisk(long capacityBytes) {
        this.capacityBytes = capacityBytes;
    }

    /** Loses power and starts again: what was not synced is gone. */
    public synchronized void crash() {
        crash(null);
    }

    /** Loses power and starts again: of what was not synced, anything may be left. */
    public synchronized void crash(@Nullable RandomGenerator chance) {
        life++;
        TreeMap<Path, Node> left = new TreeMap<>(durableNames);
        if (chance != null) {
            names.forEach((path, node) -> changed(left, path, node, chance));
            for (Path path : List.copyOf(left.keySet())) {
                if (!names.containsKey(path) && chance.nextBoolean()) {
                    left.remove(path); // a deletion that was not synced, and happened
                }
            }
        }
        names = left;
        names.keySet().removeIf(path -> !isReachable(left, path));
        for (Node node : names.values()) {
            byte[] bytes = chance == null ? node.durable : torn(node, chance);
            count(node, bytes);
            node.bytes = bytes.clone();
            node.length = bytes.length;
            node.durable = bytes.clone();
            node.givenUp.clear();
        }
        givenUpNames.clear();
        durableNames.clear();
        durableNames.putAll(names);
    }

    private static void changed(
            Map<Path, Node> left, Path path, Node node, RandomGenerator chance) {
        if (left.get(path) != node && chance.nextBoolean()) {
            left.put(path, node);
        }
    }

    private static boolean isReachable(Map<Path, Node> names, Path path) {
        for (Path up = path.getParent(); up != null && !isRoot(up); up = up.getParent()) {
            if (!names.containsKey(up)) {
                return false;
            }
        }
        return true;
    }

    private void count(Node node, byte[] left) {
        byte[] written = Arrays.copyOf(node.bytes, node.length);
        if (Arrays.equals(written, node.durable)) {
            return;
        }
        if (Arrays.equals(left, written)) {
            kept++;
        } else if (Arrays.equals(left, node.durable)) {
            lost++;
        } else {
            torn++;
        }
    }

    /** Files with unsynced bytes, over all crashes, of which the crash kept all. */
    public synchronized long kept() {
        return kept;
    }

    /** As {@link #kept}: of which it kept nothing. */
    public synchronized long lost() {
        return lost;
    }

    /** As {@link #kept}: of which it kept a part. */
    public synchronized long torn() {
        return torn;
    }

    private static byte[] torn(Node node, RandomGenerator chance) {
        int sector = chance.nextBoolean() ? SMALL_SECTOR_BYTES : LARGE_SECTOR_BYTES;
        int length = chance.nextBoolean() ? node.length : node.durable.length;
        byte[] bytes = Arrays.copyOf(node.durable, length);
        for (int at = 0; at < Math.min(length, node.length); at += sector) {
            if (chance.nextBoolean()) {
                int end = Math.min(at + sector, Math.min(length, node.length));
                System.arraycopy(node.bytes, at, bytes, at, end - at);
            }
        }
        return bytes;
    }

    /** Changes one byte behind the back of everyone, in what is there and in what would survive. */
    public synchronized void flipByte(Path file, long offset) throws IOException {
        Node node = file(file);
        node.bytes[(int) offset] ^= 0x55;
        if (offset < node.durable.length) {
            node.durable[(int) offset] ^= 0x55;
        }
    }

    /**
     * What a sync of a file or directory leaves that has failed, as on Linux: what it had to write stays
     * visible, and no later sync writes it, though that succeeds. Only what is written anew is.
     */
    public synchronized void failSync(Path path) throws IOException {
        Node node = names.get(path);
        if (node != null && !node.directory) {
            node.failSync();
            return;
        }
        Set<Path> inside = new HashSet<>(list(path));
        durableNames.keySet().stream()
                .filter(name -> path.equals(name.getParent()))
                .forEach(inside::add);
        inside.removeIf(name -> names.get(name) == durableNames.get(name));
        givenUpNames.addAll(inside);
    }

    @Override
    public synchronized DiskFile create(Path path) throws IOException {
        if (names.containsKey(path)) {
            throw new FileAlreadyExistsException(path.toString());
        }
        requireParent(path);
        Node node = new Node(false);
        names.put(path, node);
        givenUpNames.remove(path);
        return new Open(path, node, life);
    }

    @Override
    public synchronized DiskFile open(Path path) throws IOException {
        return new Open(path, file(path), life);
    }

    @Override
    public synchronized boolean exists(Path path) {
        return isRoot(path) || names.containsKey(path);
    }

    @Override
    public synchronized long size(Path path) throws IOException {
        return file(path).length;
    }

    @Override
    public synchronized boolean delete(Path path) throws IOException {
        Node node = names.get(path);
        if (node != null && node.directory && !list(path).isEmpty()) {
            throw new DirectoryNotEmptyException(path.toString());
        }
        givenUpNames.remove(path);
        return names.remove(path) != null;
    }

    @Override
    public synchronized void rename(Path path, Path newName) throws IOException {
        Node node = file(path);
        requireParent(newName);
        names.remove(path);
        names.put(newName, node);
        givenUpNames.remove(path);
        givenUpNames.remove(newName);
    }

    @Override
    public synchronized List<Path> list(Path directory) throws IOException {
        Node node = names.get(directory);
        if (node != null && !node.directory) {
            throw new NotDirectoryException(directory.toString());
        }
        return names.keySet().stream().filter(path -> directory.equals(path.getParent())).toList();
    }

    @Override
    public synchronized void createDirectories(Path directory) throws IOException {
        if (isRoot(directory)) {
            return;
        }
        Path parent = directory.getParent();
        if (parent != null) {
            createDirectories(parent);
        }
        if (!names.containsKey(directory)) {
            givenUpNames.remove(directory);
        }
        Node node = names.computeIfAbsent(directory, absent -> new Node(true));
        if (!node.directory) {
            throw new FileAlreadyExistsException(directory.toString());
        }
    }

    @Override
    public synchronized void syncDirectory(Path directory) throws IOException {
        Node node = names.get(directory);
        if (!isRoot(directory) && (node == null || !node.directory)) {
            throw new NotDirectoryException(directory.toString());
        }
        durableNames
                .keySet()
                .removeIf(
                        path -> directory.equals(path.getParent()) && !givenUpNames.contains(path));
        for (Path path : list(directory)) {
            if (!givenUpNames.contains(path)) {
                durableNames.put(path, file(path, names));
            }
        }
    }

    @Override
    public synchronized long freeBytes(Path directory) {
        return capacityBytes - used();
    }

    private long used() {
        return names.values().stream().mapToLong(node -> node.length).sum();
    }

    private static boolean isRoot(Path path) {
        return path.getNameCount() == 0;
    }

    private void requireParent(Path path) throws IOException {
        Path parent = path.getParent();
        if (parent != null && !isRoot(parent) && !names.containsKey(parent)) {
            throw new NoSuchFileException(path.toString());
        }
    }

    private Node file(Path path) throws IOException {
        return file(path, names);
    }

    private static Node file(Path path, Map<Path, Node> names) throws IOException {
        Node node = names.get(path);
        if (node == null) {
            throw new NoSuchFileException(path.toString());
        }
        return node;
    }

    private final class Open implements DiskFile {
        private final Path path;
        private final Node node;
        private final int bornIn;
        private boolean closed;

        Open(Path path, Node node, int bornIn) {
            this.path = path;
            this.node = node;
            this.bornIn = bornIn;
        }

        private void requireOpen() throws IOException {
            if (closed) {
                throw new IOException(path + " is closed");
            }
            if (bornIn != life) {
                throw new IOException(path + " was opened before the crash");
            }
        }

        @Override
        public Path path() {
            return path;
        }

        @Override
        public int read(ByteBuffer dst, long position) throws IOException {
            synchronized (MemoryDisk.this) {
                requireOpen();
                int length = Math.clamp(node.length - position, 0, dst.remaining());
                if (length > 0) {
                    dst.put(node.bytes, (int) position, length);
                }
                return length;
            }
        }

        @Override
        public void write(ByteBuffer src, long position) throws IOException {
            synchronized (MemoryDisk.this) {
                requireOpen();
                long end = position + src.remaining();
                resize(Math.max(end, node.length));
                node.givenUp.clear(
                        (int) (position / SMALL_SECTOR_BYTES),
                        (int) Math.ceilDiv(end, SMALL_SECTOR_BYTES));
                src.get(node.bytes, (int) position, src.remaining());
            }
        }

        @Override
        public void sync() throws IOException {
            synchronized (MemoryDisk.this) {
                requireOpen();
                node.sync();
            }
        }

        @Override
        public long size() throws IOException {
            synchronized (MemoryDisk.this) {
                requireOpen();
                return node.length;
            }
        }

        @Override
        public void truncate(long bytes) throws IOException {
            synchronized (MemoryDisk.this) {
                requireOpen();
                resize(bytes);
            }
        }

        private void resize(long bytes) throws IOException {
            if (bytes - node.length > capacityBytes - used()) {
                throw new CacheFullException("the disk of " + path + " is full");
            }
            node.resize(Math.toIntExact(bytes));
        }

        @Override
        public void close() {
            synchronized (MemoryDisk.this) {
                closed = true;
            }
        }
    }
}
