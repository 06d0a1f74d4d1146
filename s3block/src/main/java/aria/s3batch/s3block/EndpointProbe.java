package aria.s3batch.s3block;

import aria.s3batch.s3block.EndpointFacts.EtagForm;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Finds out by trying what an endpoint does: 12 small requests where it honours everything, 14 where it
 * wants bare ETags. They go to objects of its own, which are removed again, also after a failure; what a
 * process that was killed has left is removed by the next probe of the same name.
 *
 * <p>A condition is honoured if a write fails for a condition that does not hold and succeeds for one that
 * does; anything else, a header that is refused too, is "ignored".
 *
 * <p>A request without an answer is tried again a few times, with growing pauses. It may still take
 * effect later: so each attempt has objects of its own, and no fact is judged by one that such a request may have
 * changed.
 */
final class EndpointProbe {
    /** Outside every database prefix that a server lists. */
    static final String PREFIX = "_aria_s3_batch/probe/";

    private static final String WRONG_ETAG = "00000000000000000000000000000000";
    private static final byte[] BODY =
            "aria_s3_batch tries what this endpoint makes of its requests\n"
                    .getBytes(StandardCharsets.US_ASCII);
    private static final Map<String, String> METADATA = Map.of("aria-s3-probe", "kept");

    private static final int ATTEMPTS = 5;
    private static final Duration FIRST_PAUSE = Duration.ofMillis(100);
    private static final int PAUSE_GROWTH = 3;

    /** Whoever kept us waiting for longer is not asked again: a start should end, too. */
    private static final Duration PATIENCE = Duration.ofSeconds(5);

    /** 409 says that another request is under way. With none, one answer more tells what it means. */
    private static final int CONFLICTS = 3;

    private static final int KEYS_PER_PAGE = 1;
    private static final int WRITTEN = 200;
    private static final int HEADER_REFUSED = 501;

    /** Requests as they go over the wire, and the time; the headers are sent as given, or not at all if null. */
    interface Wire {
        /**
         * @throws IOException anything but "written" and "the condition does not hold"
         */
        Answer put(
                String key,
                byte[] body,
                @Nullable String ifNoneMatch,
                @Nullable String ifMatch,
                Map<String, String> metadata)
                throws IOException;

        Answer delete(String key, @Nullable String ifMatch) throws IOException;

        Optional<ObjectVersion> head(String key) throws IOException;

        Page list(String prefix, int keysMax, @Nullable String continuation) throws IOException;

        Instant now();

        void pause(Duration duration);
    }

    /**
     * @param status 200, or that of a condition that does not hold: 404, 409 or 412
     * @param etag of what was written; empty otherwise
     * @param date the endpoint's clock, in whole seconds
     */
    record Answer(int status, String etag, @Nullable Instant date) {}

    /**
     * A page of a listing.
     *
     * @param next null: this is the last
     */
    record Page(List<ListedObject> objects, @Nullable String next) {}

    private interface Step<T> {
        T run() throws IOException;
    }

    private final Wire wire;
    private final String prefix;
    private final String folder;

    /** Those that are there, with their ETags, and those that may be there. */
    private final Map<String, String> written = new TreeMap<>();

    private final TreeSet<String> left = new TreeSet<>();

    private int names = 999;

    /** The object that conditions are tried on; empty: one is to be written first. */
    private String key = "";

    private boolean etagRepeats;
    private boolean rewritten;
    private boolean metadataKept;
    private boolean etagStable = true;
    private boolean listingSorted = true;
    private boolean listingWhole;
    private Duration clockAhead = Duration.ZERO;

    private EndpointProbe(Wire wire, String name) {
        this.wire = wire;
        this.prefix = PREFIX + name + "/";
        this.folder = prefix + Long.toHexString(wire.now().toEpochMilli()) + "-";
    }

    /**
     * @param name unlike that of any other probe that may run now
     * @throws StoreRefusedException the keys do not allow to list, write and delete objects
     * @throws BucketMissingException there is no such bucket
     * @throws IOException the endpoint does not answer, however often it is asked; try again later
     */
    static EndpointFacts run(Wire wire, String name) throws IOException {
        var probe = new EndpointProbe(wire, name);
        EndpointFacts facts;
        try {
            facts = probe.tryAll();
        } catch (IOException e) {
            try {
                for (String key : probe.left) {
                    wire.delete(key, null);
                }
            } catch (IOException cleanupFailed) {
                e.addSuppressed(cleanupFailed);
            }
            throw e;
        }
        for (String key : probe.left) {
            probe.patiently(() -> wire.delete(key, null));
        }
        return facts;
    }

    private EndpointFacts tryAll() throws IOException {
        onObject(this::lookAtObject);
        int exists = tried(() -> put(key, "*", null));
        int created = tried(() -> put(nextKey(), "*", null));
        int other = tried(() -> put(key, null, EtagForm.QUOTED.header(WRONG_ETAG)));
        int same = tried(() -> put(key, null, EtagForm.QUOTED.header(etag())));
        var form = EtagForm.QUOTED;
        if (failed(other) && failed(same)) {
            form = EtagForm.BARE;
            other = tried(() -> put(key, null, EtagForm.BARE.header(WRONG_ETAG)));
            same = tried(() -> put(key, null, EtagForm.BARE.header(etag())));
        }
        String bareOrQuoted = form.header(WRONG_ETAG);
        int absent = tried(() -> put(nextKey(), null, bareOrQuoted));
        list();
        boolean deleteIfMatch = deleteIfMatch(form);
        return new EndpointFacts(
                failed(exists) && created == WRITTEN,
                failed(other) && same == WRITTEN && failed(absent),
                deleteIfMatch,
                form == EtagForm.BARE && same != WRITTEN ? EtagForm.QUOTED : form,
                failed(exists) ? exists : failed(other) ? other : 0,
                failed(absent) ? absent : 0,
                etagStable,
                etagRepeats,
                listingSorted,
                listingWhole,
                metadataKept,
                clockAhead);
    }

    private static boolean failed(int status) {
        return status == 404 || status == 409 || status == 412;
    }

    // ---- single requests -------------------------------------------------------------------

    /** Keys of one probe sort against the order in which they are written. */
    private String nextKey() {
        return folder + names--;
    }

    private String etag() {
        return written.getOrDefault(key, WRONG_ETAG);
    }

    private Answer put(String target, @Nullable String ifNoneMatch, @Nullable String ifMatch)
            throws IOException {
        left.add(target);
        Answer answer = wire.put(target, BODY, ifNoneMatch, ifMatch, METADATA);
        if (answer.status() == WRITTEN) {
            String before = written.put(target, answer.etag());
            if (before != null) {
                etagRepeats = before.equals(answer.etag());
                rewritten = true;
            } else if (!rewritten) {
                etagRepeats = written.values().stream().distinct().count() < written.size();
            }
        } else if (!written.containsKey(target)) {
            left.remove(target);
        }
        return answer;
    }

    private void writeObject() throws IOException {
        String next = nextKey();
        Instant sent = wire.now();
        Answer answer = put(next, null, null);
        if (answer.status() != WRITTEN) {
            throw new StoreUnreachableException(
                    "the endpoint answered a PUT without condition with 'condition failed'");
        }
        key = next;
        Instant date = answer.date();
        if (date != null) {
            Instant got = wire.now();
            if (date.isAfter(got)) {
                clockAhead = Duration.between(got, date);
            } else if (date.plusSeconds(1).isBefore(sent)) {
                clockAhead = Duration.between(sent, date.plusSeconds(1));
            }
        }
    }

    private Void lookAtObject() throws IOException {
        ObjectVersion found =
                wire.head(key)
                        .orElseThrow(
                                () ->
                                        new StoreUnreachableException(
                                                "the endpoint does not find "
                                                        + key
                                                        + ", which it has just stored"));
        metadataKept = found.metadata().entrySet().containsAll(METADATA.entrySet());
        etagStable = found.etag().equals(etag());
        return null;
    }

    private boolean deleteIfMatch(EtagForm form) throws IOException {
        if (!failed(tried(() -> delete(form.header(WRONG_ETAG))))) {
            return false;
        }
        return tried(() -> delete(form.header(etag()))) == WRITTEN;
    }

    private Answer delete(String ifMatch) throws IOException {
        Answer answer = wire.delete(key, ifMatch);
        if (answer.status() == WRITTEN) {
            written.remove(key);
            left.remove(key);
        }
        return answer;
    }

    /** All of the listing, page by page; with what other probes of this name have left. */
    private void list() throws IOException {
        List<ListedObject> listed = new ArrayList<>();
        String next = null;
        do {
            String from = next;
            Page page = patiently(() -> wire.list(prefix, KEYS_PER_PAGE, from));
            boolean goesOn = !page.objects().isEmpty() && !listed.containsAll(page.objects());
            listed.addAll(page.objects());
            next = goesOn ? page.next() : null; // the same page again and again would never end
        } while (next != null);
        List<String> keys = listed.stream().map(ListedObject::key).toList();
        listingSorted = keys.stream().sorted().toList().equals(keys);
        listingWhole =
                keys.containsAll(written.keySet())
                        && keys.stream().distinct().count() == keys.size();
        for (ListedObject each : listed) {
            String etag = written.getOrDefault(each.key(), each.etag());
            etagStable &= etag.equals(each.etag());
        }
        left.addAll(keys);
    }

    // ---- again ------------------------------------------------------------------------------

    /** The status of a conditional write, once no other request can be the reason for it. */
    private int tried(Step<Answer> write) throws IOException {
        for (int conflicts = 1; ; conflicts++) {
            int status = onObject(() -> statusOf(write));
            if (status != 409 || conflicts == CONFLICTS) {
                return status;
            }
            wire.pause(FIRST_PAUSE);
        }
    }

    private static int statusOf(Step<Answer> write) throws IOException {
        try {
            return write.run().status();
        } catch (StoreRefusedException headerRefused) {
            return HEADER_REFUSED; // of no more use than one that is ignored
        }
    }

    /** Runs a step that needs an object, and nobody who writes to it but the step. */
    private <T> T onObject(Step<T> step) throws IOException {
        return patiently(
                () -> {
                    if (key.isEmpty()) {
                        writeObject();
                    }
                    try {
                        return step.run();
                    } catch (StoreUnreachableException e) {
                        written.remove(key); // it may be changed any time now, or be gone
                        key = "";
                        throw e;
                    }
                });
    }

    private <T> T patiently(Step<T> step) throws IOException {
        Duration pause = FIRST_PAUSE;
        for (int attempt = 1; ; attempt++) {
            Instant began = wire.now();
            try {
                return step.run();
            } catch (StoreUnreachableException e) {
                boolean slow = Duration.between(began, wire.now()).abs().compareTo(PATIENCE) > 0;
                if (slow || attempt == ATTEMPTS) {
                    throw e;
                }
            }
            wire.pause(pause);
            pause = pause.multipliedBy(PAUSE_GROWTH);
        }
    }
}
