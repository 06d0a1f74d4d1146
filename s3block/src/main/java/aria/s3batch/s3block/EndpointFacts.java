package aria.s3batch.s3block;

/**
 * What an endpoint makes of conditional requests, as {@link EndpointProbe} found out. Where one is
 * false the store compares with a HEAD before it writes.
 *
 * <p>What no probe can see: whether an endpoint that honours {@code If-Match} compares and writes in one
 * step. Ceph RGW 16 does; S3Proxy 4.1 on files does not, so that of two writers at the very same moment
 * both may win.
 *
 * @param putIfAbsent {@code If-None-Match: *} keeps a PUT from overwriting
 * @param putIfMatch {@code If-Match} lets a PUT overwrite the named version only
 * @param deleteIfMatch the same for DELETE
 * @param etagForm how an ETag must be written in {@code If-Match}
 */
public record EndpointFacts(
        boolean putIfAbsent, boolean putIfMatch, boolean deleteIfMatch, EtagForm etagForm) {
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

    /** For {@code status}: one line. */
    @Override
    public String toString() {
        return "If-None-Match on PUT %s, If-Match on PUT %s, If-Match on DELETE %s; ETags %s"
                .formatted(
                        word(putIfAbsent),
                        word(putIfMatch),
                        word(deleteIfMatch),
                        etagForm == EtagForm.QUOTED ? "quoted" : "bare");
    }

    private static String word(boolean honoured) {
        return honoured ? "honoured" : "ignored (HEAD-compare instead)";
    }
}
