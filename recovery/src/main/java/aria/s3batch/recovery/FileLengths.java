package aria.s3batch.recovery;

/**
 * How long a table file was and will be, in bytes of the local file (header included in the index file).
 *
 * <p>Invariant L1: {@code 0 <= keptBytes <= baseBytes}, {@code keptBytes <= bytes}.
 *
 * @param baseBytes length in S3 when the batch began
 * @param keptBytes base bytes before this offset are still visible; those behind were cut off by a
 *     truncation, also where the file grew again
 * @param bytes length after the batch
 */
public record FileLengths(long baseBytes, long keptBytes, long bytes) {
    public FileLengths {
        if (keptBytes < 0 || keptBytes > baseBytes || keptBytes > bytes) {
            throw new IllegalArgumentException(
                    "lengths base " + baseBytes + ", kept " + keptBytes + ", new " + bytes);
        }
    }
}
