package aria.s3batch.diskcache;

import static java.nio.ByteOrder.LITTLE_ENDIAN;
import static java.nio.charset.StandardCharsets.UTF_8;

import aria.s3batch.format.BatchId;
import aria.s3batch.format.TableName;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.zip.CRC32C;

/**
 * The staged pages of one table in one batch, on local disk: a header page, then slots of one page.
 *
 * <p>Header page. Little-endian. Since format 1.
 *
 * <pre>
 * offset      size type field      meaning
 *      0         8 -    magic      "AS3BPAGE"
 *      8         4 u32  version    1
 *     12         4 u32  pageBytes  slot size: the table's Aria block size; power of two, 1024 to 32768
 *     16        16 -    batchId    ULID, high byte first as ULIDs are
 *     32         2 u16  nameBytes  length of the name
 *     34 nameBytes -    name       "database/table" as in the bucket, UTF-8
 *      -         - -    reserved   zero, refused otherwise
 * pageBytes-4    4 u32  crc        CRC-32C of all bytes before it </pre>
 *
 * <p>Slot n starts at {@code (n + 1) * pageBytes}. Slots carry no header: which page they hold, and its
 * CRC-32C, is said by {@link PageIndex} while the batch is open and by the journal after commit; a slot
 * that neither names holds anything. The file ends anywhere after its header.
 *
 * <p>Positional throughout: one thread writes, any number read.
 */
public final class PageFile implements Closeable {
    /** Slot numbers fit 30 bits: 8 TiB of 8 KiB pages. */
    public static final int SLOTS_MAX = 1 << 30;

    private static final long MAGIC = 0x4547415042335341L; // "AS3BPAGE" read little-endian
    private static final int VERSION = 1;
    private static final int MAGIC_OFFSET = 0;
    private static final int VERSION_OFFSET = 8;
    private static final int PAGE_BYTES_OFFSET = 12;
    private static final int BATCH_OFFSET = 16;
    private static final int NAME_BYTES_OFFSET = 32;
    private static final int NAME_OFFSET = 34;
    private static final int CRC_BYTES = 4;

    private final DiskFile file;
    private final int pageBytes;
    private final BatchId batch;
    private final TableName table;

    private PageFile(DiskFile file, int pageBytes, BatchId batch, TableName table) {
        this.file = file;
        this.pageBytes = pageBytes;
        this.batch = batch;
        this.table = table;
    }

    /**
     * Creates the file with its header and no slots. After an exception there is no file, unless the disk
     * refused to delete it too.
     */
    public static PageFile create(
            Disk disk, Path path, int pageBytes, BatchId batch, TableName table)
            throws IOException {
        ByteBuffer header = header(pageBytes, batch, table);
        DiskFile file = disk.create(path);
        try {
            file.write(header, 0);
            return new PageFile(file, pageBytes, batch, table);
        } catch (IOException e) {
            try {
                file.close();
                disk.delete(path);
            } catch (IOException undeleted) {
                e.addSuppressed(undeleted);
            }
            throw e;
        }
    }

    private static ByteBuffer header(int pageBytes, BatchId batch, TableName table) {
        byte[] name = table.path().getBytes(UTF_8);
        assert name.length <= pageBytes - NAME_OFFSET - CRC_BYTES
                : table; // 950 bytes, see TableName
        ByteBuffer header = ByteBuffer.allocate(pageBytes).order(LITTLE_ENDIAN);
        header.putLong(MAGIC_OFFSET, MAGIC);
        header.putInt(VERSION_OFFSET, VERSION);
        header.putInt(PAGE_BYTES_OFFSET, pageBytes);
        header.order(ByteOrder.BIG_ENDIAN);
        header.putLong(BATCH_OFFSET, batch.high()).putLong(BATCH_OFFSET + 8, batch.low());
        header.order(LITTLE_ENDIAN);
        header.putShort(NAME_BYTES_OFFSET, (short) name.length);
        header.put(NAME_OFFSET, name);
        int crcOffset = pageBytes - CRC_BYTES;
        return header.putInt(crcOffset, crc32c(header.slice(0, crcOffset)));
    }

    /**
     * Opens a page file and verifies its header.
     *
     * @throws DamagedPageFileException the header is not one, or was changed; nothing was
     */
    public static PageFile open(Disk disk, Path path) throws IOException {
        DiskFile file = disk.open(path);
        try {
            return readHeader(file);
        } catch (IOException | RuntimeException e) {
            try {
                file.close();
            } catch (IOException unclosed) {
                e.addSuppressed(unclosed);
            }
            throw e;
        }
    }

    private static PageFile readHeader(DiskFile file) throws IOException {
        ByteBuffer start = ByteBuffer.allocate(BATCH_OFFSET).order(LITTLE_ENDIAN);
        int found = file.read(start, 0);
        check(file, 0, "length", ">= " + BATCH_OFFSET, found, found == BATCH_OFFSET);
        long magic = start.getLong(MAGIC_OFFSET);
        if (magic != MAGIC) {
            throw damaged(file, MAGIC_OFFSET, "magic", hex(MAGIC), hex(magic));
        }
        int version = start.getInt(VERSION_OFFSET);
        check(file, VERSION_OFFSET, "version", "" + VERSION, version, version == VERSION);
        int pageBytes = start.getInt(PAGE_BYTES_OFFSET);
        boolean plausible =
                Integer.bitCount(pageBytes) == 1 && pageBytes >= 1024 && pageBytes <= 32768;
        check(
                file,
                PAGE_BYTES_OFFSET,
                "page size",
                "a power of two, 1024 to 32768",
                pageBytes,
                plausible);

        ByteBuffer header = ByteBuffer.allocate(pageBytes).order(LITTLE_ENDIAN);
        found = file.read(header, 0);
        check(file, 0, "length", ">= " + pageBytes, found, found == pageBytes);
        int crcOffset = pageBytes - CRC_BYTES;
        int expected = crc32c(header.slice(0, crcOffset));
        int crc = header.getInt(crcOffset);
        if (crc != expected) {
            throw damaged(file, crcOffset, "CRC32C of the header", hex(expected), hex(crc));
        }
        // From here on only a writer of ours can be wrong, but a wrong batch or table must not
        // pass.
        int nameBytes = Short.toUnsignedInt(header.getShort(NAME_BYTES_OFFSET));
        int nameEnd = NAME_OFFSET + nameBytes;
        check(
                file,
                NAME_BYTES_OFFSET,
                "name length",
                "<= " + (crcOffset - NAME_OFFSET),
                nameBytes,
                nameEnd <= crcOffset);
        for (int i = nameEnd; i < crcOffset; i++) {
            check(file, i, "reserved byte", "0", header.get(i), header.get(i) == 0);
        }
        String name = new String(header.array(), NAME_OFFSET, nameBytes, UTF_8);
        int slash = name.indexOf('/');
        if (slash <= 0 || slash == name.length() - 1 || name.indexOf('/', slash + 1) >= 0) {
            throw damaged(file, NAME_OFFSET, "name", "database/table", "'" + name + "'");
        }
        header.order(ByteOrder.BIG_ENDIAN);
        return new PageFile(
                file,
                pageBytes,
                new BatchId(header.getLong(BATCH_OFFSET), header.getLong(BATCH_OFFSET + 8)),
                new TableName(name.substring(0, slash), name.substring(slash + 1)));
    }

    public Path path() {
        return file.path();
    }

    public int pageBytes() {
        return pageBytes;
    }

    public BatchId batch() {
        return batch;
    }

    public TableName table() {
        return table;
    }

    /** Whole slots in the file now; which of them hold a page is not said here. */
    public int slots() throws IOException {
        return (int) Math.min(SLOTS_MAX, Math.max(0, file.size() / pageBytes - 1));
    }

    /**
     * Reads a slot as it is, unverified.
     *
     * @param dst filled with one page
     * @throws DamagedPageFileException the file ends before or inside the slot
     */
    public void read(int slot, ByteBuffer dst) throws IOException {
        ByteBuffer page = dst.slice(dst.position(), pageBytes);
        int found = file.read(page, offset(slot));
        check(
                file,
                offset(slot),
                "bytes of slot " + slot,
                "" + pageBytes,
                found,
                found == pageBytes);
        dst.position(dst.position() + pageBytes);
    }

    /**
     * Reads a slot that must hold what was staged.
     *
     * @param crc32c of the page, as recorded when it was staged
     * @param dst filled with one page; its content is undefined after an exception
     * @throws CorruptPageException the slot holds something else
     * @throws DamagedPageFileException the file ends before or inside the slot
     */
    public void readVerified(int slot, int crc32c, ByteBuffer dst) throws IOException {
        int start = dst.position();
        read(slot, dst);
        verify(slot, crc32c, dst.slice(start, pageBytes));
    }

    /**
     * Reads slots that follow one another, at once; else as {@link #readVerified(int, int, ByteBuffer)}.
     *
     * @param crc32c of each page
     * @param dst filled with as many pages
     */
    public void readVerified(int firstSlot, int[] crc32c, ByteBuffer dst) throws IOException {
        ByteBuffer pages = dst.slice(dst.position(), crc32c.length * pageBytes);
        int whole = file.read(pages, offset(firstSlot)) / pageBytes;
        for (int i = 0; i < crc32c.length; i++) {
            if (i == whole) {
                read(firstSlot + i, dst); // says where the file ends
            }
            verify(firstSlot + i, crc32c[i], pages.slice(i * pageBytes, pageBytes));
        }
        dst.position(dst.position() + pages.capacity());
    }

    private void verify(int slot, int crc32c, ByteBuffer page) throws CorruptPageException {
        int found = crc32c(page);
        if (found != crc32c) {
            throw new CorruptPageException(path(), slot, offset(slot), crc32c, found);
        }
    }

    /** Writes one page; {@code src} keeps its position. After an exception the slot holds anything. */
    public void write(int slot, ByteBuffer src) throws IOException {
        assert src.remaining() == pageBytes : src;
        file.write(src.duplicate(), offset(slot));
    }

    /** On return all slots survive power loss, if the file's name does. Never repeat a failed sync. */
    public void sync() throws IOException {
        file.sync();
    }

    @Override
    public void close() throws IOException {
        file.close();
    }

    private long offset(int slot) {
        if (slot < 0 || slot >= SLOTS_MAX) {
            throw new IllegalArgumentException("slot " + slot + " of " + path());
        }
        return (slot + 1L) * pageBytes;
    }

    /** CRC-32C of what remains in a buffer, which keeps its position. */
    static int crc32c(ByteBuffer bytes) {
        CRC32C crc = new CRC32C();
        crc.update(bytes.duplicate());
        return (int) crc.getValue();
    }

    private static void check(
            DiskFile file, long offset, String field, String expected, long found, boolean holds)
            throws DamagedPageFileException {
        if (!holds) {
            throw damaged(file, offset, field, expected, Long.toString(found));
        }
    }

    private static DamagedPageFileException damaged(
            DiskFile file, long offset, String field, String expected, String found) {
        return new DamagedPageFileException(file.path(), offset, field, expected, found);
    }

    private static String hex(long value) {
        return Long.toHexString(value);
    }

    private static String hex(int value) {
        return "%08x".formatted(value);
    }
}
