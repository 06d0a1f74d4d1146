package aria.s3batch.daemon;

import aria.s3batch.s3block.StoreSettings;

import java.time.Duration;
import java.util.Locale;

/** The value of an option in settings, as it would be written in an option file. */
final class OptionValue {
    private OptionValue() {}

    /** Empty where the option is not set and has no default. Secrets are as they are: not for showing. */
    static String of(OptionName name, DaemonSettings settings) {
        StoreSettings store = settings.store();
        return switch (name) {
            case S3_HOST_NAME -> store.host();
            case S3_PORT -> Integer.toString(store.port());
            case S3_USE_HTTP -> word(store.useHttp());
            case S3_SSL_NO_VERIFY -> word(store.sslNoVerify());
            case S3_BUCKET -> store.bucket();
            case S3_REGION -> store.region();
            case S3_ACCESS_KEY -> store.accessKey() == null ? "" : store.accessKey();
            case S3_SECRET_KEY -> store.secretKey() == null ? "" : store.secretKey();
            case S3_PROTOCOL_VERSION -> {
                String word = store.protocolVersion().name();
                yield word.charAt(0) + word.substring(1).toLowerCase(Locale.ROOT);
            }
            case SOCKET -> settings.socket().toString();
            case CACHE_DIR -> settings.cacheDir().toString();
            case RECEIPT_DIR -> settings.receiptDir().toString();
            case CACHE_SIZE -> size(settings.cacheSizeBytes());
            case BLOCK_CACHE_SIZE -> size(settings.blockCacheSizeBytes());
            case APPLY_CONCURRENCY -> Integer.toString(settings.applyConcurrency());
            case READERS -> settings.readers().word();
            case DURABILITY -> settings.durability().word();
            case KEEP_UNDO -> word(settings.keepUndo());
            case UNDO_KEEP -> Long.toString(settings.undoKeep().toDays());
            case FENCE_WAIT -> seconds(settings.fenceWait());
            case FENCE_SERVERS -> String.join(",", settings.fenceServers().addresses());
            case FENCE_USER -> settings.fenceServers().user();
            case FENCE_PASSWORD -> settings.fenceServers().password();
            case LOCK_LEASE -> Long.toString(settings.lockLease().toSeconds());
            case SINGLE_HOST -> word(settings.singleHost());
            case LOG_LEVEL -> settings.logLevel().name().toLowerCase(Locale.ROOT);
        };
    }

    private static String word(boolean on) {
        return on ? "ON" : "OFF";
    }

    private static String size(long bytes) {
        String units = "TGMK";
        for (int i = 0; i < units.length(); i++) {
            int shift = 10 * (units.length() - i);
            if (bytes != 0 && bytes % (1L << shift) == 0) {
                return (bytes >> shift) + units.substring(i, i + 1);
            }
        }
        return Long.toString(bytes);
    }

    private static String seconds(Duration duration) {
        String millis = "%03d".formatted(duration.toMillisPart()).replaceAll("0+$", "");
        return duration.toSeconds() + (millis.isEmpty() ? "" : "." + millis);
    }
}
