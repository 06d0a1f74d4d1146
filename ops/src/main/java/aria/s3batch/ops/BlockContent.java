package aria.s3batch.ops;

import aria.s3batch.format.BlockFrame;
import aria.s3batch.format.BlockName;
import aria.s3batch.format.DamagedTableException;
import aria.s3batch.format.PageKind;
import aria.s3batch.format.PageVerifier;
import aria.s3batch.format.TableGeometry;

import org.jspecify.annotations.Nullable;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.zip.InflaterInputStream;

/**
 * What is in an object that should be a block, as far as it can be told: {@link BlockFrame#decode} says
 * whether it is right, this goes on when it is not.
 *
 * @param flag of the compression frame; null in a table without compression
 * @param frameLength the length that the frame names; null in a table without compression
 * @param length bytes that came out of it
 * @param expectedLength bytes that the table's header gives this block; 0 = the file ends before it
 * @param damage why it is not the block that should be there; null if it is
 * @param pages what the whole pages in it are
 */
record BlockContent(
        String place,
        int bytes,
        @Nullable Integer flag,
        @Nullable Integer frameLength,
        int length,
        int expectedLength,
        @Nullable String damage,
        List<Pages> pages) {
    /**
     * Neighbours of one kind.
     *
     * @param from first page, from the start of the file
     * @param to last page
     * @param problem null if their checksums are right, or they have none
     */
    record Pages(long from, long to, String kind, @Nullable String problem) {}

    private static final int FLAG_ZLIB = 1;

    static BlockContent of(
            String place,
            byte[] object,
            BlockName block,
            TableGeometry geometry,
            int expectedLength) {
        byte[] content = content(object, geometry);
        List<Pages> pages = pages(content, block, geometry);
        boolean framed = geometry.compressed() && object.length >= BlockFrame.HEADER_BYTES;
        return new BlockContent(
                place,
                object.length,
                framed ? object[0] & 0xff : null,
                framed ? littleEndian24(object, 1) : null,
                content.length,
                expectedLength,
                damage(place, object, geometry, expectedLength, pages),
                pages);
    }

    /** As many bytes of the file as come out of an object. */
    static byte[] content(byte[] object, TableGeometry geometry) {
        return geometry.compressed() ? unframed(object) : object;
    }

    private static int littleEndian24(byte[] bytes, int offset) {
        return bytes[offset] & 0xff
                | (bytes[offset + 1] & 0xff) << 8
                | (bytes[offset + 2] & 0xff) << 16;
    }

    private static @Nullable String damage(
            String place,
            byte[] object,
            TableGeometry geometry,
            int expectedLength,
            List<Pages> pages) {
        if (expectedLength == 0) {
            return place + " lies behind the end of its file: no server reads it";
        }
        try {
            BlockFrame.decode(object, expectedLength, geometry.compressed(), place);
        } catch (DamagedTableException e) {
            return IoFailure.words(e);
        }
        return pages.stream()
                .map(Pages::problem)
                .filter(Objects::nonNull)
                .findFirst()
                .map(problem -> place + " is damaged: " + problem)
                .orElse(null);
    }

    /** As much as comes out; nothing of a frame that is none. */
    private static byte[] unframed(byte[] object) {
        if (object.length < BlockFrame.HEADER_BYTES || object[0] > FLAG_ZLIB || object[0] < 0) {
            return new byte[0];
        }
        if (object[0] != FLAG_ZLIB) {
            return Arrays.copyOfRange(object, BlockFrame.HEADER_BYTES, object.length);
        }
        var content = new byte[TableGeometry.BLOCK_BYTES_MAX];
        int length = 0;
        try (var inflater =
                new InflaterInputStream(
                        new ByteArrayInputStream(
                                object,
                                BlockFrame.HEADER_BYTES,
                                object.length - BlockFrame.HEADER_BYTES))) {
            int read;
            while ((read = inflater.read(content, length, content.length - length)) > 0) {
                length += read;
            }
        } catch (IOException brokenStream) {
            return Arrays.copyOf(content, length); // why it broke is said by BlockFrame
        }
        return Arrays.copyOf(content, length);
    }

    private static List<Pages> pages(byte[] content, BlockName block, TableGeometry geometry) {
        int pageBytes = geometry.pageBytes();
        PageVerifier verifier = PageVerifier.of(geometry);
        var pages = new ArrayList<Pages>();
        long page = geometry.firstPage(block);
        for (int at = 0; at + pageBytes <= content.length; at += pageBytes) {
            String kind =
                    PageKind.of(block.file(), page, content, at, pageBytes, geometry.headerPages())
                            .name()
                            .toLowerCase(Locale.ROOT);
            String problem = verifier.problemInBase(block.file(), page, content, at).orElse(null);
            Pages last = pages.isEmpty() ? null : pages.getLast();
            if (last != null
                    && problem == null
                    && last.problem() == null
                    && last.kind().equals(kind)) {
                pages.set(pages.size() - 1, new Pages(last.from(), page, kind, null));
            } else {
                pages.add(new Pages(page, page, kind, problem));
            }
            page++;
        }
        return pages;
    }
}
