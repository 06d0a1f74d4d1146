package aria.s3batch.s3block;

import aria.s3batch.format.TableName;

import java.io.IOException;

/** A whole and readable Aria table, but of a kind that the S3 engine cannot have. Nothing was changed. */
public final class UnsupportedTableException extends IOException {
    private static final long serialVersionUID = 1L;

    /**
     * @param reasons what about it, each as a clause: "it is encrypted"
     */
    public UnsupportedTableException(TableName table, Iterable<String> reasons) {
        super(
                "table %s cannot be updated in S3: %s"
                        .formatted(table.display(), String.join("; ", reasons)));
    }
}
