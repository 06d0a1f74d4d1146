package aria.s3batch.s3block;

import aria.s3batch.format.TableName;

import java.io.IOException;

/** An object that every S3 table has is not there. Nothing was changed. */
public final class NoSuchTableException extends IOException {
    private static final long serialVersionUID = 1L;

    /**
     * @param key the object that was looked for
     */
    public NoSuchTableException(TableName table, String key, ObjectStore store) {
        super(
                "there is no S3 table %s: no object '%s' in %s"
                        .formatted(table.display(), key, store));
    }
}
