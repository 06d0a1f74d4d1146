package aria.s3batch.recovery;

import org.jspecify.annotations.Nullable;

/**
 * What the journal notes of an object that is as the batch wants it.
 *
 * @param etag as written; empty for a deleted block
 * @param crc32c of the stored bytes that were written; null where nothing was, and for header and definition,
 *     which the journal has as they are
 * @param baseCrc32c of the stored bytes that were replaced; null where they were not read
 */
public record DoneObject(String etag, @Nullable Integer crc32c, @Nullable Integer baseCrc32c) {
    /** Of an object whose bytes nobody looked at. */
    static DoneObject of(String etag) {
        return new DoneObject(etag, null, null);
    }
}
