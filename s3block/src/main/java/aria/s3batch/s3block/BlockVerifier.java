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
 * Says which pages of a block in S3 are damaged. A data page that its bitmap page calls empty may hold
 * anything, a wrong checksum too, and is not damaged: only when a page looks wrong is the bitmap asked,
 * with a GET if it lies in another block.
 */
final class BlockVerifier {
    private final ObjectStore store;
    private final ObjectNames names;
    private final TableGeometry geometry;
    private final long dataFileBytes;
    private final PageVerifier verifier;

    /**
     * @param dataFileBytes by the header of the table
     */
    BlockVerifier(
            ObjectStore store, ObjectNames names, TableGeometry geometry, long dataFileBytes) {
        this.store = store;
        this.names = names;
        this.geometry = geometry;
        this.dataFileBytes = dataFileBytes;
        this.verifier = PageVerifier.of(geometry);
    }

    /**
     * One clause for each damaged page, which names it; empty if there is none.
     *
     * @param bytes the decoded block
     * @throws IOException the bitmap was needed, and the store could not be read
     */
    List<String> problems(BlockName block, byte[] bytes) throws IOException {
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
            String key = names.block(bitmapBlock);
            Optional<StoredObject> object = store.get(key);
            if (object.isEmpty()) {
                return Optional.empty();
            }
            try {
                blockBytes =
                        BlockFrame.decode(
                                object.get().body(),
                                geometry.blockLength(bitmapBlock, dataFileBytes),
                                geometry.compressed(),
                                key);
            } catch (DamagedTableException e) {
                return Optional.empty(); // is reported when that block is read for itself
            }
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
