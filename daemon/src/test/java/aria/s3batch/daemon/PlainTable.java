package aria.s3batch.daemon;

import aria.s3batch.format.AriaHeader;
import aria.s3batch.format.BlockName;
import aria.s3batch.format.DamagedTableException;
import aria.s3batch.format.Fixture;
import aria.s3batch.format.PageVerifier;
import aria.s3batch.format.SyntheticTable;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableGeometry;
import aria.s3batch.format.TableName;

import org.jspecify.annotations.Nullable;

import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * The model of a table in a batch: two byte arrays as they were when it began, and over each a plain map of
 * the pages that its client staged since.
 */
final class PlainTable {
    private static final int PAGE = SyntheticTable.PAGE_BYTES;

    /** What a table is between batches: its header as in S3, and its two files. */
    static final class Content {
        private final TableName name;
        private final AriaHeader header;
        private final byte[] index;
        private final byte[] data;
        private @Nullable SortedMap<String, byte[]> objects;

        Content(TableName name, AriaHeader header, byte[] index, byte[] data) {
            this.name = name;
            this.header = header;
            this.index = index;
            this.data = data;
        }

        AriaHeader header() {
            return header;
        }

        byte[] local(TableFile file) {
            return file == TableFile.INDEX ? index : data;
        }

        TableGeometry geometry() {
            try {
                return header.geometry(name.display());
            } catch (DamagedTableException e) {
                throw new AssertionError(e);
            }
        }

        /** Header and blocks. */
        SortedMap<String, byte[]> objects() {
            SortedMap<String, byte[]> cut = objects;
            if (cut == null) {
                cut = Fixture.cut(name, header, index, data);
                objects = cut;
            }
            return cut;
        }

        /** The first page that no server would take. */
        Optional<String> problem() {
            PageVerifier verifier = PageVerifier.of(geometry());
            return verifier.firstProblem(TableFile.INDEX, 0, index)
                    .or(() -> verifier.firstProblem(TableFile.DATA, 0, data));
        }
    }

    /** One of its files. */
    private static final class Side {
        final byte[] base;
        final TreeMap<Integer, byte[]> staged = new TreeMap<>();
        int kept;
        int length;

        Side(byte[] base) {
            this.base = base;
            this.kept = base.length;
            this.length = base.length;
        }

        byte[] page(int page) {
            byte[] image = staged.get(page);
            if (image != null) {
                return image.clone();
            }
            image = new byte[PAGE];
            int from = page * PAGE;
            if (from < kept) {
                System.arraycopy(base, from, image, 0, Math.min(PAGE, kept - from));
            }
            return image;
        }

        byte[] bytes() {
            byte[] bytes = Arrays.copyOf(base, length);
            Arrays.fill(bytes, Math.min(kept, length), length, (byte) 0);
            staged.forEach(
                    (page, image) ->
                            System.arraycopy(
                                    image,
                                    0,
                                    bytes,
                                    page * PAGE,
                                    Math.min(PAGE, length - page * PAGE)));
            return bytes;
        }
    }

    final Content before;
    private final Side index;
    private final Side data;

    PlainTable(Content before) {
        this.before = before;
        this.index = new Side(before.index);
        this.data = new Side(before.data);
    }

    private Side side(TableFile file) {
        return file == TableFile.INDEX ? index : data;
    }

    int length(TableFile file) {
        return side(file).length;
    }

    byte[] bytes(TableFile file) {
        return side(file).bytes();
    }

    byte[] page(TableFile file, int page) {
        return side(file).page(page);
    }

    boolean isStaged(TableFile file, long page) {
        return side(file).staged.containsKey((int) page);
    }

    /** How much of the base shows: the shortest that the file ever was. */
    int kept(TableFile file) {
        return side(file).kept;
    }

    /** The first {@code count} of some bytes are staged. */
    void stage(TableFile file, int offset, byte[] bytes, int count) {
        Side side = side(file);
        for (int at = 0; at < count; ) {
            int page = (offset + at) / PAGE;
            int from = (offset + at) % PAGE;
            int part = Math.min(PAGE - from, count - at);
            byte[] image = side.page(page);
            System.arraycopy(bytes, at, image, from, part);
            side.staged.put(page, image);
            at += part;
            side.length = Math.max(side.length, offset + at);
        }
    }

    void truncate(TableFile file, int length) {
        Side side = side(file);
        if (length < side.length) {
            side.kept = Math.min(side.kept, length);
            side.staged.tailMap(Math.ceilDiv(length, PAGE)).clear();
            byte[] cut = side.staged.get(length / PAGE);
            if (cut != null) {
                Arrays.fill(cut, length % PAGE, PAGE, (byte) 0);
            }
        }
        side.length = length;
    }

    /** What the table is when all of this is committed; null if no server would take such a header. */
    @Nullable Content after() {
        byte[] mai = index.bytes();
        try {
            AriaHeader local =
                    AriaHeader.parse(
                            Arrays.copyOf(mai, before.header().keystart()), "staged header");
            long maiBytes = local.fileLength(TableFile.INDEX);
            long madBytes = local.fileLength(TableFile.DATA);
            if (maiBytes > mai.length || madBytes > data.length) {
                return null;
            }
            return new Content(
                    before.name,
                    local.withS3FieldsOf(before.header()),
                    Arrays.copyOf(mai, (int) maiBytes),
                    Arrays.copyOf(data.bytes(), (int) madBytes));
        } catch (DamagedTableException e) {
            return null;
        }
    }

    /**
     * What a block must become.
     *
     * @param current what is in S3 just before, decoded; null if there is nothing
     */
    byte[] block(BlockName block, int length, byte @Nullable [] current) {
        int from = (int) before.geometry().offsetOf(block);
        int shown = Math.clamp((long) kept(block.file()) - from, 0, length);
        byte[] bytes = current == null ? new byte[length] : Arrays.copyOf(current, length);
        Arrays.fill(bytes, shown, length, (byte) 0);
        for (Map.Entry<Integer, byte[]> page :
                side(block.file()).staged.subMap(from / PAGE, (from + length) / PAGE).entrySet()) {
            System.arraycopy(page.getValue(), 0, bytes, page.getKey() * PAGE - from, PAGE);
        }
        return bytes;
    }

    /** The keys of what a commit must write, but for the definition. */
    Set<String> writes(Content after) {
        Map<String, byte[]> old = before.objects();
        Set<String> writes = new TreeSet<>();
        after.objects()
                .forEach(
                        (key, body) -> {
                            if (!Arrays.equals(body, old.get(key))) {
                                writes.add(key);
                            }
                        });
        return writes;
    }

    /** The keys of what a commit must delete. */
    Set<String> surplus(Content after) {
        Set<String> surplus = new TreeSet<>(before.objects().keySet());
        surplus.removeAll(after.objects().keySet());
        return surplus;
    }
}
