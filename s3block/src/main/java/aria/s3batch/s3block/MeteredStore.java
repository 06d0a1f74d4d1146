package aria.s3batch.s3block;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.LongSupplier;

/**
 * Another store, each call of which is counted. A call is what the caller waits for: a read with its
 * repetitions, a write with the HEAD before it where the endpoint ignores conditions.
 */
public final class MeteredStore implements ObjectStore {
    private final ObjectStore store;
    private final StoreCalls calls;
    private final LongSupplier nanoTime;

    private interface Call<T> {
        T answer() throws IOException;
    }

    public MeteredStore(ObjectStore store, StoreCalls calls, LongSupplier nanoTime) {
        this.store = store;
        this.calls = calls;
        this.nanoTime = nanoTime;
    }

    private <T> T counted(
            StoreCalls.Kind kind, Call<T> call, Function<T, StoreCalls.Outcome> outcomeOf)
            throws IOException {
        long begun = nanoTime.getAsLong();
        var outcome = StoreCalls.Outcome.FAILED;
        try {
            T answer = call.answer();
            outcome = outcomeOf.apply(answer);
            return answer;
        } catch (IOException e) {
            outcome = outcome(e);
            throw e;
        } finally {
            calls.ended(kind, outcome, nanoTime.getAsLong() - begun);
        }
    }

    private static StoreCalls.Outcome outcome(IOException failure) {
        return switch (failure) {
            case StoreBusyException e -> StoreCalls.Outcome.BUSY;
            case StoreUnreachableException e -> StoreCalls.Outcome.UNREACHABLE;
            case StoreRefusedException e -> StoreCalls.Outcome.REFUSED;
            case BucketMissingException e -> StoreCalls.Outcome.REFUSED;
            default -> StoreCalls.Outcome.FAILED;
        };
    }

    private static StoreCalls.Outcome found(Optional<?> answer) {
        return answer.isPresent() ? StoreCalls.Outcome.OK : StoreCalls.Outcome.ABSENT;
    }

    @Override
    public Optional<StoredObject> get(String key) throws IOException {
        Optional<StoredObject> answer =
                counted(StoreCalls.Kind.GET, () -> store.get(key), MeteredStore::found);
        answer.ifPresent(object -> calls.received(object.body().length));
        return answer;
    }

    @Override
    public Optional<ObjectVersion> head(String key) throws IOException {
        return counted(StoreCalls.Kind.HEAD, () -> store.head(key), MeteredStore::found);
    }

    @Override
    public PutAnswer put(String key, byte[] body, Condition condition, Map<String, String> metadata)
            throws IOException {
        calls.sent(body.length);
        return counted(
                StoreCalls.Kind.PUT,
                () -> store.put(key, body, condition, metadata),
                answer ->
                        answer instanceof PutAnswer.ConditionFailed
                                ? StoreCalls.Outcome.CONDITION_FAILED
                                : StoreCalls.Outcome.OK);
    }

    /** Counts as a PUT, of which nothing is sent. */
    @Override
    public PutAnswer copy(String key, String etag, String copyKey) throws IOException {
        return counted(
                StoreCalls.Kind.PUT,
                () -> store.copy(key, etag, copyKey),
                answer ->
                        answer instanceof PutAnswer.ConditionFailed
                                ? StoreCalls.Outcome.CONDITION_FAILED
                                : StoreCalls.Outcome.OK);
    }

    @Override
    public DeleteAnswer delete(String key, Condition condition) throws IOException {
        return counted(
                StoreCalls.Kind.DELETE,
                () -> store.delete(key, condition),
                answer ->
                        answer instanceof DeleteAnswer.ConditionFailed
                                ? StoreCalls.Outcome.CONDITION_FAILED
                                : StoreCalls.Outcome.OK);
    }

    @Override
    public void list(String prefix, Consumer<ListedObject> visitor) throws IOException {
        counted(
                StoreCalls.Kind.LIST,
                () -> {
                    store.list(prefix, visitor);
                    return true;
                },
                answer -> StoreCalls.Outcome.OK);
    }

    @Override
    public List<String> folders(String prefix) throws IOException {
        return counted(
                StoreCalls.Kind.LIST, () -> store.folders(prefix), answer -> StoreCalls.Outcome.OK);
    }

    /** Closes the other one. */
    @Override
    public void close() {
        store.close();
    }

    @Override
    public String toString() {
        return store.toString();
    }
}
