package aria.s3batch.ops;

import aria.s3batch.daemon.api.TableDocument;
import aria.s3batch.format.AriaHeader;
import aria.s3batch.format.HeaderRules;
import aria.s3batch.format.TableFile;

import java.util.ArrayList;
import java.util.List;

/**
 * Whether a local copy can become a batch's table: what commit would refuse, found before the whole table
 * is read. The daemon judges again.
 */
final class StageRules {
    private StageRules() {}

    /**
     * @param inBatch the header as the batch sees it, in local form
     * @throws ProblemException REFUSED; nothing was staged
     */
    static void check(LocalCopy local, TableDocument seen, AriaHeader inBatch)
            throws ProblemException {
        AriaHeader header = local.header();
        List<String> refusals = new ArrayList<>();
        if (header.pageBytes() != seen.pageBytes()) {
            refusals.add(
                    "Its pages have %d bytes, those of the table in S3 %d."
                            .formatted(header.pageBytes(), seen.pageBytes()));
        } else {
            refusals.addAll(HeaderRules.refusals(inBatch, header));
        }
        if (!refusals.isEmpty()) {
            throw ProblemException.refused(
                    "%s cannot become %s: %s Nothing was staged"
                            .formatted(
                                    local.path(TableFile.INDEX),
                                    seen.table(),
                                    String.join(" ", refusals)));
        }
    }
}
