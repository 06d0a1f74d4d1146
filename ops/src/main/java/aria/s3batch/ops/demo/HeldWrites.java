package aria.s3batch.ops.demo;

import org.gaul.s3proxy.blobstore.BlobStore;
import org.gaul.s3proxy.blobstore.ForwardingBlobStore;
import org.gaul.s3proxy.blobstore.S3Exceptions;
import org.jspecify.annotations.Nullable;

import software.amazon.awssdk.core.ResponseInputStream;
import software.amazon.awssdk.services.s3.model.DeleteObjectRequest;
import software.amazon.awssdk.services.s3.model.DeleteObjectResponse;
import software.amazon.awssdk.services.s3.model.GetObjectRequest;
import software.amazon.awssdk.services.s3.model.GetObjectResponse;
import software.amazon.awssdk.services.s3.model.HeadObjectRequest;
import software.amazon.awssdk.services.s3.model.HeadObjectResponse;
import software.amazon.awssdk.services.s3.model.PutObjectRequest;
import software.amazon.awssdk.services.s3.model.PutObjectResponse;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * An object store that reports every request and can stop the world at a chosen write: the n-th PUT or
 * DELETE of a table's object is held before or after it takes effect, and every later one before. So
 * exactly n - 1, or n, writes have landed however many a client sends at once; one that is refused, for
 * its {@code If-Match} say, does not count. Objects below {@code _aria_s3_batch/} are nobody's table and
 * never held.
 *
 * <p>It also makes conditions what they are on Amazon: compared and written in one step, whoever else writes.
 * S3Proxy compares first and writes later, and a request held between the two would overwrite anything.
 *
 * <p>Called by the server's request threads; {@link #hold}, {@link #pass} and {@link #end} by another.
 */
final class HeldWrites extends ForwardingBlobStore {
    /** At which side of its effect the n-th write is held. */
    enum Side {
        BEFORE,
        AFTER
    }

    private enum Outcome {
        RELEASED,
        DROPPED
    }

    /** One hold, from its command to its end; guarded by the lock. */
    private static final class Hold {
        private final Side side;
        private final long landedMax;
        private long landed;
        private long underWay;

        /** Writes that wait before their effect, or take effect late because they did. */
        private long waiting;

        private boolean catchesMore = true;
        private boolean reported;
        private @Nullable Outcome outcome;

        Hold(Side side, long n) {
            this.side = side;
            this.landedMax = side == Side.BEFORE ? n - 1 : n;
        }
    }

    private static final String OWN_PREFIX = "_aria_s3_batch/";

    private final Consumer<String> report;
    private final Object lock = new Object();
    private @Nullable Hold hold;

    /**
     * @param report gets {@code GET key} and the like for every request before its answer, and {@code
     *     held key} once the n-th write is held and those before it have landed
     */
    HeldWrites(BlobStore store, Consumer<String> report) {
        super(store);
        this.report = report;
    }

    /**
     * Holds the n-th write from now on, counted from 1.
     *
     * @throws IllegalStateException the last hold has not ended
     */
    void hold(Side side, long n) {
        synchronized (lock) {
            if (hold != null) {
                throw new IllegalStateException("a hold is set: release or drop it first");
            }
            hold = new Hold(side, n);
        }
    }

    /** Lets all writes pass that come from now on; those that wait go on waiting for {@link #end}. */
    void pass() {
        synchronized (lock) {
            if (hold != null) {
                hold.catchesMore = false;
            }
        }
    }

    /** Ends the hold: writes held before their effect take effect until this returns, or get a 503. */
    void end(boolean drop) {
        synchronized (lock) {
            Hold ended = hold;
            if (ended != null) {
                ended.outcome = drop ? Outcome.DROPPED : Outcome.RELEASED;
                hold = null;
                lock.notifyAll();
                while (ended.waiting > 0) {
                    awaitChange();
                }
            }
        }
    }

    @Override
    public PutObjectResponse putBlob(PutObjectRequest request, InputStream body) {
        byte[] object = readWhole(body); // a client that is killed while we hold has sent it all
        return write(
                "PUT",
                request.key(),
                () -> {
                    synchronized (this) {
                        if (request.ifMatch() != null) {
                            requireMatch(request);
                        }
                        return super.putBlob(request, new ByteArrayInputStream(object));
                    }
                });
    }

    @Override
    public DeleteObjectResponse removeBlob(DeleteObjectRequest request) {
        return write(
                "DELETE",
                request.key(),
                () -> {
                    synchronized (this) {
                        return super.removeBlob(request);
                    }
                });
    }

    @Override
    public ResponseInputStream<GetObjectResponse> getBlob(GetObjectRequest request) {
        report.accept("GET " + request.key());
        return super.getBlob(request);
    }

    @Override
    public HeadObjectResponse blobMetadata(HeadObjectRequest request) {
        report.accept("HEAD " + request.key());
        return super.blobMetadata(request);
    }

    private <T> T write(String verb, String key, Supplier<T> effect) {
        Entered mine = key.startsWith(OWN_PREFIX) ? null : enter(key);
        boolean landed = false;
        try {
            report.accept(verb + " " + key);
            T answer = effect.get();
            landed = true;
            return answer;
        } finally {
            if (mine != null) {
                leave(mine, landed, key);
            }
        }
    }

    /**
     * A write that a hold has seen.
     *
     * @param late whether it takes effect because the hold was released
     */
    private record Entered(Hold hold, boolean late) {}

    /** Waits while as many writes have landed, or may still land, as the hold lets through. */
    private @Nullable Entered enter(String key) {
        synchronized (lock) {
            Hold current = hold;
            if (current == null || !current.catchesMore) {
                return null;
            }
            current.waiting++;
            boolean late = false;
            try {
                while (current.outcome == null
                        && current.landed + current.underWay >= current.landedMax) {
                    if (current.side == Side.BEFORE && current.underWay == 0) {
                        reportHeld(current, key);
                    }
                    awaitChange();
                }
                if (current.outcome != null) {
                    requireReleased(current);
                    late = true;
                } else {
                    current.underWay++;
                }
            } finally {
                current.waiting -= late ? 0 : 1;
                lock.notifyAll();
            }
            return new Entered(current, late);
        }
    }

    /** Holds the answer of the write that lands last; one that failed, for a condition say, counts not. */
    private void leave(Entered entered, boolean landed, String key) {
        Hold mine = entered.hold();
        synchronized (lock) {
            if (entered.late()) {
                mine.waiting--;
                lock.notifyAll();
                return;
            }
            mine.underWay--;
            mine.landed += landed ? 1 : 0;
            lock.notifyAll();
            if (landed && mine.side == Side.AFTER && mine.landed == mine.landedMax) {
                reportHeld(mine, key);
                while (mine.outcome == null) {
                    awaitChange();
                }
                requireReleased(mine);
            }
        }
    }

    private void reportHeld(Hold current, String key) {
        if (!current.reported) {
            current.reported = true;
            report.accept("held " + key);
        }
    }

    private static void requireReleased(Hold ended) {
        if (ended.outcome == Outcome.DROPPED) {
            throw S3Exceptions.fromStatusCode(503);
        }
    }

    @SuppressWarnings("WaitNotInLoop") // its callers loop over what they wait for
    private void awaitChange() {
        try {
            lock.wait();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw S3Exceptions.fromStatusCode(503, e);
        }
    }

    private void requireMatch(PutObjectRequest request) {
        HeadObjectResponse found =
                super.blobMetadata(
                        HeadObjectRequest.builder()
                                .bucket(request.bucket())
                                .key(request.key())
                                .build());
        if (found == null || !bare(found.eTag()).equals(bare(request.ifMatch()))) {
            throw S3Exceptions.fromStatusCode(412);
        }
    }

    private static String bare(@Nullable String etag) {
        return etag == null ? "" : etag.replace("\"", "");
    }

    private static byte[] readWhole(InputStream body) {
        try {
            return body.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
