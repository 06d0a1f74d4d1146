package aria.s3batch.recovery;

import aria.s3batch.diskcache.StagedPages;
import aria.s3batch.format.BlockName;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableGeometry;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * Which objects of a table a batch writes and deletes, from its staged pages and lengths alone: no
 * listing, and no work that grows with the table. A block is touched if one of its pages is staged, if
 * its length changes (the file grew past it, was cut in it or before it), or if base bytes in it were cut
 * off and must read as zeros.
 */
final class ApplyPlan {
    /**
     * Most blocks that a file may grow by with no page of theirs staged. Aria writes every page of a file,
     * so such blocks come of a mistake, and one page far out would make more of them than memory holds.
     */
    static final long HOLES_MAX = 1 << 14;

    /**
     * Most blocks that a file may lose: 2 TiB of 4 MiB. No checksum covers the header in S3, and one wrong
     * bit in a length of it makes a file, and so a list of its blocks, that no memory holds.
     */
    static final long CUT_MAX = 1 << 19;

    private ApplyPlan() {}

    /** Why there can be no plan for a file; {@link #blocks} must not be asked then. */
    static Optional<String> refusal(
            TableGeometry geometry, TableFile file, FileLengths lengths, StagedPages pages)
            throws IOException {
        long cut =
                geometry.blockCount(file, lengths.baseBytes())
                        - geometry.blockCount(file, lengths.keptBytes());
        return cut > CUT_MAX
                ? Optional.of(
                        "its header in S3 says that the %s file has %d bytes, of which the batch would cut off %d blocks, more than %d: either that header is damaged (check the table), or the table is too large to be cut by a batch"
                                .formatted(file.key(), lengths.baseBytes(), cut, CUT_MAX))
                : tooManyHoles(geometry, file, lengths, pages);
    }

    private static Optional<String> tooManyHoles(
            TableGeometry geometry, TableFile file, FileLengths lengths, StagedPages pages)
            throws IOException {
        long grown =
                geometry.blockCount(file, lengths.bytes())
                        - geometry.blockCount(file, lengths.keptBytes());
        if (grown <= HOLES_MAX) {
            return Optional.empty();
        }
        long firstNew = geometry.blockCount(file, lengths.keptBytes()) + 1;
        Set<BlockName> written = new HashSet<>();
        pages.forEach(
                (staged, page, slot, crc32c, unverified) -> {
                    if (staged == file && !geometry.isHeaderPage(file, page)) {
                        BlockName block = geometry.blockOf(file, page);
                        if (block.number() >= firstNew) {
                            written.add(block);
                        }
                    }
                });
        long holes = grown - written.size();
        return holes <= HOLES_MAX
                ? Optional.empty()
                : Optional.of(
                        "the %s file would have %d bytes, with %d new blocks of which no page is staged: stage the missing pages, or the header that belongs to the pages"
                                .formatted(file.key(), lengths.bytes(), holes));
    }

    /**
     * @param pages staged pages of both files; those of the header are passed over
     * @return sorted; base ETags are not known yet and null
     */
    static List<BlockRecord> blocks(
            TableGeometry geometry, FileLengths index, FileLengths data, StagedPages pages)
            throws IOException {
        Map<BlockName, PageTable.Builder> touched = new TreeMap<>();
        pages.forEach(
                (file, page, slot, crc32c, unverified) -> {
                    if (!geometry.isHeaderPage(file, page)) {
                        BlockName block = geometry.blockOf(file, page);
                        touched.computeIfAbsent(block, b -> new PageTable.Builder())
                                .add((int) (page - geometry.firstPage(block)), slot, crc32c);
                    }
                });
        addResized(geometry, TableFile.INDEX, index, touched);
        addResized(geometry, TableFile.DATA, data, touched);
        List<BlockRecord> blocks = new ArrayList<>(touched.size());
        touched.forEach((block, table) -> blocks.add(new BlockRecord(block, null, table.build())));
        return blocks;
    }

    /** The first block of each file of which a plan writes any block, where there is one in S3. */
    static List<BlockName> firstBlocks(TableRecord table, List<BlockRecord> plan) {
        return Stream.of(TableFile.values())
                .filter(file -> plan.stream().anyMatch(block -> block.block().file() == file))
                .map(file -> new BlockName(file, 1))
                .filter(first -> table.baseLength(first) > 0)
                .toList();
    }

    private static void addResized(
            TableGeometry geometry,
            TableFile file,
            FileLengths lengths,
            Map<BlockName, PageTable.Builder> touched) {
        // L1: keptBytes is the smallest of the three, so blocks before it are as they were
        long intoBlocks = Math.max(0, lengths.keptBytes() - geometry.blocksStart(file));
        long first = intoBlocks / geometry.blockBytes() + 1;
        long last =
                Math.max(
                        geometry.blockCount(file, lengths.baseBytes()),
                        geometry.blockCount(file, lengths.bytes()));
        for (long number = first; number <= last; number++) {
            var block = new BlockName(file, number);
            int base = geometry.blockLength(block, lengths.baseBytes());
            int kept = geometry.blockLength(block, lengths.keptBytes());
            int bytes = geometry.blockLength(block, lengths.bytes());
            if (bytes != base || kept < base) {
                touched.computeIfAbsent(block, b -> new PageTable.Builder());
            }
        }
    }
}
