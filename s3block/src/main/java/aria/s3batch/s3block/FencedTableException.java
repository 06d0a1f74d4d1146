package aria.s3batch.s3block;

import aria.s3batch.format.TableName;

import java.io.IOException;

/** A table is not there because a batch keeps its readers out while it is applied. Nothing was changed. */
public final class FencedTableException extends IOException {
    private static final long serialVersionUID = 1L;

    FencedTableException(TableName table, String key, String batch) {
        super(
                "%s is behind the fence of batch %s, which is being applied: '%s' comes back when it is done, or is resolved. Copies lie in the bucket under '_aria_s3_batch/fence/%s/'. Try again later; if the daemon of that batch is gone for good, see docs/recovery.md"
                        .formatted(table.display(), batch, key, batch));
    }

    /** The fence has come down since. */
    FencedTableException(TableName table, String key) {
        super(
                "%s was behind the fence of a batch that was just being applied: '%s' is back now. Nothing was changed. Try again"
                        .formatted(table.display(), key));
    }
}
