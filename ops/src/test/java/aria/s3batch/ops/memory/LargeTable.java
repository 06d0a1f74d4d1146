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

/**
 * A {@link SyntheticTable} whose data file no heap need hold: pages are made when they are asked for,
 * loaded and compared block by block. It has no index pages.
 */
final class LargeTable {
    static final int PAGE_BYTES = SyntheticTable.PAGE_BYTES;
    static final long BASE_SEED = 1;
    static final long BATCH_SEED = 2;

    private final TableName name;
    private final AriaHeader header;
    private final TableGeometry geometry;
    private final int blocks;

    LargeTable(String name, int blockBytes, boolean compressed, int blocks) throws IOException {
        this.name = new TableName("large", name);
        this.blocks = blocks;
        SyntheticTable model = SyntheticTable.of(this.name, blockBytes, compressed, 0, 1, 1);
        this.header =
                model.header()
                        .with(HeaderField.DATA_FILE_LENGTH, (long) blocks * blockBytes)
                        .with(HeaderField.RECORDS, 1);
        this.geometry = header.geometry(name);
    }

    TableName name() {
        return name;
    }

    int pages() {
        return blocks * pagesOfBlock();
    }

    int blocks() {
        return blocks;
    }

    int pagesOfBlock() {
        return geometry.blockBytes() / PAGE_BYTES;
    }

    long bytes() {
        return (long) pages() * PAGE_BYTES;
    }

    /** The header that the batch stages: in local form, and changed. */
    byte[] stagedHeader() {
        return header.asLocal().with(HeaderField.RECORDS, 2).bytes();
    }

    static byte[] pages(int first, int count, long seed) {
        byte[] images = new byte[count * PAGE_BYTES];
        for (int i = 0; i < count; i++) {
            byte[] page = SyntheticTable.page(TableFile.DATA, first + i, seed);
            System.arraycopy(page, 0, images, i * PAGE_BYTES, PAGE_BYTES);
        }
        return images;
    }

    /** Puts the table as before the batch into the bucket. */
    void load(Bucket bucket) throws IOException {
        var names = new ObjectNames(name);
        bucket.putAll(
                SyntheticTable.of(name, geometry.blockBytes(), geometry.compressed(), 0, 1, 1)
                        .objects());
        for (int block = 0; block < blocks; block++) {
            byte[] bytes = pages(block * pagesOfBlock(), pagesOfBlock(), BASE_SEED);
            bucket.put(
                    names.block(new BlockName(TableFile.DATA, block + 1)),
                    BlockFrame.encode(bytes, bytes.length, geometry.compressed()));
        }
        bucket.put(names.header(), header.bytes());
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
