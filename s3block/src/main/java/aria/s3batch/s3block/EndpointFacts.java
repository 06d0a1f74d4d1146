package aria.s3batch.s3block;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * What an endpoint does with the requests that everything rests on, as {@link EndpointProbe} found out.
 * Where a condition is ignored the store compares with a HEAD before it writes.
 *
 * <p>What no probe can see: whether an endpoint that honours {@code If-Match} compares and writes in one
 * step. Ceph RGW 16 does; S3Proxy 4.1 on files does not, so that of two writers at the very same moment
 * both may win.
 *
 * @param putIfAbsent {@code If-None-Match: *} keeps a PUT from overwriting, and lets it create
 * @param putIfMatch {@code If-Match} lets a PUT overwrite the named version only, and create nothing
 * @param deleteIfMatch the same for DELETE
 * @param etagForm how an ETag must be written in {@code If-Match}
 * @param failedStatus what a PUT gets whose condition does not hold: 412, or 409, which {@link SdkFailures}
 *     takes for "try again", so that {@link ConditionalWrite} looks what is there: right, and a request
 *     more. 0 where none failed
 * @param absentStatus what a PUT with {@code If-Match} gets where there is no object: 404, 412 or 409; 0
 *     where it was written
 * @param etagStable PUT, HEAD and listing give an object the same ETag
 * @param etagOfContent the same bytes written again have the same ETag: a change that was undone cannot be
 *     told from none
 * @param listingSorted by key
 * @param listingWhole page by page, every object was listed once
 * @param metadataKept user metadata comes back with HEAD
 * @param clockAhead of the endpoint's clock over this host's, as far as the {@code Date} of an answer shows it;
 *     negative where it is behind
 */
public record EndpointFacts(
        boolean putIfAbsent,
        boolean putIfMatch,
        boolean deleteIfMatch,
        EtagForm etagForm,
        int failedStatus,
        int absentStatus,
        boolean etagStable,
        boolean etagOfContent,
        boolean listingSorted,
        boolean listingWhole,
        boolean metadataKept,
        Duration clockAhead) {
    /** Signatures hold for 15 minutes around the endpoint's time; this leaves some to mend the clock in. */
    private static final Duration SKEW_MAX = Duration.ofMinutes(3);

    public enum EtagForm {
        /** As HTTP has it: in double quotes. */
        QUOTED,
        /** Without quotes: Ceph RGW 16 takes a quoted one for another ETag. */
        BARE;

        String header(String etag) {
            return this == QUOTED ? '"' + etag + '"' : etag;
        }
    }

    /** Whether no foreign write can slip in between comparing and writing. */
    public boolean allHonoured() {
        return putIfAbsent && putIfMatch && deleteIfMatch;
    }

    /**
     * Whether others may write to the bucket at the same time. An ignored condition on DELETE alone does not
     * forbid it: a lock that a late DELETE took away is missed by the next renewal, which is a PUT.
     */
    public boolean isShareable() {
        return putIfAbsent && putIfMatch;
    }

    /** The conditions on PUT that are ignored, for a sentence; empty if none is. */
    public String ignoredOnPut() {
        List<String> ignored = new ArrayList<>();
        if (!putIfAbsent) {
            ignored.add("If-None-Match");
        }
        if (!putIfMatch) {
            ignored.add("If-Match");
        }
        return String.join(" and ", ignored);
    }

    /** What an operator should know before he relies on the endpoint; a sentence each. */
    public List<String> warnings() {
        List<String> warnings = new ArrayList<>();
        if (!isShareable()) {
            warnings.add(
                    ignoredOnPut()
                            + " on PUT is ignored: what others write between a HEAD and the PUT is"
                            + " lost. Nobody else may write to this bucket's tables");
        }
        if (!deleteIfMatch) {
            warnings.add(
                    "If-Match on DELETE is ignored: what others write between a HEAD and the DELETE"
                            + " is lost");
        }
        if (!etagStable) {
            warnings.add(
                    "the ETag of an object is not the same in PUT, HEAD and listing: batches will"
                            + " be quarantined for changes that nobody made");
        }
        if (!listingWhole) {
            warnings.add(
                    "a listing in pages does not show every object once: partitions and locks may"
                            + " be overlooked");
        }
        if (!metadataKept) {
            warnings.add(
                    "user metadata is not kept: after a crash a batch may be quarantined for its"
                            + " own writes");
        }
        if (clockAhead.abs().compareTo(SKEW_MAX) >= 0) {
            warnings.add(
                    "the clock of the endpoint is %d minutes %s that of this host; from 15 on it"
                                    .formatted(
                                            clockAhead.abs().toMinutes(),
                                            clockAhead.isNegative() ? "behind" : "ahead of")
                            + " refuses every request");
        }
        return warnings;
    }

    /** For the log: one line. */
    @Override
    public String toString() {
        return ("If-None-Match on PUT %s, If-Match on PUT %s, If-Match on DELETE %s; ETags %s, %s,"
                    + " %s; failed condition %s, no object %s; listing %s, %s; metadata %s; clock"
                    + " %+d s")
                .formatted(
                        word(putIfAbsent),
                        word(putIfMatch),
                        word(deleteIfMatch),
                        etagForm == EtagForm.QUOTED ? "quoted" : "bare",
                        etagOfContent ? "of the content" : "new for each write",
                        etagStable ? "stable" : "NOT STABLE",
                        failedStatus == 0 ? "never" : failedStatus,
                        absentStatus == 0 ? "written" : absentStatus,
                        listingSorted ? "sorted" : "not sorted",
                        listingWhole ? "whole" : "NOT WHOLE",
                        metadataKept ? "kept" : "DROPPED",
                        clockAhead.toSeconds());
    }

    private static String word(boolean honoured) {
        return honoured ? "honoured" : "ignored (HEAD-compare instead)";
    }
}
