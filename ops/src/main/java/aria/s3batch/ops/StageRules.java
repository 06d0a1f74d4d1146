package aria.s3batch.ops;

import aria.s3batch.daemon.api.TableDocument;
import aria.s3batch.format.AriaHeader;
import aria.s3batch.format.TableName;

/** x */
final class StageRules {
    private StageRules() {}

    static void check(LocalCopy local, TableDocument seen, AriaHeader base, TableName table)
            throws ProblemException {
        if (local.header().pageBytes() != seen.pageBytes()) {
            throw ProblemException.refused("page size");
        }
    }
}
