package aria.s3batch.s3block;

import aria.s3batch.format.BitmapPage;
import aria.s3batch.format.BlockFrame;
import aria.s3batch.format.BlockName;
import aria.s3batch.format.DamagedTableException;
import aria.s3batch.format.ObjectNames;
import aria.s3batch.format.PageVerifier;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableGeometry;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Says which pages of a block are damaged. A data page that its bitmap page calls empty may hold
 * anything, a wrong checksum too, and is not damaged: only when a page looks wrong is the bitmap asked,
 * and its block read if that is another. Safe for use by many threads.
 */
public final class BlockVerifier {
    private final TableGeometry geometry;
    private final Blocks blocks;
    private final PageVerifier verifier;

    /** The blocks of the same table, for their bitmap pages. */
    public interface Blocks {
        /** The pages of a block; empty if it is not there, or is damaged: that is reported when it is its turn. */
        Optional<byte[]> pages(BlockName block) throws IOException;
    }

    public BlockVerifier(TableGeometry geometry, Blocks blocks) {
        this.geometry = geometry;
        this.blocks = blocks;
        this.verifier = PageVerifier.of(geometry);
    }

    /**
     * Of a table in S3: a GET for a bitmap that lies in another block.
     *
     * @param dataFileBytes by the header of the table
     */
    BlockVerifier(
            ObjectStore store, ObjectNames names, TableGeometry geometry, long dataFileBytes) {
        this(
                geometry,
                block -> {
                    String key = names.block(block);
                    Optional<StoredObject> object = store.get(key);
                    if (object.isEmpty()) {
                        return Optional.empty();
                    }
                    try {
                        return Optional.of(
                                BlockFrame.decode(
                                        object.get().body(),
                                        geometry.blockLength(block, dataFileBytes),
                                        geometry.compressed(),
                                        key));
                    } catch (DamagedTableException e) {
                        return Optional.empty(); // is reported when that block is read for itself
                    }
                });
    }

    /**
     * One clause for each damaged page, which names it; empty if there is none.
     *
     * @param bytes the decoded block
     * @throws IOException the bitmap was needed, and could not be read
     */
    public List<String> problems(BlockName block, byte[] bytes) throws IOException {
        int pageBytes = geometry.pageBytes();
        long firstPage = geometry.firstPage(block);
        List<String> problems = new ArrayList<>();
        Optional<byte[]> bitmap = Optional.empty();
        long bitmapNumber = -1;
        for (int at = 0; at < bytes.length; at += pageBytes) {
            long page = firstPage + at / pageBytes;
            Optional<String> problem = verifier.problem(block.file(), page, bytes, at);
            if (problem.isEmpty()) {
                continue;
            }
            if (block.file() == TableFile.DATA && !BitmapPage.isBitmap(page, pageBytes)) {
                long number = BitmapPage.of(page, pageBytes);
                if (number != bitmapNumber) {
                    bitmap = bitmapPage(number, block, bytes);
                    bitmapNumber = number;
                }
                if (bitmap.isPresent() && BitmapPage.bits(bitmap.get(), 0, page, pageBytes) == 0) {
                    continue;
                }
            }
            problems.add(problem.get());
        }
        return problems;
    }

    /** A bitmap page; empty if it is itself damaged, or its block is. */
    private Optional<byte[]> bitmapPage(long page, BlockName block, byte[] bytes)
            throws IOException {
        BlockName bitmapBlock = geometry.blockOf(TableFile.DATA, page);
        byte[] blockBytes = bytes;
        if (!bitmapBlock.equals(block)) {
            Optional<byte[]> other = blocks.pages(bitmapBlock);
            if (other.isEmpty()) {
                return Optional.empty();
            }
            blockBytes = other.get();
        }
        int at = (int) (page - geometry.firstPage(bitmapBlock)) * geometry.pageBytes();
        if (verifier.problem(TableFile.DATA, page, blockBytes, at).isPresent()) {
            return Optional.empty();
        }
        byte[] bitmap = new byte[geometry.pageBytes()];
        System.arraycopy(blockBytes, at, bitmap, 0, bitmap.length);
        return Optional.of(bitmap);
    }
}
