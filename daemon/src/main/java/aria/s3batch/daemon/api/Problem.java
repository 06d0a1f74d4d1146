package aria.s3batch.daemon.api;

import com.fasterxml.jackson.annotation.JsonInclude;

import org.jspecify.annotations.Nullable;

/**
 * Why a request failed, as the body of every 4xx and 5xx answer: RFC 9457, {@code
 * application/problem+json}. {@code kind} says what the user can do next and decides both the HTTP
 * status and the exit code of the command line.
 *
 * @param kind one of {@link Kind}, in lower case
 * @param detail what happened, to what, what is safe, what to do next: a sentence or two for people
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record Problem(
        String type,
        String title,
        int status,
        String detail,
        String kind,
        @Nullable String batch,
        @Nullable String table) {

    /** What a user does next; order and numbers are part of the interface. */
    public enum Kind {
        /** The request itself is wrong: correct it. Nothing was changed. */
        USAGE(400, 2, "bad request"),
        /** The peer of the socket is not root, the daemon's user or in its group. */
        FORBIDDEN(403, 3, "not allowed"),
        /** No such table, batch or route. */
        NOT_FOUND(404, 1, "not found"),
        /** Locked, conflicting, not clean, wrong state: the same request again cannot help. */
        REFUSED(409, 3, "refused"),
        /** The batch is quarantined, or damage was found. */
        QUARANTINED(422, 4, "quarantined"),
        /** The object store cannot be reached or does not let us in; the same request may work later. */
        UNREACHABLE(503, 5, "object store out of reach"),
        /** No room in the cache or on its disk. The batch can be aborted, other batches go on. */
        CACHE_FULL(507, 1, "cache full"),
        /** Anything else; the detail and the daemon's log say what. */
        FAILED(500, 1, "failed");

        private final int status;
        private final int exitCode;
        private final String title;

        Kind(int status, int exitCode, String title) {
            this.status = status;
            this.exitCode = exitCode;
            this.title = title;
        }

        public int status() {
            return status;
        }

        public int exitCode() {
            return exitCode;
        }

        public String title() {
            return title;
        }

        public String key() {
            return name().toLowerCase(java.util.Locale.ROOT).replace('_', '-');
        }

        /** The kind of an answer's {@code kind} word; {@link #FAILED} for a word of a newer daemon. */
        public static Kind ofKey(String key) {
            for (Kind kind : values()) {
                if (kind.key().equals(key)) {
                    return kind;
                }
            }
            return FAILED;
        }
    }

    public static Problem of(Kind kind, String detail) {
        return of(kind, detail, null, null);
    }

    public static Problem of(
            Kind kind, String detail, @Nullable String batch, @Nullable String table) {
        return new Problem(
                "about:blank", kind.title(), kind.status(), detail, kind.key(), batch, table);
    }
}
