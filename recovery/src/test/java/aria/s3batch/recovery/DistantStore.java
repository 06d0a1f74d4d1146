package aria.s3batch.recovery;

import aria.s3batch.s3block.Condition;
import aria.s3batch.s3block.DeleteAnswer;
import aria.s3batch.s3block.ForwardingObjectStore;
import aria.s3batch.s3block.ObjectStore;
import aria.s3batch.s3block.ObjectVersion;
import aria.s3batch.s3block.PutAnswer;
import aria.s3batch.s3block.StoreBusyException;
import aria.s3batch.s3block.StoredObject;

import java.io.IOException;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;

/**
 * A bucket at the end of a line: a round trip before every answer, one pipe in each direction, whose bytes
 * go one after the other, and a limit of requests a second, above which it answers 503 SlowDown, when it has
 * read the body. In {@link VirtualTime}.
 */
final class DistantStore extends ForwardingObjectStore {
    /**
     * @param bytesPerSecond in each direction
     * @param requestsPerSecond 0: as many as come. What was not used in the last second can be used at once
     * @param limitedFor until then, there is no limit after it
     */
    record Line(
            Duration roundTrip, long bytesPerSecond, int requestsPerSecond, Duration limitedFor) {}

    private final VirtualTime time;
    private final Line line;
    private long upFreeNanos;
    private long downFreeNanos;
    private double tokens;
    private long refilledNanos;
    private int inFlight;
    private int mostInFlight;
    private int refused;
    private int requests;

    DistantStore(ObjectStore store, VirtualTime time, Line line) {
        super(store);
        this.time = time;
        this.line = line;
        this.tokens = line.requestsPerSecond();
    }

    int refused() {
        return refused;
    }

    int requests() {
        return requests;
    }

    int mostInFlight() {
        return mostInFlight;
    }

    private interface Call<T> {
        T run() throws IOException;
    }

    private <T> T ask(String what, int bytesUp, Call<T> call) throws IOException {
        requests++;
        inFlight++;
        mostInFlight = Math.max(mostInFlight, inFlight);
        try {
            long half = line.roundTrip().toNanos() / 2;
            time.sleepUntil(time.nanos() + half);
            upFreeNanos = Math.max(upFreeNanos, time.nanos()) + nanosOf(bytesUp);
            time.sleepUntil(upFreeNanos);
            if (!isLetThrough()) {
                refused++;
                time.sleepUntil(time.nanos() + half);
                throw new StoreBusyException("503 SlowDown to " + what);
            }
            T answer = call.run();
            int bytesDown =
                    answer instanceof Optional<?> found
                                    && found.orElse(null) instanceof StoredObject object
                            ? object.body().length
                            : 0;
            downFreeNanos = Math.max(downFreeNanos, time.nanos()) + nanosOf(bytesDown);
            time.sleepUntil(downFreeNanos + half);
            return answer;
        } finally {
            inFlight--;
        }
    }

    private long nanosOf(int bytes) {
        return (long) (bytes * 1e9 / line.bytesPerSecond());
    }

    private boolean isLetThrough() {
        int rate = line.requestsPerSecond();
        if (rate == 0 || time.nanos() > line.limitedFor().toNanos()) {
            return true;
        }
        tokens = Math.min(rate, tokens + (time.nanos() - refilledNanos) * (rate / 1e9));
        refilledNanos = time.nanos();
        if (tokens < 1) {
            return false;
        }
        tokens--;
        return true;
    }

    @Override
    public Optional<StoredObject> get(String key) throws IOException {
        return ask("GET " + key, 0, () -> store.get(key));
    }

    @Override
    public Optional<ObjectVersion> head(String key) throws IOException {
        return ask("HEAD " + key, 0, () -> store.head(key));
    }

    @Override
    public PutAnswer put(String key, byte[] body, Condition condition, Map<String, String> metadata)
            throws IOException {
        return ask("PUT " + key, body.length, () -> store.put(key, body, condition, metadata));
    }

    @Override
    public DeleteAnswer delete(String key, Condition condition) throws IOException {
        return ask("DELETE " + key, 0, () -> store.delete(key, condition));
    }

    @Override
    public String toString() {
        return "a bucket far away";
    }

    @Override
    public void close() {
        // the bucket's own store stays open
    }
}
