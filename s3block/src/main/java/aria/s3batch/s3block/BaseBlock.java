package aria.s3batch.s3block;

import aria.s3batch.format.BlockFrame;
import aria.s3batch.format.BlockName;
import aria.s3batch.format.DamagedTableException;
import aria.s3batch.format.ObjectNames;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableGeometry;

import java.io.IOException;
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
     * Reads a block that must be there. One GET; one more if a page looks damaged that may be free.
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
        return of(store, base, block, length, object);
    }

    /** As {@link #read}, from an object that was read already. */
    public static BaseBlock of(
            ObjectStore store, BaseTable base, BlockName block, int length, StoredObject object)
            throws IOException {
        var names = new ObjectNames(base.table());
        String key = names.block(block);
        TableGeometry geometry = base.geometry();
        byte[] bytes = BlockFrame.decode(object.body(), length, geometry.compressed(), key);
        var verifier =
                new BlockVerifier(store, names, geometry, base.header().fileLength(TableFile.DATA));
        List<String> problems = verifier.problems(block, bytes);
        if (!problems.isEmpty()) {
            throw new DamagedTableException(
                    key, "pages as Aria writes them", String.join("; ", problems));
        }
        return new BaseBlock(bytes, object.version().etag());
    }
}
