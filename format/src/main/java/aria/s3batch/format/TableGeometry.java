package aria.s3batch.format;

/**
 * How the two files of a table are cut into pages and blocks. All offsets and lengths are bytes of the
 * local file; pages are counted from its start, so the first index page of a table with a one-page
 * header is page 1. Blocks are counted from 1, and those of the index file start after the header.
 *
 * <p>Invariants, checked here: G1 {@code pageBytes} is a power of two, 1024 to 32768. G2 {@code
 * blockBytes} and {@code keystart} are multiples of it. G3 a block fits the three-byte length of its
 * frame (16 MiB crashes the server: storage/maria/s3_func.c keeps the size in three bytes).
 *
 * @param pageBytes Aria's block size, 8192 unless configured
 * @param blockBytes {@code s3_block_size} rounded down to whole pages
 * @param keystart bytes of the header, which is the object {@code aria}
 * @param compressed whether every block carries a frame
 */
public record TableGeometry(int pageBytes, int blockBytes, int keystart, boolean compressed) {
    public static final int BLOCK_BYTES_MAX = (1 << 24) - 1;

    public TableGeometry {
        if (Integer.bitCount(pageBytes) != 1 || pageBytes < 1024 || pageBytes > 32768) {
            throw new IllegalArgumentException("page size " + pageBytes);
        }
        if (blockBytes < pageBytes || blockBytes % pageBytes != 0) {
            throw new IllegalArgumentException(
                    "block size " + blockBytes + " for pages of " + pageBytes);
        }
        if (blockBytes > BLOCK_BYTES_MAX) {
            throw new IllegalArgumentException(
                    "block size " + blockBytes + " is over " + BLOCK_BYTES_MAX);
        }
        if (keystart < pageBytes || keystart % pageBytes != 0) {
            throw new IllegalArgumentException(
                    "keystart " + keystart + " for pages of " + pageBytes);
        }
    }

    /** Where block 1 of a file starts: after the header in the index file, at 0 in the data file. */
    public long blocksStart(TableFile file) {
        return file == TableFile.INDEX ? keystart : 0;
    }

    /** Pages of the header, which belong to no block. */
    public int headerPages() {
        return keystart / pageBytes;
    }

    public boolean isHeaderPage(TableFile file, long page) {
        return file == TableFile.INDEX && page < headerPages();
    }

    /**
     * The block that holds a page.
     *
     * @throws IllegalArgumentException the page is part of the header
     */
    public BlockName blockOf(TableFile file, long page) {
        long intoBlocks = page * pageBytes - blocksStart(file);
        if (page < 0 || intoBlocks < 0) {
            throw new IllegalArgumentException(
                    "page " + page + " of " + file.key() + " is in no block");
        }
        return new BlockName(file, intoBlocks / blockBytes + 1);
    }

    /** File offset of the first byte of a block. */
    public long offsetOf(BlockName block) {
        return blocksStart(block.file()) + (block.number() - 1) * blockBytes;
    }

    /** First page of a block, counted from the start of the file. */
    public long firstPage(BlockName block) {
        return offsetOf(block) / pageBytes;
    }

    /** How many blocks a file of this length has. */
    public long blockCount(TableFile file, long fileBytes) {
        return Math.ceilDiv(Math.max(0, fileBytes - blocksStart(file)), blockBytes);
    }

    /** Decoded length of a block in a file of this length: 0 if the file ends before it. */
    public int blockLength(BlockName block, long fileBytes) {
        return Math.clamp(fileBytes - offsetOf(block), 0, blockBytes);
    }
}
