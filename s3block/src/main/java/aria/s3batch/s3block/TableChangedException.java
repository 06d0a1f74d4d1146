package aria.s3batch.s3block;

import aria.s3batch.format.TableName;

import java.io.IOException;

/** A table was changed while it was read: what was read is of no use. Nothing was changed by the reader. */
public final class TableChangedException extends IOException {
    private static final long serialVersionUID = 1L;

    /**
     * @param key the object that shows it
     */
    TableChangedException(TableName table, String key) {
        super(
                "%s was changed while it was read: '%s' is not what it was when it began. What was read is of no use. Try again when nobody changes the table"
                        .formatted(table.display(), key));
    }
}
