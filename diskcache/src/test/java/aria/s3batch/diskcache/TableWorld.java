package aria.s3batch.diskcache;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.format.BatchId;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;
import java.util.Random;

/** A small table with known bytes, a batch on it, and what the batch should look like: plain arrays. */
final class TableWorld {
    static final int PAGE = 1024;
    static final int FILE_MAX = 64 * PAGE;
    static final BatchId BATCH = new BatchId(1, 2);
    static final CacheDirectory CACHE = new CacheDirectory(Path.of("/cache"));

    final MemoryDisk memory = new MemoryDisk();
    final FaultyDisk disk = new FaultyDisk(memory);
    final CacheSpace space;
    final TableCache cache;
    private final Map<TableFile, byte[]> base = new EnumMap<>(TableFile.class);

    /** What reading the whole of each file should give. */
    private final Map<TableFile, byte[]> model = new EnumMap<>(TableFile.class);

    int baseReads;

    TableWorld(int indexBytes, int dataBytes, long cacheSize) throws IOException {
        Random random = new Random(42);
        byte[] index = new byte[indexBytes];
        random.nextBytes(index);
        byte[] data = new byte[dataBytes];
        random.nextBytes(data);
        base.put(TableFile.INDEX, index);
        base.put(TableFile.DATA, data);
        model.putAll(base);
        CACHE.create(memory);
        space = new CacheSpace(cacheSize);
        cache =
                new TableCache(
                        new TableBase(
                                BATCH,
                                new TableName("shop", "orders"),
                                PAGE,
                                indexBytes,
                                dataBytes,
                                FILE_MAX,
                                FILE_MAX),
                        this::readBase,
                        disk,
                        space,
                        pageFile());
    }

    static TableWorld withPages(int indexPages, int dataPages) throws IOException {
        return new TableWorld(indexPages * PAGE, dataPages * PAGE, 1 << 20);
    }

    static Path pageFile() {
        return CACHE.pageFile(BATCH, 0);
    }

    byte[] model(TableFile file) {
        return Objects.requireNonNull(model.get(file));
    }

    void setModel(TableFile file, byte[] bytes) {
        model.put(file, bytes);
    }

    private byte[] base(TableFile file) {
        return Objects.requireNonNull(base.get(file));
    }

    private void readBase(TableFile file, long page, ByteBuffer dst) {
        baseReads++;
        byte[] bytes = base(file);
        assertThat(dst.remaining()).isPositive();
        assertThat(dst.remaining() % PAGE).isZero();
        for (int from = (int) page * PAGE; dst.hasRemaining(); from += PAGE) {
            assertThat(from).isLessThan(bytes.length);
            byte[] image = new byte[PAGE];
            Arrays.fill(image, (byte) 0xee); // past the end: anything
            System.arraycopy(bytes, from, image, 0, Math.min(PAGE, bytes.length - from));
            dst.put(image);
        }
    }

    void stage(TableFile file, int page, ByteBuffer images) throws IOException {
        byte[] bytes = bytesOf(images);
        cache.stagePages(file, page, images);
        modelWrite(file, page * PAGE, bytes);
    }

    void write(TableFile file, int offset, ByteBuffer images) throws IOException {
        byte[] bytes = bytesOf(images);
        cache.stageBytes(file, offset, images);
        modelWrite(file, offset, bytes);
    }

    void truncate(TableFile file, int bytes) throws IOException {
        cache.truncate(file, bytes);
        model.put(file, Arrays.copyOf(model(file), bytes));
    }

    void modelWrite(TableFile file, int offset, byte[] bytes) {
        if (bytes.length == 0) {
            return;
        }
        byte[] old = model(file);
        byte[] grown = Arrays.copyOf(old, Math.max(old.length, offset + bytes.length));
        System.arraycopy(bytes, 0, grown, offset, bytes.length);
        model.put(file, grown);
    }

    byte[] read(TableFile file, long offset, int length) throws IOException {
        ByteBuffer dst = ByteBuffer.allocate(length);
        int count = cache.read(file, offset, dst);
        assertThat(dst.position()).isEqualTo(count);
        return Arrays.copyOf(dst.array(), count);
    }

    void assertAsModelled() throws IOException {
        for (TableFile file : TableFile.values()) {
            byte[] expected = model(file);
            assertThat(cache.length(file)).isEqualTo(expected.length);
            assertThat(read(file, 0, FILE_MAX + 1)).as(file.key()).isEqualTo(expected);
        }
    }

    /** What a reader of the page file alone, base and lengths would make of the table: apply does that. */
    byte[] applied(StagedPages staged, TableFile file) throws IOException {
        byte[] bytes = new byte[FILE_MAX];
        byte[] old = base(file);
        System.arraycopy(old, 0, bytes, 0, (int) staged.baseVisibleBytes(file));
        if (staged.count() > 0) {
            try (PageFile pages = PageFile.open(disk, staged.pageFile())) {
                staged.forEach(
                        (tableFile, page, slot, crc32c, unverified) -> {
                            if (tableFile == file) {
                                pages.readVerified(
                                        slot,
                                        crc32c,
                                        ByteBuffer.wrap(bytes, (int) page * PAGE, PAGE));
                            }
                        });
            }
        }
        return Arrays.copyOf(bytes, (int) staged.length(file));
    }

    static ByteBuffer filled(int bytes, int value) {
        byte[] image = new byte[bytes];
        Arrays.fill(image, (byte) value);
        return ByteBuffer.wrap(image);
    }

    private static byte[] bytesOf(ByteBuffer buffer) {
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(buffer.position(), bytes);
        return bytes;
    }
}
