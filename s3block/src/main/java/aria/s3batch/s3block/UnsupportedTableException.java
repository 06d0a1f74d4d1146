package aria.s3batch.s3block;

import aria.s3batch.format.TableName;

import java.io.IOException;

/** A whole and readable Aria table, but of a kind that the S3 engine cannot have. Nothing was changed. */
public final class UnsupportedTableException extends IOException {
    private static final long serialVersionUID = 1L;

    /**
     * @param reasons sentences: what about it, and what to do
     */
    public UnsupportedTableException(TableName table, Iterable<String> reasons) {
        super(
                "Table %s cannot be changed by batches. %s"
                        .formatted(table.display(), String.join(" ", reasons)));
    }
}
