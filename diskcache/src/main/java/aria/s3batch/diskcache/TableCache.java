package aria.s3batch.diskcache;

import aria.s3batch.format.TableFile;

import org.jspecify.annotations.Nullable;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantReadWriteLock;

/**
 * One table of an open batch: its staged pages over its base. The door of this module.
 *
 * <p>Invariants.
 *
 * <ul>
 *   <li>T1 The index points only to slots that hold the page, whole.
 *   <li>T2 A slot is written only while the index does not point to it: a page staged again goes to the
 *       spare slot, and its old slot is the next spare. So a write that fails leaves what was staged
 *       before, no reader sees half a page, and readers do not wait for the disk to write.
 *   <li>T3 One slot more than there are staged pages is reserved, and no second one for a page staged
 *       again: that never fails for want of {@code cache-size}.
 *   <li>T4 A staged image is zero past the end of its file.
 *   <li>T5 Past {@link #baseVisibleBytes} the base never shows.
 * </ul>
 *
 * <p>Threads. One thread at a time changes the table, any number read. A reader holds the lock shared
 * for look-up and read of one slot, not while the base is read; the writer takes it exclusively to switch
 * the index, not while a slot is written. Each page that a reader gets is of one moment; a read of
 * several pages is not.
 *
 * <p>States: open; sealed, by {@link #seal} and back by {@link #unseal}; failed, when a sync failed: only
 * {@link #discard} and {@link #close} are left; closed. What is asked in a wrong state is refused with
 * an {@link IllegalStateException} if that is the caller's mistake, with an {@link IOException} if a
 * reader was overtaken by the end of the batch. Nothing is durable before {@link #sync} returns.
 */
public final class TableCache implements Closeable {
    private enum State {
        OPEN,
        SEALED,
        FAILED,
        CLOSED,
        DISCARDED
    }

    /** Pages that are looked up under one hold of the lock. */
    private static final int RUN_PAGES_MAX = 256;

    private final TableBase base;
    private final PageSource source;
    private final Path path;
    private final int pageBytes;

    private final Lock shared;
    private final Lock exclusive;
    private final AtomicReference<@Nullable Thread> writer = new AtomicReference<>();

    // Changed by the writer under the exclusive lock, read by all under the shared one.
    private final FileExtent index;
    private final FileExtent data;
    private final PageSlots slots;
    private State state = State.OPEN;
    private int seals;
    private @Nullable IOException syncFailure;

    /** How long a file is, and how much of its base is left. */
    private static final class FileExtent {
        long length;
        long baseVisible;

        FileExtent(long baseBytes) {
            length = baseBytes;
            baseVisible = baseBytes;
        }
    }

    @FunctionalInterface
    private interface Change {
        void make() throws IOException;
    }

    /**
     * A table of which nothing is staged yet; nothing is created on disk.
     *
     * @param source base pages, for as long as this object is used
     * @param pageFile where the page file will be; see {@link CacheDirectory#pageFile}
     */
    public TableCache(
            TableBase base, PageSource source, Disk disk, CacheSpace space, Path pageFile) {
        this.base = base;
        this.source = source;
        this.path = pageFile;
        this.pageBytes = base.pageBytes();
        ReentrantReadWriteLock lock = new ReentrantReadWriteLock();
        this.shared = lock.readLock();
        this.exclusive = lock.writeLock();
        this.index = new FileExtent(base.indexBytes());
        this.data = new FileExtent(base.dataBytes());
        this.slots = new PageSlots(base, disk, space, pageFile, exclusive);
    }

    /** What the first table with a staged page would wait for: Chronicle's start. Any thread. */
    public static void warmUp() {
        PageIndex.warmUp();
    }

    public TableBase base() {
        return base;
    }

    Path pageFilePath() {
        return path;
    }

    /**
     * Stages whole pages whose Aria checksums the caller has verified. The file grows as needed.
     *
     * @param images whole pages; its position moves past each page as that is staged
     * @throws CacheFullException no room for the page at {@code images.position()}
     * @throws IOException the page at {@code images.position()} could not be written. In both cases it is
     *     what it was before, pages before it are staged, and the batch can go on, commit or abort
     */
    public void stagePages(TableFile file, long firstPage, ByteBuffer images) throws IOException {
        if (images.remaining() % pageBytes != 0) {
            throw new IllegalArgumentException(
                    "%d bytes are not whole pages of %d".formatted(images.remaining(), pageBytes));
        }
        if (firstPage < 0 || firstPage > TableBase.PAGES_MAX) {
            throw new IllegalArgumentException("page " + firstPage + " of " + name(file));
        }
        checkEnd(file, firstPage * pageBytes + images.remaining());
        change(
                () -> {
                    for (long page = firstPage; images.hasRemaining(); page++) {
                        ByteBuffer image = images.slice(images.position(), pageBytes);
                        slots.stage(file, page, image, false);
                        growTo(file, (page + 1) * pageBytes);
                        images.position(images.position() + pageBytes);
                    }
                });
    }

    /**
     * Stages any bytes. Each page they touch is staged whole, merged with what it held, and marked as
     * unverified: its Aria checksum is to be checked at commit. A file that grows holds zeros between its
     * old end and {@code offset}.
     *
     * @param bytes its position moves as pages are staged; none left to stage changes nothing
     * @throws CacheFullException no room
     * @throws IOException a page could not be written, or what it held not be read. In both cases that
     *     page is what it was before, pages before it are staged, and the batch can go on
     */
    public void stageBytes(TableFile file, long offset, ByteBuffer bytes) throws IOException {
        if (offset < 0 || offset > base.bytesMax(file)) {
            throw new IllegalArgumentException("offset " + offset + " of " + name(file));
        }
        checkEnd(file, offset + bytes.remaining());
        change(
                () -> {
                    long position = offset;
                    while (bytes.hasRemaining()) {
                        long page = position / pageBytes;
                        int from = (int) (position % pageBytes);
                        int length = Math.min(pageBytes - from, bytes.remaining());
                        ByteBuffer part = bytes.slice(bytes.position(), length);
                        slots.stage(file, page, merged(file, page, from, part), true);
                        position += length;
                        growTo(file, position);
                        bytes.position(bytes.position() + length);
                    }
                });
    }

    private ByteBuffer merged(TableFile file, long page, int from, ByteBuffer part)
            throws IOException {
        if (part.remaining() == pageBytes) {
            return part;
        }
        ByteBuffer image = ByteBuffer.allocate(pageBytes);
        if (!slots.read(file, page, image)) {
            int visible = visibleBytes(extent(file).baseVisible, page);
            boolean covered = from == 0 && part.remaining() >= visible;
            if (!covered) {
                readBase(file, page, visible, image);
            }
        }
        return image.put(from, part, 0, part.remaining()).clear();
    }

    /**
     * Sets the length of a file. A longer one ends in zeros. Of a shorter one, what is cut is gone:
     * staged pages are dropped, and the base stays hidden there, even if the file grows again.
     *
     * @throws IOException a staged page that the cut goes through could not be rewritten; nothing changed
     */
    public void truncate(TableFile file, long bytes) throws IOException {
        if (bytes < 0) {
            throw new IllegalArgumentException("length " + bytes + " of " + name(file));
        }
        checkEnd(file, bytes);
        change(
                () -> {
                    if (bytes >= extent(file).length) {
                        growTo(file, bytes);
                    } else {
                        cutTo(file, bytes);
                    }
                });
    }

    private void cutTo(TableFile file, long bytes) throws IOException {
        int kept = (int) (bytes % pageBytes);
        ByteBuffer image = ByteBuffer.allocate(pageBytes);
        if (kept > 0 && slots.read(file, bytes / pageBytes, image)) {
            image.put(kept, new byte[pageBytes - kept]); // T4
            slots.stage(file, bytes / pageBytes, image.clear(), true);
        }
        exclusive.lock();
        try {
            FileExtent extent = extent(file);
            extent.length = bytes;
            extent.baseVisible = Math.min(extent.baseVisible, bytes);
            slots.removeFrom(file, Math.ceilDiv(bytes, pageBytes));
        } finally {
            exclusive.unlock();
        }
    }

    private void growTo(TableFile file, long bytes) {
        FileExtent extent = extent(file);
        if (bytes > extent.length) {
            exclusive.lock();
            try {
                extent.length = bytes;
            } finally {
                exclusive.unlock();
            }
        }
    }

    /** Length of a file as the batch has it now. */
    public long length(TableFile file) {
        shared.lock();
        try {
            return extent(file).length;
        } finally {
            shared.unlock();
        }
    }

    /** How much of the base shows through: the shortest that the file ever was in this batch. */
    public long baseVisibleBytes(TableFile file) {
        shared.lock();
        try {
            return extent(file).baseVisible;
        } finally {
            shared.unlock();
        }
    }

    /** How many pages of both files are staged. */
    public long pages() {
        shared.lock();
        try {
            return slots.count();
        } finally {
            shared.unlock();
        }
    }

    /** What the index of the staged pages takes off heap, in bytes: at most 32 a page from 2048 pages on. */
    public long indexBytes() {
        shared.lock();
        try {
            return slots.indexBytes();
        } finally {
            shared.unlock();
        }
    }

    /**
     * What this table takes of {@link CacheSpace}. {@link #discard} releases it; after {@link #close}
     * that is the task of whoever deletes the page file.
     */
    public long reservedBytes() {
        shared.lock();
        try {
            return slots.reservedBytes();
        } finally {
            shared.unlock();
        }
    }

    /**
     * Reads the table as the batch has it: staged pages, else the base, else zeros. Any thread.
     *
     * @return bytes read: less than {@code dst} had room for only at the end of the file, 0 beyond it
     * @throws CorruptPageException a slot does not hold what was staged
     * @throws IOException the disk or the base cannot be read, or the batch has ended
     */
    public int read(TableFile file, long offset, ByteBuffer dst) throws IOException {
        if (offset < 0) {
            throw new IllegalArgumentException("offset " + offset + " of " + name(file));
        }
        int start = dst.position();
        while (dst.hasRemaining()) {
            if (!readOn(file, offset + (dst.position() - start), dst)) {
                break;
            }
        }
        return dst.position() - start;
    }

    /**
     * Reads the base of the pages that a range covers in part, so that {@link #stageBytes} of the range
     * need not wait for it. Any thread.
     */
    public void warm(TableFile file, long offset, int bytes) throws IOException {
        ByteBuffer page = ByteBuffer.allocate(pageBytes);
        for (long edge : new long[] {offset, offset + bytes}) {
            long start = edge - edge % pageBytes;
            if (start != edge && start < length(file)) {
                read(file, start, page.clear());
            }
        }
    }

    /**
     * Reads whole pages of the base, as far as none is staged, or else to the end of the page, of {@code
     * dst} or of the file; false if the end of the file has been reached.
     */
    private boolean readOn(TableFile file, long position, ByteBuffer dst) throws IOException {
        long page = position / pageBytes;
        int from = (int) (position % pageBytes);
        int length;
        int visible;
        int basePages;
        ByteBuffer image;
        shared.lock();
        try {
            requireReadable();
            FileExtent extent = extent(file);
            if (position >= extent.length) {
                return false;
            }
            basePages = from == 0 ? basePages(file, page, dst.remaining() / pageBytes) : 0;
            length =
                    (int)
                            Math.min(
                                    extent.length - position,
                                    Math.min(pageBytes - from, dst.remaining()));
            visible = visibleBytes(extent.baseVisible, page);
            image =
                    length == pageBytes
                            ? dst.slice(dst.position(), pageBytes)
                            : ByteBuffer.allocate(pageBytes);
            if (basePages == 0 && slots.read(file, page, image)) {
                visible = -1;
            }
        } finally {
            shared.unlock();
        }
        if (basePages > 0) {
            readSource(file, page, dst.slice(dst.position(), basePages * pageBytes));
            dst.position(dst.position() + basePages * pageBytes);
            return true;
        }
        if (visible >= 0) {
            readBase(file, page, visible, image);
        }
        if (length < pageBytes) {
            dst.put(image.slice(from, length));
        } else {
            dst.position(dst.position() + length);
        }
        return true;
    }

    /** How many pages from one on are wholly the base's. The caller holds the lock. */
    private int basePages(TableFile file, long page, int pagesMax) {
        FileExtent extent = extent(file);
        long end = Math.min(extent.length, extent.baseVisible) / pageBytes;
        int most = Math.clamp(end - page, 0, Math.min(pagesMax, RUN_PAGES_MAX));
        int pages = 0;
        while (pages < most && !slots.holds(file, page + pages)) {
            pages++;
        }
        return pages;
    }

    /** Fills {@code image} with the first {@code visible} bytes of a base page, then zeros. */
    private void readBase(TableFile file, long page, int visible, ByteBuffer image)
            throws IOException {
        if (visible > 0) {
            readSource(file, page, image.slice(0, pageBytes));
        }
        image.put(visible, new byte[pageBytes - visible]);
    }

    private void readSource(TableFile file, long page, ByteBuffer pages) throws IOException {
        source.read(file, page, pages);
        if (pages.hasRemaining()) {
            throw new AssertionError(
                    "page source left %d bytes from page %d of %s on"
                            .formatted(pages.remaining(), page, name(file)));
        }
    }

    private int visibleBytes(long baseVisible, long page) {
        return Math.clamp(baseVisible - page * pageBytes, 0, pageBytes);
    }

    /**
     * Ends staging: every change is refused from now on.
     *
     * @return what is staged, for as long as the table stays sealed
     */
    public StagedPages seal() throws IOException {
        change(() -> enter(State.SEALED));
        return new StagedPages(this, seals);
    }

    /** Opens a sealed table for changes again: its commit was refused. */
    public void unseal() throws IOException {
        turn(
                () -> {
                    require(State.SEALED);
                    enter(State.OPEN);
                });
    }

    /**
     * Makes a sealed table durable: on return its page file, with all that was staged, survives power
     * loss.
     *
     * @throws IOException what is on disk is unknown; do not commit, do not sync again. The table refuses
     *     everything but discard and close
     */
    public void sync() throws IOException {
        turn(
                () -> {
                    require(State.SEALED);
                    try {
                        slots.sync();
                    } catch (IOException e) {
                        syncFailure = e;
                        enter(State.FAILED);
                        throw e;
                    }
                });
    }

    /**
     * Forgets all that was staged: deletes the page file and releases its space. The batch's folder stays,
     * see {@link CacheDirectory#deleteBatch}.
     *
     * @throws IOException the file could not be deleted; nothing can be read any more, call it again
     */
    public void discard() throws IOException {
        turn(
                () -> {
                    if (state == State.CLOSED) {
                        throw new IllegalStateException(
                                name() + ": its page file was kept at close");
                    }
                    exclusive.lock();
                    try {
                        state = State.DISCARDED;
                        slots.discard();
                    } finally {
                        exclusive.unlock();
                    }
                });
    }

    /**
     * Gives memory and file handle back and keeps the page file, which the journal owns from now on, with
     * its share of the space. Does nothing after discard.
     */
    @Override
    public void close() throws IOException {
        turn(
                () -> {
                    exclusive.lock();
                    try {
                        if (state != State.DISCARDED) {
                            state = State.CLOSED;
                            slots.close();
                        }
                    } finally {
                        exclusive.unlock();
                    }
                });
    }

    void forEachStaged(PageIndex.Visitor visitor) throws IOException {
        slots.forEach(visitor);
    }

    void checkSeal(int seal) {
        shared.lock();
        try {
            if (state != State.SEALED || seals != seal) {
                throw new IllegalStateException(name() + " was unsealed or has ended");
            }
        } finally {
            shared.unlock();
        }
    }

    private void enter(State next) {
        exclusive.lock();
        try {
            state = next;
            seals++;
        } finally {
            exclusive.unlock();
        }
    }

    private void change(Change change) throws IOException {
        turn(
                () -> {
                    require(State.OPEN);
                    change.make();
                });
    }

    /** One writer at a time: two of them are our own mistake. */
    private void turn(Change change) throws IOException {
        Thread other = writer.compareAndExchange(null, Thread.currentThread());
        if (other != null) {
            throw new AssertionError(name() + " is being changed by " + other.getName());
        }
        try {
            change.make();
        } finally {
            writer.set(null);
        }
    }

    private void require(State needed) throws IOException {
        if (state == State.FAILED) {
            throw new IOException(name() + " is not used any more: a sync failed", syncFailure);
        }
        if (state != needed) {
            throw new IllegalStateException(name() + " is " + state + ", not " + needed);
        }
    }

    private void requireReadable() throws IOException {
        switch (state) {
            case OPEN, SEALED -> {}
            case FAILED, CLOSED, DISCARDED ->
                    throw new IOException(
                            name() + " cannot be read any more: its batch has ended", syncFailure);
        }
    }

    private void checkEnd(TableFile file, long end) {
        if (end > base.bytesMax(file)) {
            throw new IllegalArgumentException(
                    "%s would be %d bytes long; this table's pointers reach to %d"
                            .formatted(name(file), end, base.bytesMax(file)));
        }
    }

    private FileExtent extent(TableFile file) {
        return file == TableFile.INDEX ? index : data;
    }

    private String name(TableFile file) {
        return base.table().path() + "." + file.extension();
    }

    private String name() {
        return base.table().path() + " in batch " + base.batch();
    }
}
