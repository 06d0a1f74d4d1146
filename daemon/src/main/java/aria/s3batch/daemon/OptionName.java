package aria.s3batch.daemon;

import org.jspecify.annotations.Nullable;

import java.util.Locale;
import java.util.Set;

/** The options of {@code aria_s3_batchd}, under the names that they have in option files. */
enum OptionName {
    S3_HOST_NAME,
    S3_PORT,
    S3_USE_HTTP,
    S3_SSL_NO_VERIFY,
    S3_BUCKET,
    S3_REGION,
    S3_ACCESS_KEY,
    S3_SECRET_KEY,
    S3_PROTOCOL_VERSION,
    SOCKET,
    CACHE_DIR,
    RECEIPT_DIR,
    CACHE_SIZE,
    BLOCK_CACHE_SIZE,
    APPLY_CONCURRENCY,
    READERS,
    DURABILITY,
    KEEP_UNDO,
    UNDO_KEEP,
    FENCE_WAIT,
    FENCE_SERVERS,
    FENCE_USER,
    FENCE_PASSWORD,
    LOCK_LEASE,
    SINGLE_HOST,
    LOG_LEVEL;

    /**
     * Options of the server's S3 engine that say how it caches, replicates and creates tables, or that work
     * around its own HTTP library: nothing that a batch depends on.
     */
    private static final Set<String> SERVER_ONLY =
            Set.of(
                    "s3",
                    "s3-block-size",
                    "s3-debug",
                    "s3-no-content-type",
                    "s3-pagecache-age-threshold",
                    "s3-pagecache-buffer-size",
                    "s3-pagecache-division-limit",
                    "s3-pagecache-file-hash-size",
                    "s3-provider",
                    "s3-replicate-alter-as-create-select",
                    "s3-slave-ignore-updates");

    /** As in an option file, with dashes. */
    String key() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    boolean isS3() {
        return name().startsWith("S3_");
    }

    boolean isSwitch() {
        return this == S3_USE_HTTP
                || this == S3_SSL_NO_VERIFY
                || this == SINGLE_HOST
                || this == KEEP_UNDO;
    }

    boolean isSecret() {
        return this == S3_ACCESS_KEY || this == S3_SECRET_KEY || this == FENCE_PASSWORD;
    }

    /** Whether a running daemon takes another value of it; those that it does not need a restart. */
    boolean isReloadable() {
        return switch (this) {
            case S3_ACCESS_KEY,
                    S3_SECRET_KEY,
                    CACHE_SIZE,
                    BLOCK_CACHE_SIZE,
                    APPLY_CONCURRENCY,
                    READERS,
                    DURABILITY,
                    FENCE_WAIT,
                    FENCE_SERVERS,
                    FENCE_USER,
                    FENCE_PASSWORD,
                    LOG_LEVEL ->
                    true;
            default -> false;
        };
    }

    static @Nullable OptionName ofKey(String key) {
        for (OptionName name : values()) {
            if (name.key().equals(key)) {
                return name;
            }
        }
        return null;
    }

    static boolean isServerOnly(String key) {
        return SERVER_ONLY.contains(key);
    }
}
