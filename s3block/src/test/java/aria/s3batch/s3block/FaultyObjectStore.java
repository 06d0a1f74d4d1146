package aria.s3batch.s3block;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
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

    private final ObjectStore store;
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

    /** PUT and DELETE. */
    public static Predicate<Request> anyWrite() {
        return any(Operation.PUT).or(any(Operation.DELETE));
    }

    public synchronized FaultyObjectStore fail(Fault fault) {
        faults.add(fault);
        return this;
    }

    /** From here on everything works. */
    public synchronized void heal() {
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

    private synchronized Optional<Failure> failureOf(Request request) {
        requests.add(request);
        for (Fault fault : faults) {
            if (fault.strikes(request)) {
                return Optional.of(fault.failure);
            }
        }
        return Optional.empty();
    }

    private <T> T call(Operation operation, String key, T conditionFailed, Call<T> call)
            throws IOException {
        Request request = new Request(operation, key);
        due(request).forEach(interlude -> interlude.action().run());
        Optional<Failure> failure = failureOf(request);
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

    @Override
    public Optional<StoredObject> get(String key) throws IOException {
        return call(Operation.GET, key, Optional.empty(), () -> store.get(key));
    }

    @Override
    public Optional<ObjectVersion> head(String key) throws IOException {
        return call(Operation.HEAD, key, Optional.empty(), () -> store.head(key));
    }

    @Override
    public PutAnswer put(String key, byte[] body, Condition condition, Map<String, String> metadata)
            throws IOException {
        return call(
                Operation.PUT,
                key,
                new PutAnswer.ConditionFailed(),
                () -> store.put(key, body, condition, metadata));
    }

    @Override
    public DeleteAnswer delete(String key, Condition condition) throws IOException {
        return call(
                Operation.DELETE,
                key,
                new DeleteAnswer.ConditionFailed(),
                () -> store.delete(key, condition));
    }

    @Override
    public void list(String prefix, Consumer<ListedObject> visitor) throws IOException {
        call(
                Operation.LIST,
                prefix,
                true,
                () -> {
                    store.list(prefix, visitor);
                    return true;
                });
    }

    @Override
    public List<String> folders(String prefix) throws IOException {
        return call(Operation.LIST, prefix, List.of(), () -> store.folders(prefix));
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
