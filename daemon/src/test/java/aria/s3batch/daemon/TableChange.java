package aria.s3batch.daemon;

import aria.s3batch.format.AriaHeader;
import aria.s3batch.format.BlockName;
import aria.s3batch.format.DamagedTableException;
import aria.s3batch.format.Fixture;
import aria.s3batch.format.ObjectNames;
import aria.s3batch.format.SyntheticTable;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableGeometry;
import aria.s3batch.format.TableName;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * A table before and after a batch, and what of it the batch therefore touches: worked out from the bytes of
 * both files alone. Pages that differ are staged whole.
 *
 * @param objects everything in the bucket before
 * @param before local files
 * @param kept bytes of each file that were never cut off on the way
 * @param staged numbers of pages
 * @param touched blocks with a staged page, another length, or bytes that were cut off
 */
record TableChange(
        TableName table,
        SortedMap<String, byte[]> objects,
        Map<TableFile, byte[]> before,
        Map<TableFile, byte[]> after,
        Map<TableFile, Integer> kept,
        Map<TableFile, Set<Integer>> staged,
        List<BlockName> touched) {
    private TableChange(
            TableName table,
            SortedMap<String, byte[]> objects,
            Map<TableFile, byte[]> before,
            Map<TableFile, byte[]> after,
            Map<TableFile, Integer> kept) {
        this(
                table,
                objects,
                before,
                after,
                kept,
                new EnumMap<>(TableFile.class),
                new ArrayList<>());
        for (TableFile file : TableFile.values()) {
            staged.put(file, findStaged(file));
        }
        touched.addAll(findTouched());
    }

    static TableChange of(SyntheticTable before, SyntheticTable after) {
        return of(
                before.name(),
                before.objects(),
                before.local(TableFile.INDEX),
                before.local(TableFile.DATA),
                after.local(TableFile.INDEX),
                after.local(TableFile.DATA));
    }

    /** As {@link #of}, by way of files of so many pages and no more. */
    TableChange cutTo(int indexPages, int dataPages) {
        return new TableChange(
                table,
                objects,
                before,
                after,
                Map.of(
                        TableFile.INDEX,
                        Math.min(kept(TableFile.INDEX), indexPages * geometry().pageBytes()),
                        TableFile.DATA,
                        Math.min(kept(TableFile.DATA), dataPages * geometry().pageBytes())));
    }

    static List<TableChange> of(Fixture fixture) {
        List<TableChange> changes = new ArrayList<>();
        for (TableName unit : fixture.units()) {
            changes.add(
                    of(
                            unit,
                            new TreeMap<>(fixture.before()),
                            fixture.local(unit, TableFile.INDEX, false),
                            fixture.local(unit, TableFile.DATA, false),
                            fixture.local(unit, TableFile.INDEX, true),
                            fixture.local(unit, TableFile.DATA, true)));
        }
        return changes;
    }

    private static TableChange of(
            TableName table,
            SortedMap<String, byte[]> objects,
            byte[] indexBefore,
            byte[] dataBefore,
            byte[] indexAfter,
            byte[] dataAfter) {
        return new TableChange(
                table,
                objects,
                Map.of(TableFile.INDEX, indexBefore, TableFile.DATA, dataBefore),
                Map.of(TableFile.INDEX, indexAfter, TableFile.DATA, dataAfter),
                Map.of(
                        TableFile.INDEX,
                        Math.min(indexBefore.length, indexAfter.length),
                        TableFile.DATA,
                        Math.min(dataBefore.length, dataAfter.length)));
    }

    byte[] before(TableFile file) {
        return Objects.requireNonNull(before.get(file));
    }

    byte[] after(TableFile file) {
        return Objects.requireNonNull(after.get(file));
    }

    int kept(TableFile file) {
        return Objects.requireNonNull(kept.get(file));
    }

    TableGeometry geometry() {
        try {
            String key = new ObjectNames(table).header();
            return AriaHeader.parse(Objects.requireNonNull(objects.get(key)), key).geometry(key);
        } catch (DamagedTableException e) {
            throw new AssertionError(e);
        }
    }

    Set<Integer> staged(TableFile file) {
        return Objects.requireNonNull(staged.get(file));
    }

    private Set<Integer> findStaged(TableFile file) {
        int page = geometry().pageBytes();
        byte[] to = after(file);
        byte[] from = before(file);
        Set<Integer> pages = new TreeSet<>();
        for (int at = 0; at < to.length; at += page) {
            if (at + page > kept(file) || !Arrays.equals(from, at, at + page, to, at, at + page)) {
                pages.add(at / page);
            }
        }
        return pages;
    }

    /** How many of them belong to the header, and so to no block. */
    int stagedOfHeader() {
        int pages = geometry().headerPages();
        return (int) staged(TableFile.INDEX).stream().filter(page -> page < pages).count();
    }

    boolean isHeaderChanged() {
        int bytes = geometry().keystart();
        return !Arrays.equals(before(TableFile.INDEX), 0, bytes, after(TableFile.INDEX), 0, bytes);
    }

    boolean isAny() {
        return isHeaderChanged() || !touched.isEmpty();
    }

    /** Blocks of both files, as long as they were. */
    List<BlockName> blocksBefore() {
        List<BlockName> blocks = new ArrayList<>();
        for (TableFile file : TableFile.values()) {
            for (long n = 1; n <= geometry().blockCount(file, before(file).length); n++) {
                blocks.add(new BlockName(file, n));
            }
        }
        return blocks;
    }

    private List<BlockName> findTouched() {
        TableGeometry geometry = geometry();
        List<BlockName> found = new ArrayList<>();
        for (TableFile file : TableFile.values()) {
            Set<Integer> pages = staged(file);
            int longest = Math.max(before(file).length, after(file).length);
            for (long n = 1; n <= geometry.blockCount(file, longest); n++) {
                var block = new BlockName(file, n);
                long first = geometry.firstPage(block);
                long end = first + geometry.blockBytes() / geometry.pageBytes();
                int was = geometry.blockLength(block, before(file).length);
                int is = geometry.blockLength(block, after(file).length);
                int shown = geometry.blockLength(block, kept(file));
                boolean page = pages.stream().anyMatch(p -> p >= first && p < end);
                if (page || was != is || shown < was) {
                    found.add(block);
                }
            }
        }
        return found;
    }

    boolean isSurplus(BlockName block) {
        return geometry().blockLength(block, after(block.file()).length) == 0;
    }

    /** Whether a block is written of which some old page shows still. */
    boolean isPartlyStaged(BlockName block) {
        if (!touched.contains(block)) {
            return false;
        }
        TableGeometry geometry = geometry();
        Set<Integer> pages = staged(block.file());
        int shown = geometry.blockLength(block, kept(block.file()));
        long first = geometry.firstPage(block);
        for (int at = 0; at < shown; at += geometry.pageBytes()) {
            if (!pages.contains((int) first + at / geometry.pageBytes())) {
                return true;
            }
        }
        return false;
    }
}
