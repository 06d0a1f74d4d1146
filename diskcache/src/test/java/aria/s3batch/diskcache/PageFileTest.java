package aria.s3batch.diskcache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import aria.s3batch.format.BatchId;
import aria.s3batch.format.TableName;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.zip.CRC32C;

class PageFileTest {
    private static final int PAGE = 1024;
    private static final BatchId BATCH = new BatchId(0x0123456789abcdefL, 0x1122334455667788L);
    private static final TableName TABLE = new TableName("shop", "orders#P#p0");
    private static final Path FILE = Path.of("/cache/0.pages");

    private final MemoryDisk disk = new MemoryDisk();

    @BeforeEach
    void directory() throws IOException {
        disk.createDirectories(Path.of("/cache"));
    }

    @Test
    void headerIsAsDocumented() throws IOException {
        PageFile.create(disk, FILE, PAGE, BATCH, TABLE).close();
        ByteBuffer header = ByteBuffer.allocate(PAGE).order(ByteOrder.LITTLE_ENDIAN);
        try (DiskFile file = disk.open(FILE)) {
            assertThat(file.read(header, 0)).isEqualTo(PAGE);
        }
        assertThat(new String(header.array(), 0, 8, java.nio.charset.StandardCharsets.US_ASCII))
                .isEqualTo("AS3BPAGE");
        assertThat(header.getInt(8)).isEqualTo(1);
        assertThat(header.getInt(12)).isEqualTo(PAGE);
        assertThat(header.get(16)).isEqualTo((byte) 0x01);
        assertThat(header.get(31)).isEqualTo((byte) 0x88);
        assertThat(header.getShort(32)).isEqualTo((short) 16);
        assertThat(new String(header.array(), 34, 16, java.nio.charset.StandardCharsets.UTF_8))
                .isEqualTo("shop/orders#P#p0");
        CRC32C crc = new CRC32C();
        crc.update(header.array(), 0, PAGE - 4);
        assertThat(header.getInt(PAGE - 4)).isEqualTo((int) crc.getValue());
    }

    @Test
    void openFindsWhatCreateWrote() throws IOException {
        try (PageFile file = PageFile.create(disk, FILE, PAGE, BATCH, TABLE)) {
            assertThat(file.slots()).isZero();
            file.write(1, page(7));
        }
        try (PageFile file = PageFile.open(disk, FILE)) {
            assertThat(file.pageBytes()).isEqualTo(PAGE);
            assertThat(file.batch()).isEqualTo(BATCH);
            assertThat(file.table()).isEqualTo(TABLE);
            assertThat(file.path()).isEqualTo(FILE);
            assertThat(file.slots()).isEqualTo(2);
            ByteBuffer found = ByteBuffer.allocate(PAGE);
            file.readVerified(1, PageFile.crc32c(page(7)), found);
            assertThat(found.flip()).isEqualTo(page(7));
        }
    }

    @Test
    void anyChangedHeaderByteIsRefused() throws IOException {
        PageFile.create(disk, FILE, PAGE, BATCH, TABLE).close();
        for (int offset = 0; offset < PAGE; offset++) {
            disk.flipByte(FILE, offset);
            assertThatThrownBy(() -> PageFile.open(disk, FILE))
                    .as("byte %d", offset)
                    .isInstanceOf(DamagedPageFileException.class)
                    .hasMessageContaining(FILE.toString())
                    .hasMessageContaining("should be")
                    .hasMessageContaining("found");
            disk.flipByte(FILE, offset);
        }
        PageFile.open(disk, FILE).close();
    }

    @Test
    void anyShorterHeaderIsRefused() throws IOException {
        PageFile.create(disk, FILE, PAGE, BATCH, TABLE).close();
        try (DiskFile file = disk.open(FILE)) {
            for (int length = PAGE - 1; length >= 0; length--) {
                file.truncate(length);
                assertThatThrownBy(() -> PageFile.open(disk, FILE))
                        .as("length %d", length)
                        .isInstanceOf(DamagedPageFileException.class);
            }
        }
    }

    /** A header with a right checksum but wrong content: written by another version, or by a bug. */
    @Test
    void reservedBytesAndNameAreCheckedBesideTheChecksum() throws IOException {
        refusedAfter(header -> header.put(900, (byte) 1), "reserved byte should be 0, found 1");
        refusedAfter(header -> header.putShort(32, (short) 2000), "name length");
        refusedAfter(header -> header.put(38, (byte) 'x'), "database/table");
        refusedAfter(header -> header.put(41, (byte) '/'), "database/table");
    }

    @Test
    void wrongVersionPageSizeOrMagicIsNamed() throws IOException {
        refusedAfter(header -> header.putInt(8, 2), "version should be 1, found 2");
        refusedAfter(header -> header.putInt(12, 3000), "page size");
        refusedAfter(header -> header.putInt(12, Integer.MIN_VALUE), "page size");
        refusedAfter(header -> header.putInt(12, 4096), "length should be >= 4096, found 1024");
        refusedAfter(header -> header.putInt(0, 0), "magic");
    }

    private interface HeaderChange {
        void apply(ByteBuffer header);
    }

    private void refusedAfter(HeaderChange change, String message) throws IOException {
        disk.delete(FILE);
        PageFile.create(disk, FILE, PAGE, BATCH, TABLE).close();
        ByteBuffer header = ByteBuffer.allocate(PAGE).order(ByteOrder.LITTLE_ENDIAN);
        try (DiskFile file = disk.open(FILE)) {
            file.read(header, 0);
            change.apply(header);
            header.putInt(PAGE - 4, PageFile.crc32c(header.slice(0, PAGE - 4)));
            file.write(header.clear(), 0);
        }
        assertThatThrownBy(() -> PageFile.open(disk, FILE))
                .isInstanceOf(DamagedPageFileException.class)
                .hasMessageContaining(message);
    }

    @Test
    void changedSlotIsRefusedNotServed() throws IOException {
        try (PageFile file = PageFile.create(disk, FILE, PAGE, BATCH, TABLE)) {
            file.write(0, page(1));
            file.write(1, page(2));
            int crc = PageFile.crc32c(page(2));
            disk.flipByte(FILE, 2 * PAGE + 77);
            assertThatThrownBy(() -> file.readVerified(1, crc, ByteBuffer.allocate(PAGE)))
                    .isInstanceOf(CorruptPageException.class)
                    .hasMessageContaining(FILE.toString())
                    .hasMessageContaining("slot 1")
                    .hasMessageContaining("%08x".formatted(crc))
                    .satisfies(e -> assertThat(((CorruptPageException) e).slot()).isEqualTo(1));
            file.readVerified(0, PageFile.crc32c(page(1)), ByteBuffer.allocate(PAGE));
        }
    }

    @Test
    void slotBeyondTheEndIsRefused() throws IOException {
        try (PageFile file = PageFile.create(disk, FILE, PAGE, BATCH, TABLE);
                DiskFile raw = disk.open(FILE)) {
            file.write(0, page(1));
            raw.truncate(2 * PAGE - 1);
            assertThatThrownBy(() -> file.read(0, ByteBuffer.allocate(PAGE)))
                    .isInstanceOf(DamagedPageFileException.class)
                    .hasMessageContaining("slot 0");
            assertThatThrownBy(() -> file.read(5, ByteBuffer.allocate(PAGE)))
                    .isInstanceOf(DamagedPageFileException.class);
            assertThatThrownBy(() -> file.read(-1, ByteBuffer.allocate(PAGE)))
                    .isInstanceOf(IllegalArgumentException.class);
        }
    }

    @Test
    void failedCreationLeavesNoFile() throws IOException {
        FaultyDisk faulty = new FaultyDisk(disk);
        faulty.failOnce(2, IOException::new);
        assertThatThrownBy(() -> PageFile.create(faulty, FILE, PAGE, BATCH, TABLE))
                .hasMessageContaining("injected: write");
        assertThat(disk.exists(FILE)).isFalse();
    }

    @Test
    void longestNameFitsTheSmallestPage() throws IOException {
        TableName longName = new TableName("d", "t".repeat(948));
        try (PageFile file = PageFile.create(disk, FILE, PAGE, BATCH, longName)) {
            assertThat(file.table()).isEqualTo(longName);
        }
        PageFile.open(disk, FILE).close();
    }

    private static ByteBuffer page(int fill) {
        byte[] page = new byte[PAGE];
        java.util.Arrays.fill(page, (byte) fill);
        return ByteBuffer.wrap(page);
    }
}
