package aria.s3batch.daemon.api;

import aria.s3batch.recovery.Fence;
import aria.s3batch.recovery.Outlook;

import java.util.List;

/**
 * The answer of {@code GET /v1/batches/BATCH/resolve}: what each way out of the quarantine would do now.
 *
 * @param pages staged
 * @param objects that the batch would write or delete; 0 where the journal has lost the batch
 * @param written how many of them are as the batch wants them
 * @param changed keys of those that others changed
 * @param deleted keys of those that others deleted
 * @param fenced whether its fence keeps readers out
 * @param retry what it would do, in a few sentences
 * @param discard the same
 * @param force the same
 */
public record ResolutionDocument(
        String batch,
        long pages,
        int objects,
        int written,
        List<String> changed,
        List<String> deleted,
        boolean fenced,
        String retry,
        String discard,
        String force) {
    /**
     * @param lockLost whether another may have the tables now
     */
    public static ResolutionDocument of(
            String batch, long pages, Outlook outlook, boolean lockLost) {
        int foreign = outlook.changed().size() + outlook.deleted().size();
        int left = outlook.objects() - outlook.written();
        boolean fenced = outlook.fence() != Fence.DOWN;
        String locks = lockLost ? "Locks the tables again, if nobody else has them. " : "";
        return new ResolutionDocument(
                batch,
                pages,
                outlook.objects(),
                outlook.written(),
                outlook.changed(),
                outlook.deleted(),
                fenced,
                locks + retry(foreign, left, fenced),
                discard(pages, outlook, fenced),
                locks + force(outlook, foreign, left, fenced));
    }

    /** Of a batch that the journal has lost. */
    public static ResolutionDocument ofOrphan(String batch) {
        String refused = "Refused: the journal has lost the batch. Restore the journal first.";
        return new ResolutionDocument(
                batch,
                0,
                0,
                0,
                List.of(),
                List.of(),
                false,
                refused,
                "Lowers its fence, if it is up, deletes the pages that are kept, and releases its"
                        + " locks. Whether it had written anything is not known: check its tables.",
                refused);
    }

    private static String retry(int foreign, int left, boolean fenced) {
        if (foreign == 0) {
            return "Verifies all pages, writes the %d objects that are left%s, and ends the batch. Nobody has changed what it would write."
                    .formatted(left, fenced ? ", puts aria and frm back" : "");
        }
        return "Would be quarantined again: %d objects are not what the batch is based on. Nothing of others is overwritten."
                .formatted(foreign);
    }

    private static String discard(long pages, Outlook outlook, boolean fenced) {
        String lost =
                "Deletes the batch and its %d pages: its changes are lost, what others wrote stays."
                        .formatted(pages);
        String halfDone =
                outlook.written() == 0
                        ? " None of its objects was written."
                        : " %d of its %d objects are written and stay so: check its tables afterwards."
                                .formatted(outlook.written(), outlook.objects());
        return lost
                + halfDone
                + (fenced
                        ? " The fence is lowered: aria and frm are put back where there are none."
                        : "");
    }

    private static String force(Outlook outlook, int foreign, int left, boolean fenced) {
        if (foreign == 0) {
            return "The same as retry: nobody has changed what it would write.";
        }
        if (!outlook.hopeless().isEmpty()) {
            return "Cannot help, would be quarantined again: of %s parts are needed, and it was deleted."
                    .formatted(some(outlook.hopeless()));
        }
        String replaced =
                outlook.isReplaced()
                        ? " A header or definition is among them: who replaced or altered a table"
                                + " as a whole gets a mixture of his blocks and the batch's. Prefer"
                                + " discard, and stage again."
                        : "";
        return "Writes the %d objects that are left%s, over what others made of %d of them: their changes there are lost.%s"
                .formatted(left, fenced ? ", and aria and frm" : "", foreign, replaced);
    }

    private static String some(List<String> keys) {
        return keys.getFirst()
                + (keys.size() == 1 ? "" : " and %d more".formatted(keys.size() - 1));
    }
}
