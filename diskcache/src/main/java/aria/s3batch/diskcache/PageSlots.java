package aria.s3batch.diskcache;

import aria.s3batch.format.TableFile;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.Objects;
import java.util.concurrent.locks.Lock;

/**
 * The slots of one table's page file and the index of them: which is free, which is written next. Page
 * file and index appear with the first staged page. Owns T1 to T3 of {@link TableCache}, whose
 * exclusive lock it takes where readers must not look.
 */
final class PageSlots {
    /** The disk is asked how full it is once for so many new slots: the question costs more than a write. */
    private static final int SLOTS_PER_LOOK = 256;

    private final TableBase base;
    private final Disk disk;
    private final CacheSpace space;
    private final Path path;
    private final Lock exclusive;

    private @Nullable PageFile file;
    private @Nullable PageIndex index;
    private boolean fileMayExist;
    private int slots;

    /** One bit a slot: it holds no staged page. No bit is set below {@link #lowestFree}. */
    private final BitSet free = new BitSet();

    private int lowestFree;

    PageSlots(TableBase base, Disk disk, CacheSpace space, Path path, Lock exclusive) {
        this.base = base;
        this.disk = disk;
        this.space = space;
        this.path = path;
        this.exclusive = exclusive;
    }

    int count() {
        return index == null ? 0 : index.size();
    }

    /** What is taken of {@link CacheSpace}: the header page and all slots. */
    long reservedBytes() {
        return slots == 0 ? 0 : (slots + 1L) * base.pageBytes();
    }

    long indexBytes() {
        return index == null ? 0 : index.offHeapBytes();
    }

    boolean holds(TableFile tableFile, long page) {
        return index != null && index.get(tableFile, page) != PageIndex.NOT_STAGED;
    }

    /**
     * Reads a staged page. The caller holds the lock, shared at least, or is the writer.
     *
     * @return false if the page is not staged, {@code dst} then being as it was
     */
    boolean read(TableFile tableFile, long page, ByteBuffer dst) throws IOException {
        if (index == null || file == null) {
            return false;
        }
        long value = index.get(tableFile, page);
        if (value == PageIndex.NOT_STAGED) {
            return false;
        }
        file.readVerified(PageIndex.slot(value), PageIndex.crc32c(value), dst);
        return true;
    }

    /** Writes a page into a free slot, then lets the index point there. {@code image} keeps its position. */
    void stage(TableFile tableFile, long page, ByteBuffer image, boolean unverified)
            throws IOException {
        if (index == null || file == null) {
            create();
        }
        PageIndex pages = Objects.requireNonNull(index);
        long old = pages.get(tableFile, page);
        if (old == PageIndex.NOT_STAGED && slots - pages.size() < 2) {
            addSlot();
        }
        int slot = free.nextSetBit(lowestFree);
        assert slot >= 0 : "no spare slot in " + path;
        lowestFree = slot;
        Objects.requireNonNull(file).write(slot, image);

        exclusive.lock();
        try {
            pages.put(tableFile, page, PageIndex.value(slot, PageFile.crc32c(image), unverified));
        } finally {
            exclusive.unlock();
        }
        free.clear(slot);
        if (old != PageIndex.NOT_STAGED) {
            release(PageIndex.slot(old));
        }
        assert slots > pages.size() : "T3: " + slots + " slots, " + pages.size() + " pages";
    }

    private void create() throws IOException {
        long bytes = 3L * base.pageBytes(); // header, first page, spare slot
        space.reserve(bytes);
        PageIndex pages = null;
        try {
            pages = new PageIndex();
            if (fileMayExist) {
                disk.delete(path); // left by an earlier try that could not clean up
            }
            disk.createDirectories(folder());
            space.requireFree(disk, folder(), bytes);
            fileMayExist = true;
            file = PageFile.create(disk, path, base.pageBytes(), base.batch(), base.table());
        } finally {
            if (file == null) {
                space.release(bytes);
                if (pages != null) {
                    pages.close();
                }
            }
        }
        index = pages;
        slots = 2;
        free.set(0, slots);
    }

    private void addSlot() throws IOException {
        if (slots == PageFile.SLOTS_MAX) {
            throw new CacheFullException(
                    path + " has " + slots + " slots, and no more can be: commit this batch first");
        }
        if (slots % SLOTS_PER_LOOK == 0) {
            space.requireFree(disk, folder(), (long) SLOTS_PER_LOOK * base.pageBytes());
        }
        space.reserve(base.pageBytes());
        release(slots++);
    }

    private void release(int slot) {
        free.set(slot);
        lowestFree = Math.min(lowestFree, slot);
    }

    /** Forgets pages of a file; their slots are free. The caller holds the exclusive lock. */
    void removeFrom(TableFile tableFile, long firstPage) {
        if (index != null) {
            index.removeFrom(tableFile, firstPage, this::release);
        }
    }

    void forEach(PageIndex.Visitor visitor) throws IOException {
        if (index != null) {
            index.forEach(visitor);
        }
    }

    /**
     * Makes the slots durable, then the file's name, then its folder's: the folder may be as new as the
     * file.
     */
    void sync() throws IOException {
        if (file == null) {
            return;
        }
        file.sync();
        disk.syncDirectory(folder());
        disk.syncDirectory(parent(folder()));
    }

    /** Gives memory and file handle back; the file stays, and so does its share of the space. */
    void close() throws IOException {
        if (index != null) {
            index.close();
            index = null;
        }
        if (file != null) {
            PageFile closing = file;
            file = null;
            closing.close();
        }
    }

    /** Closes, deletes the file, releases the space. May be repeated after an exception. */
    void discard() throws IOException {
        close();
        if (fileMayExist) {
            disk.delete(path);
            fileMayExist = false;
            space.release(reservedBytes());
            slots = 0;
        }
    }

    private Path folder() {
        return parent(path);
    }

    private static Path parent(Path path) {
        return Objects.requireNonNull(path.getParent(), () -> path + " lies in no folder");
    }
}
