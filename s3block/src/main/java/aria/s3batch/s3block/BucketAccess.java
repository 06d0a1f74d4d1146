package aria.s3batch.s3block;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * Tries every kind of request that a daemon sends, so that an operator learns which permission is missing
 * before a batch does. On an object of its own, which is gone afterwards: nothing is written before a DELETE
 * was allowed.
 */
public final class BucketAccess {
    private static final byte[] BODY =
            "aria_s3_batchd --validate-config\n".getBytes(StandardCharsets.US_ASCII);

    /** A kind of request, and what Amazon calls the permission for it. */
    public enum Request {
        LIST("s3:ListBucket"),
        DELETE("s3:DeleteObject"),
        PUT("s3:PutObject"),
        HEAD("s3:GetObject"),
        GET("s3:GetObject"),
        CONDITIONAL_PUT("s3:PutObject");

        private final String permission;

        Request(String permission) {
            this.permission = permission;
        }

        public String permission() {
            return permission;
        }
    }

    /**
     * @param isTried false: it was left out, because one before it failed
     * @param failure null: it was carried out
     */
    public record Tried(Request request, boolean isTried, @Nullable IOException failure) {
        public boolean isAllowed() {
            return isTried && failure == null;
        }
    }

    private interface Step {
        void run() throws IOException;
    }

    private final ObjectStore store;
    private final String key;
    private final List<Tried> tried = new ArrayList<>();
    private String etag = "";

    private BucketAccess(ObjectStore store, String name) {
        this.store = store;
        // not below name/, which a probe of that name empties
        this.key = EndpointProbe.PREFIX + name + "-access";
    }

    /**
     * One for each {@link Request}, in their order.
     *
     * @param name unlike that of anybody who may try at the same time
     * @throws IOException what was written could not be deleted again; the message names it
     */
    public static List<Tried> tryAll(ObjectStore store, String name) throws IOException {
        var access = new BucketAccess(store, name);
        try {
            access.run();
        } finally {
            access.clean();
        }
        return access.tried;
    }

    private void run() {
        if (!allowed(Request.LIST, () -> store.folders(EndpointProbe.PREFIX))
                && !(tried.getLast().failure() instanceof StoreRefusedException)) {
            leaveOut(Request.DELETE, Request.PUT, Request.HEAD, Request.GET);
            leaveOut(Request.CONDITIONAL_PUT);
            return;
        }
        boolean written =
                allowed(Request.DELETE, () -> store.delete(key, Condition.always()))
                        ? allowed(Request.PUT, this::put)
                        : leaveOut(Request.PUT);
        allowed(Request.HEAD, () -> find(written, store.head(key).isPresent()));
        allowed(Request.GET, () -> find(written, isBody()));
        if (written) {
            allowed(Request.CONDITIONAL_PUT, this::putAgain);
        } else {
            leaveOut(Request.CONDITIONAL_PUT);
        }
    }

    private boolean allowed(Request request, Step step) {
        IOException failure = null;
        try {
            step.run();
        } catch (IOException e) {
            failure = e;
        }
        tried.add(new Tried(request, true, failure));
        return failure == null;
    }

    private boolean leaveOut(Request... requests) {
        Arrays.stream(requests).forEach(request -> tried.add(new Tried(request, false, null)));
        return false;
    }

    private void put() throws IOException {
        if (store.put(key, BODY, Condition.always(), Map.of()) instanceof PutAnswer.Stored stored) {
            etag = stored.etag();
        }
    }

    private void putAgain() throws IOException {
        if (store.put(key, BODY, Condition.ifMatch(etag), Map.of())
                instanceof PutAnswer.ConditionFailed) {
            throw new IOException(
                    "a PUT with the ETag of the object before it is refused: this endpoint's"
                            + " If-Match does not work");
        }
    }

    private boolean isBody() throws IOException {
        return store.get(key).filter(found -> Arrays.equals(found.body(), BODY)).isPresent();
    }

    private void find(boolean written, boolean found) throws IOException {
        if (written && !found) {
            throw new IOException(
                    "the endpoint does not find " + key + ", which it has just stored");
        }
    }

    private void clean() throws IOException {
        boolean mayBeThere =
                tried.stream().anyMatch(t -> t.request() == Request.PUT && t.isTried());
        if (mayBeThere) {
            try {
                store.delete(key, Condition.always());
            } catch (IOException e) {
                throw new IOException(key + " is left in the bucket: " + e.getMessage(), e);
            }
        }
    }
}
