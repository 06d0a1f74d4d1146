package aria.s3batch.format;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Optional;

/**
 * Says whether a page is whole. The S3 engine looks at no page checksum: a damaged page that is published
 * is answered as data. So every page is verified before its block is written, and every base block when it
 * is read.
 *
 * <p>Which bytes a checksum covers depends on the page: all but the last four; of an index page only the
 * {@code used} bytes, what follows is old garbage. A page written while the table had PAGE_CHECKSUM=0
 * carries a value that says so, which is right in any table. A page that is all zero was never written.
 * Header pages have no checksum.
 *
 * <p>Immutable; any thread.
 */
public final class PageVerifier {
    private static final VarHandle LITTLE_ENDIAN =
            MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);

    /** Before the keys of an index page. */
    private static final int INDEX_PAGE_HEADER_BYTES = 4;

    private final int pageBytes;
    private final int headerPages;

    public PageVerifier(int pageBytes, int headerPages) {
        this.pageBytes = pageBytes;
        this.headerPages = headerPages;
    }

    /** The verifier for the pages of a table. */
    public static PageVerifier of(TableGeometry geometry) {
        return new PageVerifier(geometry.pageBytes(), geometry.headerPages());
    }

    /**
     * Why a page must not be published: a clause for a message, naming file and page; empty if it may.
     *
     * @param page from the start of the file
     * @param image holds the page at {@code offset}
     */
    public Optional<String> problem(TableFile file, long page, byte[] image, int offset) {
        PageKind kind = PageKind.of(file, page, image, offset, pageBytes, headerPages);
        int covered = pageBytes - PageChecksum.BYTES;
        if (kind == PageKind.HEADER || kind == PageKind.ZERO) {
            return Optional.empty();
        }
        if (kind == PageKind.UNKNOWN) {
            return problem(file, page, "no page type of Aria: " + (image[offset + 7] & 7));
        }
        if (kind.isIndex()) {
            int used = (image[offset + 2] & 0xff) << 8 | image[offset + 3] & 0xff;
            if (used < INDEX_PAGE_HEADER_BYTES || used > covered) {
                return problem(
                        file,
                        page,
                        "used length %d, expected %d to %d"
                                .formatted(used, INDEX_PAGE_HEADER_BYTES, covered));
            }
            covered = used;
        }
        int found = (int) LITTLE_ENDIAN.get(image, offset + pageBytes - PageChecksum.BYTES);
        int none = kind == PageKind.BITMAP ? PageChecksum.NONE_BITMAP : PageChecksum.NONE;
        if (found == none) {
            return Optional.empty();
        }
        int expected = PageChecksum.of(image, offset, covered, page);
        if (found == expected
                || kind == PageKind.BITMAP && PageKind.isZero(image, offset, pageBytes)) {
            return Optional.empty();
        }
        return problem(
                file,
                page,
                "checksum %08x, computed from its bytes %08x".formatted(found, expected));
    }

    /**
     * Like {@link #problem}, of whole pages one after another: that of the first that has one.
     *
     * @param images a multiple of the page size long
     */
    public Optional<String> firstProblem(TableFile file, long firstPage, byte[] images) {
        for (int at = 0; at < images.length; at += pageBytes) {
            Optional<String> problem = problem(file, firstPage + at / pageBytes, images, at);
            if (problem.isPresent()) {
                return problem;
            }
        }
        return Optional.empty();
    }

    /**
     * Like {@link #problem}, for pages that lie in S3 and are not replaced. A data page that no row ever
     * used may hold anything there. Other data pages that are free may, too: to know them look at {@link
     * BitmapPage#bits}, and ask only for those that are not.
     */
    public Optional<String> problemInBase(TableFile file, long page, byte[] image, int offset) {
        PageKind kind = PageKind.of(file, page, image, offset, pageBytes, headerPages);
        return kind == PageKind.DATA_UNALLOCATED
                ? Optional.empty()
                : problem(file, page, image, offset);
    }

    private static Optional<String> problem(TableFile file, long page, String what) {
        return Optional.of("%s page %d has %s".formatted(file.key(), page, what));
    }
}
