package aria.s3batch.s3block;

import aria.s3batch.s3block.EndpointFacts.EtagForm;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.charset.StandardCharsets;

/**
 * Finds out by trying what an endpoint makes of conditional requests: six or eight requests on an object
 * of its own, which is removed again, also after a failure. Anything but a failed condition where one
 * must fail, and a write where one must succeed, counts as "not honoured".
 */
final class EndpointProbe {
    /** Outside every database prefix that a server lists. */
    static final String PREFIX = "_aria_s3_batch/probe/";

    private static final String WRONG_ETAG = "00000000000000000000000000000000";
    private static final byte[] BODY =
            "aria_s3_batch tries whether this endpoint honours conditional requests\n"
                    .getBytes(StandardCharsets.US_ASCII);

    /** Requests as they go over the wire: the headers are sent as given, or not at all if null. */
    interface Wire {
        PutAnswer put(
                String key, byte[] body, @Nullable String ifNoneMatch, @Nullable String ifMatch)
                throws IOException;

        DeleteAnswer delete(String key, @Nullable String ifMatch) throws IOException;
    }

    private final Wire wire;
    private final String key;
    private String etag = WRONG_ETAG;

    private EndpointProbe(Wire wire, String key) {
        this.wire = wire;
        this.key = key;
    }

    /**
     * @param name unlike that of any other probe: random
     * @throws IOException the endpoint refuses even a plain write, or does not answer; try again later
     */
    static EndpointFacts run(Wire wire, String name) throws IOException {
        EndpointProbe probe = new EndpointProbe(wire, PREFIX + name);
        EndpointFacts facts;
        try {
            facts = probe.tryAll();
        } catch (IOException e) {
            try {
                wire.delete(probe.key, null);
            } catch (IOException cleanupFailed) {
                e.addSuppressed(cleanupFailed);
            }
            throw e;
        }
        wire.delete(probe.key, null);
        return facts;
    }

    private EndpointFacts tryAll() throws IOException {
        if (!written(null, null)) {
            throw new StoreUnreachableException(
                    "the endpoint answered a PUT without condition with 'condition failed'");
        }
        boolean putIfAbsent = !written("*", null);
        boolean quoted = putMatches(EtagForm.QUOTED);
        boolean bare = !quoted && putMatches(EtagForm.BARE);
        EtagForm form = bare ? EtagForm.BARE : EtagForm.QUOTED;
        boolean deleteIfMatch = !deleted(form.header(WRONG_ETAG)) && deleted(form.header(etag));
        return new EndpointFacts(putIfAbsent, quoted || bare, deleteIfMatch, form);
    }

    private boolean putMatches(EtagForm form) throws IOException {
        return !written(null, form.header(WRONG_ETAG)) && written(null, form.header(etag));
    }

    private boolean written(@Nullable String ifNoneMatch, @Nullable String ifMatch)
            throws IOException {
        try {
            return switch (wire.put(key, BODY, ifNoneMatch, ifMatch)) {
                case PutAnswer.Stored stored -> {
                    etag = stored.etag();
                    yield true;
                }
                case PutAnswer.ConditionFailed _ -> false;
            };
        } catch (StoreRefusedException e) {
            if (ifNoneMatch == null && ifMatch == null) {
                throw e;
            }
            return true; // a header that is refused is of no more use than one that is ignored
        }
    }

    private boolean deleted(String ifMatch) throws IOException {
        try {
            return wire.delete(key, ifMatch) instanceof DeleteAnswer.Gone;
        } catch (StoreRefusedException _) {
            return true; // as above; whether DELETE is allowed at all shows when the probe cleans
            // up
        }
    }
}
