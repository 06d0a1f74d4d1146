package aria.s3batch.recovery;

import aria.s3batch.format.TableName;

import java.io.IOException;
import java.util.List;

/** A batch cannot be committed as it is. Nothing was written; it stays open and may be corrected or aborted. */
public final class CommitRefusedException extends IOException {
    private static final long serialVersionUID = 1L;

    CommitRefusedException(TableName table, List<String> reasons) {
        super(
                "%s cannot be committed: %s. Nothing was changed, the batch is still open"
                        .formatted(table.display(), String.join("; ", reasons)));
    }
}
