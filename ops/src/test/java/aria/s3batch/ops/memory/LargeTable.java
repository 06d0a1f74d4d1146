package aria.s3batch.ops.memory;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.format.AriaHeader;
import aria.s3batch.format.BlockFrame;
import aria.s3batch.format.BlockName;
import aria.s3batch.format.HeaderField;
import aria.s3batch.format.ObjectNames;
import aria.s3batch.format.SyntheticTable;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableGeometry;
import aria.s3batch.format.TableName;
import aria.s3batch.ops.demo.Bucket;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.SortedMap;

/**
 * A {@link SyntheticTable} whose data file no heap need hold: pages are made when they are asked for,
 * loaded and compared block by block. It has no index pages.
 */
public final class LargeTable {
    public static final int PAGE_BYTES = SyntheticTable.PAGE_BYTES;
    public static final long BASE_SEED = 1;
    public static final long BATCH_SEED = 2;

    private final TableName name;
    private final AriaHeader header;
    private final TableGeometry geometry;
    private final int blocks;

    public LargeTable(String name, int blockBytes, boolean compressed, int blocks)
            throws IOException {
        this.name = new TableName("large", name);
        this.blocks = blocks;
        SyntheticTable model = SyntheticTable.of(this.name, blockBytes, compressed, 0, 1, 1);
        this.header =
                model.header()
                        .with(HeaderField.DATA_FILE_LENGTH, (long) blocks * blockBytes)
                        .with(HeaderField.RECORDS, 1);
        this.geometry = header.geometry(name);
    }

    public TableName name() {
        return name;
    }

    public int pages() {
        return blocks * pagesOfBlock();
    }

    public int blocks() {
        return blocks;
    }

    public int pagesOfBlock() {
        return geometry.blockBytes() / PAGE_BYTES;
    }

    public long bytes() {
        return (long) pages() * PAGE_BYTES;
    }

    /** The header that the batch stages: in local form, and changed. */
    public byte[] stagedHeader() {
        return header.asLocal().with(HeaderField.RECORDS, 2).bytes();
    }

    public static byte[] pages(int first, int count, long seed) {
        byte[] images = new byte[count * PAGE_BYTES];
        for (int i = 0; i < count; i++) {
            byte[] page = SyntheticTable.page(TableFile.DATA, first + i, seed);
            System.arraycopy(page, 0, images, i * PAGE_BYTES, PAGE_BYTES);
        }
        return images;
    }

    /** Puts the table as before the batch into the bucket. */
    public void load(Bucket bucket) throws IOException {
        for (int block = 0; block < blocks; block++) {
            bucket.put(key(block), object(block, BASE_SEED));
        }
        bucket.putAll(definition());
    }

    /** Header and frm as in the bucket, by key. */
    public SortedMap<String, byte[]> definition() {
        var names = new ObjectNames(name);
        SortedMap<String, byte[]> objects =
                SyntheticTable.of(name, geometry.blockBytes(), geometry.compressed(), 0, 1, 1)
                        .objects();
        objects.remove(key(0));
        objects.put(names.header(), header.bytes());
        return objects;
    }

    /**
     * Key of a block.
     *
     * @param block from 0
     */
    public String key(int block) {
        return new ObjectNames(name).block(new BlockName(TableFile.DATA, block + 1));
    }

    /** A block as in the bucket. */
    public byte[] object(int block, long seed) {
        byte[] bytes = pages(block * pagesOfBlock(), pagesOfBlock(), seed);
        return BlockFrame.encode(bytes, bytes.length, geometry.compressed());
    }

    /** Writes the local copy that {@code stage --from} reads, with every n-th page changed. */
    void writeLocalCopy(Path directory, int changedEvery) throws IOException {
        Files.write(directory.resolve(name.table() + ".MAI"), stagedHeader());
        Path data = directory.resolve(name.table() + ".MAD");
        try (FileChannel file =
                FileChannel.open(data, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            for (int page = 0; page < pages(); page++) {
                long seed = page % changedEvery == 0 ? BATCH_SEED : BASE_SEED;
                file.write(ByteBuffer.wrap(SyntheticTable.page(TableFile.DATA, page, seed)));
            }
        }
    }

    interface SeedOfPage {
        long seed(int page);
    }

    /** Compares every n-th block of the bucket, page by page. */
    void assertBlocks(Bucket bucket, int everyBlock, SeedOfPage expected) throws IOException {
        var names = new ObjectNames(name);
        for (int block = 0; block < blocks; block += everyBlock) {
            String key = names.block(new BlockName(TableFile.DATA, block + 1));
            byte[] decoded =
                    BlockFrame.decode(
                            bucket.get(key), geometry.blockBytes(), geometry.compressed(), key);
            for (int i = 0; i < pagesOfBlock(); i++) {
                int page = block * pagesOfBlock() + i;
                byte[] image = SyntheticTable.page(TableFile.DATA, page, expected.seed(page));
                assertThat(ByteBuffer.wrap(decoded, i * PAGE_BYTES, PAGE_BYTES))
                        .as("page %d in %s", page, key)
                        .isEqualTo(ByteBuffer.wrap(image));
            }
        }
        assertThat(bucket.get(names.header()))
                .isEqualTo(header.with(HeaderField.RECORDS, 2).bytes());
    }
}
