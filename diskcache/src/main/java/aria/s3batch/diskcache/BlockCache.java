package aria.s3batch.diskcache;

import aria.s3batch.format.BatchId;
import aria.s3batch.format.BlockName;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Base blocks on local disk, decoded, so that readers of a batch, and apply, fetch each of them from S3
 * once. Only a cache: it may lose any block at any time, and nothing waits for it.
 *
 * <p>A file per block, under a name that is never used again, so that a reader that was overtaken by an
 * eviction finds either the bytes it looked for or no file. Least recently used blocks go first. A
 * CRC-32C per {@value #PIECE_BYTES} bytes is kept in memory, and what is read is compared with it: damage
 * is a miss. So is an error of the disk; a block that cannot be written is not kept. Both are counted,
 * and logged once.
 *
 * <p>Any thread. The lock is held for look-ups only, not for reading or writing a file.
 */
public final class BlockCache {
    /** How much of a block is verified at once: small against a block, no smaller than any page. */
    static final int PIECE_BYTES = 32 * 1024;

    private static final Logger log = LoggerFactory.getLogger(BlockCache.class);

    private final Disk disk;
    private final Path directory;
    private final AtomicLong nextFile = new AtomicLong();
    private final AtomicLong failures = new AtomicLong();

    /** Guarded by itself, as are the two numbers below. In the order of last use. */
    private final Map<Key, Kept> blocks = new LinkedHashMap<>(64, 0.75f, true);

    private long usedBytes;
    private long capacityBytes;

    /**
     * @param table the table's number in the batch
     */
    public record Key(BatchId batch, int table, BlockName block) {}

    /**
     * What is known of a cached block.
     *
     * @param etag of the object that it was read from
     * @param crc32c of the decoded bytes
     * @param bytes decoded length
     */
    public record CachedBlock(String etag, int crc32c, int bytes) {}

    /** A block in the cache; equal only to itself, so that a reader drops no later one of the same key. */
    private static final class Kept {
        final CachedBlock block;
        final Path file;
        final int[] pieceCrcs;

        Kept(CachedBlock block, Path file, int[] pieceCrcs) {
            this.block = block;
            this.file = file;
            this.pieceCrcs = pieceCrcs;
        }
    }

    /**
     * An empty cache: what an earlier run left in the directory is deleted.
     *
     * @param capacityBytes most that is kept; 0 keeps nothing
     * @throws IOException the directory cannot be made or emptied
     */
    public BlockCache(Disk disk, Path directory, long capacityBytes) throws IOException {
        if (capacityBytes < 0) {
            throw new IllegalArgumentException("block cache of " + capacityBytes + " bytes");
        }
        this.disk = disk;
        this.directory = directory;
        this.capacityBytes = capacityBytes;
        disk.createDirectories(directory);
        for (Path left : disk.list(directory)) {
            disk.delete(left);
        }
    }

    /** What is known of a block, which counts as a use of it; a read soon after may still miss it. */
    public Optional<CachedBlock> find(Key key) {
        return Optional.ofNullable(kept(key)).map(found -> found.block);
    }

    /**
     * Fills {@code dst} from a block.
     *
     * @param offset in the decoded block
     * @return the block that was read; empty if it is not here, and {@code dst} keeps its position
     * @throws IllegalArgumentException the block is shorter than {@code offset + dst.remaining()}
     */
    public Optional<CachedBlock> read(Key key, int offset, ByteBuffer dst) {
        Kept kept = kept(key);
        if (kept == null) {
            return Optional.empty();
        }
        int length = dst.remaining();
        if (offset < 0 || length > kept.block.bytes - offset) {
            throw new IllegalArgumentException(
                    "%d bytes at %d of block %s of %d bytes"
                            .formatted(length, offset, key.block, kept.block.bytes));
        }
        int firstPiece = offset / PIECE_BYTES;
        int start = firstPiece * PIECE_BYTES;
        int end =
                Math.min(
                        kept.block.bytes, Math.ceilDiv(offset + length, PIECE_BYTES) * PIECE_BYTES);
        // whole pieces need no room beside the reader's
        boolean direct = offset == start && length == end - start;
        ByteBuffer pieces =
                direct
                        ? dst.slice(dst.position(), length)
                        : ByteBuffer.allocate(Math.max(0, end - start));
        try (DiskFile file = disk.open(kept.file)) {
            file.read(pieces, start);
        } catch (NoSuchFileException evicted) {
            drop(key, kept);
            return Optional.empty();
        } catch (IOException e) {
            failed("a cached block cannot be read; it is fetched again", kept.file, e);
            drop(key, kept);
            return Optional.empty();
        }
        if (pieces.hasRemaining() || !verify(kept, firstPiece, pieces.flip())) {
            failed("a cached block is damaged; it is fetched again", kept.file, null);
            drop(key, kept);
            return Optional.empty();
        }
        if (direct) {
            dst.position(dst.position() + length);
        } else {
            dst.put(pieces.slice(offset - start, length));
        }
        return Optional.of(kept.block);
    }

    private static boolean verify(Kept kept, int firstPiece, ByteBuffer pieces) {
        for (int at = 0; at < pieces.limit(); at += PIECE_BYTES) {
            int length = Math.min(PIECE_BYTES, pieces.limit() - at);
            if (PageFile.crc32c(pieces.slice(at, length))
                    != kept.pieceCrcs[firstPiece + at / PIECE_BYTES]) {
                return false;
            }
        }
        return true;
    }

    /**
     * Keeps a block if that can be done; one of the same key is replaced.
     *
     * @param decoded all of it; keeps its position
     * @param etag of the object that it was read from
     */
    public void put(Key key, ByteBuffer decoded, String etag) {
        int bytes = decoded.remaining();
        Path file = directory.resolve(nextFile.getAndIncrement() + ".block");
        CachedBlock block = new CachedBlock(etag, PageFile.crc32c(decoded), bytes);
        Kept kept = new Kept(block, file, pieceCrcs(decoded));
        // Room first: the disk must not hold more than the capacity, not even for a moment.
        if (!makeRoom(key, bytes)) {
            return;
        }
        try (DiskFile open = disk.create(file)) {
            open.write(decoded.duplicate(), 0);
        } catch (IOException e) {
            failed("a block could not be cached; reads go on without", file, e);
            synchronized (blocks) {
                usedBytes -= bytes;
            }
            delete(file);
            return;
        }
        Kept twin;
        synchronized (blocks) {
            twin = blocks.put(key, kept);
            if (twin != null) {
                usedBytes -= twin.block.bytes;
            }
        }
        if (twin != null) {
            delete(twin.file);
        }
    }

    private static int[] pieceCrcs(ByteBuffer decoded) {
        int[] crcs = new int[Math.ceilDiv(decoded.remaining(), PIECE_BYTES)];
        for (int i = 0; i < crcs.length; i++) {
            int at = i * PIECE_BYTES;
            int length = Math.min(PIECE_BYTES, decoded.remaining() - at);
            crcs[i] = PageFile.crc32c(decoded.slice(decoded.position() + at, length));
        }
        return crcs;
    }

    /** Drops the block of this key, then the least recently used, and takes the room; or says no. */
    private boolean makeRoom(Key key, int bytes) {
        List<Path> dropped = new ArrayList<>();
        boolean taken;
        synchronized (blocks) {
            Kept old = blocks.remove(key);
            if (old != null) {
                usedBytes -= old.block.bytes;
                dropped.add(old.file);
            }
            if (bytes <= capacityBytes) {
                dropped.addAll(evictFor(bytes));
            }
            taken = usedBytes + bytes <= capacityBytes;
            if (taken) {
                usedBytes += bytes;
            }
        }
        dropped.forEach(this::delete);
        return taken;
    }

    /** With the lock: takes out the least recently used until there is room; their files are to be deleted. */
    private List<Path> evictFor(int bytes) {
        List<Path> evicted = new ArrayList<>();
        Iterator<Kept> oldest = blocks.values().iterator();
        while (usedBytes + bytes > capacityBytes && oldest.hasNext()) {
            Kept next = oldest.next();
            oldest.remove();
            usedBytes -= next.block.bytes;
            evicted.add(next.file);
        }
        return evicted;
    }

    /** Sets another capacity; what is more than fits is dropped. */
    public void capacity(long bytes) {
        if (bytes < 0) {
            throw new IllegalArgumentException("block cache of " + bytes + " bytes");
        }
        List<Path> dropped;
        synchronized (blocks) {
            capacityBytes = bytes;
            dropped = evictFor(0);
        }
        dropped.forEach(this::delete);
    }

    public long capacityBytes() {
        synchronized (blocks) {
            return capacityBytes;
        }
    }

    /** Drops all blocks of a batch that has ended. */
    public void dropBatch(BatchId batch) {
        List<Path> dropped = new ArrayList<>();
        synchronized (blocks) {
            blocks.entrySet()
                    .removeIf(
                            cached -> {
                                if (!cached.getKey().batch.equals(batch)) {
                                    return false;
                                }
                                usedBytes -= cached.getValue().block.bytes;
                                dropped.add(cached.getValue().file);
                                return true;
                            });
        }
        dropped.forEach(this::delete);
    }

    public long usedBytes() {
        synchronized (blocks) {
            return usedBytes;
        }
    }

    /** How often the disk failed this cache since it was made: errors, a full disk, damaged blocks. */
    public long failures() {
        return failures.get();
    }

    private @Nullable Kept kept(Key key) {
        synchronized (blocks) {
            return blocks.get(key);
        }
    }

    private void drop(Key key, Kept kept) {
        synchronized (blocks) {
            if (blocks.remove(key, kept)) {
                usedBytes -= kept.block.bytes;
            }
        }
        delete(kept.file);
    }

    private void delete(Path file) {
        try {
            disk.delete(file);
        } catch (IOException e) {
            failed("a cached block cannot be deleted; it goes at the next start", file, e);
        }
    }

    private void failed(String what, Path file, @Nullable IOException cause) {
        if (failures.getAndIncrement() == 0) {
            log.atWarn()
                    .addKeyValue("file", file)
                    .setCause(cause)
                    .log(what + " (further failures of the block cache are only counted)");
        }
    }
}
