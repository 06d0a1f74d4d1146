package aria.s3batch.s3block;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Predicate;

/**
 * A store that fails when told to, around one that does not. Every request is shown to the faults in the
 * order in which they were added; the first that is due strikes, and is used up unless it strikes {@link
 * Fault#forEver() for ever}. Also keeps the log of all requests.
 */
public final class FaultyObjectStore implements ObjectStore {
    /** What was asked. */
    public enum Operation {
        GET,
        HEAD,
        PUT,
        DELETE,
        LIST
    }

    /** One request as a fault sees it; {@code toString()} is {@code PUT db/t/aria}. */
    public record Request(Operation operation, String key) {
        @Override
        public String toString() {
            return operation + " " + key;
        }
    }

    /** How a request fails. */
    public enum Failure {
        /** Nothing was done, and nobody answered. */
        UNREACHABLE_BEFORE,
        /** Done, but the answer was lost. */
        ANSWER_LOST,
        /** Nothing was done; the answer is 500, which the caller must take as unclear. */
        SERVER_ERROR,
        /** Nothing was done; 409 ConditionalRequestConflict: another write was in flight. */
        CONFLICT_409,
        /** Nothing was done; the answer says that a condition failed. For writes only. */
        CONDITION_FAILED_412,
        /** Done, but the answer says that a condition failed: the request was repeated on the way. */
        DONE_BUT_412,
        /** Nothing was done; 503 SlowDown. */
        SLOW_DOWN_503,
        /** A write that nobody waits for any more, and that is done later. */
        DONE_LATER,
        /** The body of a GET ends early, which no client can overlook. */
        BODY_TRUNCATED,
        /** The body of a GET has its length, and other bytes. */
        BODY_DAMAGED,
        /** Nothing was done: 403. */
        REFUSED,
        /** The caller dies here, before the request. */
        CRASH_BEFORE,
        /** The caller dies here, after the request took effect. */
        CRASH_AFTER
    }

    /** The end of the process, as far as a test can have it: no code catches it. */
    public static final class Crash extends Error {
        private static final long serialVersionUID = 1L;

        Crash(Request request) {
            super("crashed at " + request);
        }
    }

    /** When to fail, and how. */
    public static final class Fault {
        private final Predicate<Request> when;
        private final Failure failure;
        private final boolean forEver;
        private long skip;
        private boolean usedUp;

        private Fault(Predicate<Request> when, long skip, Failure failure, boolean forEver) {
            this.when = when;
            this.skip = skip;
            this.failure = failure;
            this.forEver = forEver;
        }

        /** Fails the {@code nth} matching request, counted from 1. */
        public static Fault onNth(long nth, Predicate<Request> when, Failure failure) {
            return new Fault(when, nth - 1, failure, false);
        }

        public static Fault once(Predicate<Request> when, Failure failure) {
            return onNth(1, when, failure);
        }

        /** Fails this request and every matching one after it. */
        public Fault forEver() {
            return new Fault(when, skip, failure, true);
        }

        private boolean strikes(Request request) {
            if (usedUp || !when.test(request)) {
                return false;
            }
            if (skip > 0) {
                skip--;
                return false;
            }
            usedUp = !forEver;
            return true;
        }
    }

    /** Decides over every request by itself: for a simulation. */
    public interface Chance {
        /**
         * Called before each request, and for each page of a listing; what others do in between, it does.
         *
         * @param condition {@link Condition.Always} for what is no write
         */
        Optional<Failure> failureOf(Request request, Condition condition);

        /** Takes what is done later. */
        void later(Request request, Condition condition, Runnable effect);

        /** Changes some bytes. */
        void damage(Request request, byte[] body);
    }

    private final ObjectStore store;
    private @Nullable Chance chance;
    private int listingPage = Integer.MAX_VALUE;
    private final List<Fault> faults = new ArrayList<>();
    private final List<Interlude> interludes = new ArrayList<>();
    private final List<Request> requests = new ArrayList<>();

    public FaultyObjectStore(ObjectStore store) {
        this.store = store;
    }

    /** Requests of one operation. */
    public static Predicate<Request> any(Operation operation) {
        return request -> request.operation() == operation;
    }

    /** Requests of one operation on one key. */
    public static Predicate<Request> on(Operation operation, String key) {
        return request -> request.operation() == operation && request.key().equals(key);
    }

    /** PUT and DELETE, but of locks. */
    public static Predicate<Request> anyWrite() {
        Predicate<Request> write = any(Operation.PUT).or(any(Operation.DELETE));
        return write.and(request -> !request.key().startsWith("_aria_s3_batch/locks/"));
    }

    public synchronized FaultyObjectStore fail(Fault fault) {
        faults.add(fault);
        return this;
    }

    /** After the faults that were asked for, from here on. */
    public synchronized void failByChance(Chance decides) {
        chance = decides;
    }

    /** Most lines that a listing gives at a time: the next page is a request of its own. */
    public synchronized void cutListings(int lines) {
        listingPage = lines;
    }

    /** From here on everything works. */
    public synchronized void heal() {
        chance = null;
        faults.clear();
        interludes.clear();
    }

    /** All requests so far, failed ones too, in the order of their arrival. */
    public synchronized List<Request> requests() {
        return List.copyOf(requests);
    }

    /**
     * Runs an action just before the {@code nth} matching request, in its thread: a foreign writer, a look
     * at the disk, a wait.
     */
    public synchronized FaultyObjectStore before(
            long nth, Predicate<Request> when, Runnable action) {
        interludes.add(new Interlude(Fault.onNth(nth, when, Failure.UNREACHABLE_BEFORE), action));
        return this;
    }

    private record Interlude(Fault due, Runnable action) {}

    private interface Call<T> {
        T run() throws IOException;
    }

    private synchronized List<Interlude> due(Request request) {
        return interludes.stream().filter(interlude -> interlude.due().strikes(request)).toList();
    }

    private synchronized Optional<Failure> failureOf(Request request, Condition condition) {
        requests.add(request);
        for (Fault fault : faults) {
            if (fault.strikes(request)) {
                return Optional.of(fault.failure);
            }
        }
        return chance == null ? Optional.empty() : chance.failureOf(request, condition);
    }

    private Chance chance() {
        Chance decided = chance;
        if (decided == null) {
            throw new AssertionError("only chance does that");
        }
        return decided;
    }

    private <T> T read(Operation operation, String key, T conditionFailed, Call<T> call)
            throws IOException {
        return call(operation, key, Condition.always(), conditionFailed, call);
    }

    private <T> T call(
            Operation operation, String key, Condition condition, T conditionFailed, Call<T> call)
            throws IOException {
        Request request = new Request(operation, key);
        due(request).forEach(interlude -> interlude.action().run());
        Optional<Failure> failure = failureOf(request, condition);
        if (failure.isEmpty()) {
            return call.run();
        }
        return switch (failure.get()) {
            case UNREACHABLE_BEFORE ->
                    throw new StoreUnreachableException("injected: no answer to " + request);
            case SERVER_ERROR -> throw new StoreUnreachableException("injected: 500 to " + request);
            case CONFLICT_409 -> throw new StoreUnreachableException("injected: 409 to " + request);
            case REFUSED ->
                    throw new StoreRefusedException(
                            "injected: 403 to " + request, new IOException("403"));
            case CRASH_BEFORE -> throw new Crash(request);
            case SLOW_DOWN_503 -> throw new StoreBusyException("injected: 503 to " + request);
            case BODY_TRUNCATED ->
                    throw new StoreUnreachableException("injected: half a body of " + request);
            case BODY_DAMAGED -> {
                T answer = call.run();
                if (answer instanceof Optional<?> found
                        && found.orElse(null) instanceof StoredObject object) {
                    chance().damage(request, object.body());
                }
                yield answer;
            }
            case DONE_LATER -> {
                chance().later(request, condition, () -> run(call));
                throw new StoreUnreachableException("injected: timeout of " + request);
            }
            case CONDITION_FAILED_412 -> conditionFailed;
            case ANSWER_LOST -> {
                call.run();
                throw new StoreUnreachableException("injected: answer lost of " + request);
            }
            case DONE_BUT_412 -> {
                call.run();
                yield conditionFailed;
            }
            case CRASH_AFTER -> {
                call.run();
                throw new Crash(request);
            }
        };
    }

    private static void run(Call<?> call) {
        try {
            call.run();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public Optional<StoredObject> get(String key) throws IOException {
        return read(Operation.GET, key, Optional.empty(), () -> store.get(key));
    }

    @Override
    public Optional<ObjectVersion> head(String key) throws IOException {
        return read(Operation.HEAD, key, Optional.empty(), () -> store.head(key));
    }

    @Override
    public PutAnswer put(String key, byte[] body, Condition condition, Map<String, String> metadata)
            throws IOException {
        return call(
                Operation.PUT,
                key,
                condition,
                new PutAnswer.ConditionFailed(),
                () -> store.put(key, body, condition, metadata));
    }

    @Override
    public DeleteAnswer delete(String key, Condition condition) throws IOException {
        return call(
                Operation.DELETE,
                key,
                condition,
                new DeleteAnswer.ConditionFailed(),
                () -> store.delete(key, condition));
    }

    @Override
    public void list(String prefix, Consumer<ListedObject> visitor) throws IOException {
        pages(prefix, this::listed, ListedObject::key).forEach(visitor);
    }

    private List<ListedObject> listed(String prefix) throws IOException {
        List<ListedObject> listed = new ArrayList<>();
        store.list(prefix, listed::add);
        return listed;
    }

    @Override
    public List<String> folders(String prefix) throws IOException {
        return pages(prefix, store::folders, folder -> folder);
    }

    private interface Listing<T> {
        List<T> of(String prefix) throws IOException;
    }

    /** What was written and deleted between two pages, a listing shows in part. */
    private <T> List<T> pages(String prefix, Listing<T> listing, Function<T, String> name)
            throws IOException {
        List<T> seen = new ArrayList<>();
        List<T> page;
        do {
            String last = seen.isEmpty() ? "" : name.apply(seen.getLast());
            page =
                    read(
                            Operation.LIST,
                            prefix,
                            List.of(),
                            () ->
                                    listing.of(prefix).stream()
                                            .filter(line -> name.apply(line).compareTo(last) > 0)
                                            .limit(listingPage)
                                            .toList());
            seen.addAll(page);
        } while (page.size() == listingPage);
        return seen;
    }

    @Override
    public String toString() {
        return store.toString();
    }

    @Override
    public void close() {
        store.close();
    }
}
