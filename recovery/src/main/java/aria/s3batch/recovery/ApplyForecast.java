package aria.s3batch.recovery;

import aria.s3batch.diskcache.StagedPages;
import aria.s3batch.format.BlockName;
import aria.s3batch.format.TableFile;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What committing would cost, counted from the staged pages of an open batch.
 *
 * @param blocks objects below index/ and data/ that are written, new ones included
 * @param blocksDeleted objects there that are deleted
 * @param deletes requests: those of blocks, of definition, header and their copies for a fence, and of
 *     the lock
 * @param puts the lock's among them, when it says that the batch is committed; not its signs of life
 * @param bytesUp decoded bytes: a compressed table sends less
 * @param bytesStaged of the staged pages
 * @param blocksReplaced blocks in S3 that are overwritten or deleted: with keep-undo each is copied there first
 * @param bytesReplaced of these, decoded
 */
public record ApplyForecast(
        long pages,
        long blocks,
        long blocksNew,
        long blocksDeleted,
        long deletes,
        long heads,
        long gets,
        long puts,
        long bytesDown,
        long bytesUp,
        long bytesStaged,
        long blocksReplaced,
        long bytesReplaced) {

    public static final ApplyForecast NOTHING =
            new ApplyForecast(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

    /** Of a definition of which a batch changes nothing, while it changes another: it is locked as well. */
    public static final ApplyForecast LOCK_ALONE =
            new ApplyForecast(0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0);

    /**
     * @param pages of this table, sealed for as long as the call takes
     * @param definitionToo whether to count what is done with the definition; once for all partitions of a
     *     table, with the first that the batch changes
     * @throws CommitRefusedException a file would be mostly holes
     */
    public static ApplyForecast of(
            OpenTable table, StagedPages pages, Readers readers, boolean definitionToo)
            throws IOException {
        ByteBuffer header = ByteBuffer.allocate(table.base().header().keystart());
        table.cache().read(TableFile.INDEX, 0, header);
        boolean headerChanged =
                !ByteBuffer.wrap(table.base().header().asLocal().bytes()).equals(header.flip());
        var record =
                new TableRecord(
                        table.base(),
                        table.base().header(),
                        lengths(table, TableFile.INDEX),
                        lengths(table, TableFile.DATA));
        List<String> refusals = new ArrayList<>();
        for (TableFile file : TableFile.values()) {
            ApplyPlan.refusal(record.geometry(), file, lengths(table, file), pages)
                    .ifPresent(refusals::add);
        }
        if (!refusals.isEmpty()) {
            throw new CommitRefusedException(table.base().table(), refusals);
        }
        List<BlockRecord> touched =
                ApplyPlan.blocks(record.geometry(), record.index(), record.data(), pages);
        if (touched.isEmpty() && !headerChanged) {
            return new ApplyForecast(table.cache().pages(), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
        }
        long created = 0;
        long deletes = 0;
        long gets = 0;
        long bytesDown = 0;
        long bytesUp = 0;
        long replaced = 0;
        long bytesReplaced = 0;
        for (BlockRecord block : touched) {
            int newLength = record.newLength(block.block());
            int baseLength = record.baseLength(block.block());
            bytesUp += newLength;
            replaced += baseLength > 0 ? 1 : 0;
            bytesReplaced += baseLength;
            if (newLength == 0) {
                deletes++;
            } else if (baseLength == 0) {
                created++;
            } else if (record.needsBase(block) && !table.reader().isCached(block.block())) {
                gets++;
                bytesDown += baseLength;
            }
        }
        long heads = touched.size();
        for (BlockName first : ApplyPlan.firstBlocks(record, touched)) {
            Optional<BlockRecord> planned =
                    touched.stream().filter(block -> block.block().equals(first)).findFirst();
            if (table.reader().hasRead(first)) {
                continue;
            }
            if (!record.geometry().compressed()) {
                heads += planned.isEmpty() ? 1 : 0;
            } else if (planned.filter(record::needsBase).isEmpty()) {
                gets++;
                bytesDown += record.baseLength(first);
            }
        }
        long blocks = touched.size() - deletes;
        long definitions = definitionToo ? 1 : 0;
        boolean fence = readers == Readers.FENCE;
        long headersPut = fence || headerChanged ? 1 : 0;
        long definitionsPut = readers == Readers.NONE ? 0 : definitions;
        long copies = fence ? 1 + definitions : 0; // as many are put, deleted, and copied from
        bytesUp +=
                headersPut * header.capacity()
                        + definitionsPut * table.base().frm().length
                        + (fence ? header.capacity() + definitions * table.base().frm().length : 0);
        return new ApplyForecast(
                table.cache().pages(),
                blocks,
                created,
                deletes,
                deletes + 2 * copies + definitions,
                // at commit blocks, the first of each file, aria and frm; these two again before a
                // write
                heads + 2 + 2 * definitions,
                gets,
                copies + blocks + headersPut + definitionsPut + definitions,
                bytesDown,
                bytesUp,
                table.cache().pages() * record.geometry().pageBytes(),
                replaced,
                bytesReplaced);
    }

    /** Objects that a copy in the bucket would have, the record included. */
    public long copyObjects() {
        return isNothing() ? 0 : BucketJournal.objects(bytesStaged);
    }

    /** Whether there is nothing to write. */
    public boolean isNothing() {
        return heads == 0;
    }

    private static FileLengths lengths(OpenTable table, TableFile file) {
        return new FileLengths(
                table.base().header().fileLength(file),
                table.cache().baseVisibleBytes(file),
                table.cache().length(file));
    }

    public ApplyForecast plus(ApplyForecast other) {
        return new ApplyForecast(
                pages + other.pages,
                blocks + other.blocks,
                blocksNew + other.blocksNew,
                blocksDeleted + other.blocksDeleted,
                deletes + other.deletes,
                heads + other.heads,
                gets + other.gets,
                puts + other.puts,
                bytesDown + other.bytesDown,
                bytesUp + other.bytesUp,
                bytesStaged + other.bytesStaged,
                blocksReplaced + other.blocksReplaced,
                bytesReplaced + other.bytesReplaced);
    }
}
