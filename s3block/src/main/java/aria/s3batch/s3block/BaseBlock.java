package aria.s3batch.s3block;

import aria.s3batch.format.BlockFrame;
import aria.s3batch.format.BlockName;
import aria.s3batch.format.DamagedTableException;
import aria.s3batch.format.ObjectNames;
import aria.s3batch.format.PageVerifier;
import aria.s3batch.format.TableGeometry;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * One block as it is in S3: decoded, of exactly the expected length, every page verified as far as Aria
 * protects it. The S3 engine would serve anything; what passed here is safe to build on.
 *
 * @param bytes the pages; handed over to the caller
 * @param etag of the object they were read from
 */
@SuppressWarnings("ArrayRecordComponent") // never compared: up to 16 MiB, and the ETag tells
public record BaseBlock(byte[] bytes, String etag) {
    /**
     * Reads a block that must be there. One GET.
     *
     * @param length decoded bytes, by the header of the table
     * @throws DamagedTableException the object is missing, of another length, or has a bad page
     */
    public static BaseBlock read(ObjectStore store, BaseTable base, BlockName block, int length)
            throws IOException {
        String key = new ObjectNames(base.table()).block(block);
        StoredObject object =
                store.get(key)
                        .orElseThrow(
                                () ->
                                        new DamagedTableException(
                                                key,
                                                "a block of " + length + " bytes",
                                                "no such object"));
        return of(base, block, length, object);
    }

    /** As {@link #read}, from an object that was read already. */
    public static BaseBlock of(BaseTable base, BlockName block, int length, StoredObject object)
            throws DamagedTableException {
        String key = new ObjectNames(base.table()).block(block);
        TableGeometry geometry = base.geometry();
        byte[] bytes = BlockFrame.decode(object.body(), length, geometry.compressed(), key);
        List<String> problems = pageProblems(bytes, geometry, block);
        if (!problems.isEmpty()) {
            throw new DamagedTableException(
                    key, "pages as Aria writes them", String.join("; ", problems));
        }
        return new BaseBlock(bytes, object.version().etag());
    }

    /** What is wrong with the pages of a decoded block, each with its page number; empty if nothing is. */
    static List<String> pageProblems(byte[] bytes, TableGeometry geometry, BlockName block) {
        var verifier = new PageVerifier(geometry.pageBytes(), geometry.headerPages());
        List<String> problems = new ArrayList<>();
        long page = geometry.firstPage(block);
        for (int at = 0; at < bytes.length; at += geometry.pageBytes()) {
            verifier.problem(block.file(), page, bytes, at).ifPresent(problems::add);
            page++;
        }
        return problems;
    }
}
