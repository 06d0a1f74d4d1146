package aria.s3batch.recovery;

import aria.s3batch.format.AriaHeader;
import aria.s3batch.format.BlockName;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableGeometry;
import aria.s3batch.s3block.BaseTable;

/**
 * One table of a committed batch: what it was in S3 when the batch began, and what it becomes.
 *
 * @param header the header to publish, S3 fields included; equal to the base's when nothing in it changed
 */
public record TableRecord(BaseTable base, AriaHeader header, FileLengths index, FileLengths data) {

    public FileLengths lengths(TableFile file) {
        return file == TableFile.INDEX ? index : data;
    }

    public TableGeometry geometry() {
        return base.geometry();
    }

    /** Decoded length of the block in S3 when the batch began; 0 where there was none. */
    int baseLength(BlockName block) {
        return geometry().blockLength(block, lengths(block.file()).baseBytes());
    }

    /** How many bytes of the base block are still visible. */
    int keptLength(BlockName block) {
        return geometry().blockLength(block, lengths(block.file()).keptBytes());
    }

    /** Decoded length of the block after the batch; 0 if it is deleted. */
    int newLength(BlockName block) {
        return geometry().blockLength(block, lengths(block.file()).bytes());
    }

    public boolean headerChanged() {
        return !header.equals(base.header());
    }

    /** Whether the batch deletes the block: the file ends before it now. */
    public boolean deletes(BlockRecord record) {
        return newLength(record.block()) == 0;
    }

    /** Whether the block's new content needs bytes of the old. */
    boolean needsBase(BlockRecord record) {
        int keptPages = Math.ceilDiv(keptLength(record.block()), geometry().pageBytes());
        return !record.pages().coversFirst(keptPages);
    }
}
