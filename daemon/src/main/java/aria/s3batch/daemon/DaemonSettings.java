package aria.s3batch.daemon;

import aria.s3batch.recovery.Applier;
import aria.s3batch.recovery.Durability;
import aria.s3batch.recovery.Readers;
import aria.s3batch.s3block.StoreSettings;

import org.slf4j.event.Level;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;

/**
 * What {@code aria_s3_batchd} is told, from MariaDB option files and the command line; see {@link
 * OptionSources} for where from and in which order. Values only, all checked.
 *
 * @param store {@code s3-*}: the server's own options, with its defaults
 * @param socket {@code socket}: where the HTTP interface listens
 * @param cacheDir {@code cache-dir}: page files and journal; the only copy of committed pages until they
 *     are applied
 * @param receiptDir {@code receipt-dir}: where batches that have ended leave a receipt
 * @param cacheSizeBytes {@code cache-size}: most disk that staged pages may take, over all batches
 * @param blockCacheSizeBytes {@code block-cache-size}: most disk for blocks read from S3
 * @param applyConcurrency {@code apply-concurrency}: most blocks in flight while a batch is applied; as memory allows
 * @param readers {@code readers}: what servers see of a batch, where its commit does not say
 * @param durability {@code durability}: what a batch survives, where its commit does not say
 * @param keepUndo {@code keep-undo}: whether batches can be undone, where their commit does not say
 * @param undoKeep {@code undo-keep}, in days: for how long
 * @param fenceWait {@code fence-wait}: how long statements that run when a fence goes up are waited for
 * @param fenceServers {@code fence-servers}, {@code fence-user}, {@code fence-password}: who says earlier that
 *     they have ended
 * @param lockLease {@code lock-lease}: how long other daemons wait for a sign of life before they take over
 *     the lock of an open batch
 * @param singleHost {@code single-host}: nobody else writes to the bucket's tables, so that an endpoint may do
 *     that ignores conditions
 * @param logLevel {@code log-level}: the least that is logged
 */
public record DaemonSettings(
        StoreSettings store,
        Path socket,
        Path cacheDir,
        Path receiptDir,
        long cacheSizeBytes,
        long blockCacheSizeBytes,
        int applyConcurrency,
        Readers readers,
        Durability durability,
        boolean keepUndo,
        Duration undoKeep,
        Duration fenceWait,
        FenceServers fenceServers,
        Duration lockLease,
        boolean singleHost,
        Level logLevel) {
    /**
     * The MariaDB servers that read the tables.
     *
     * @param addresses each a path of a socket, a host, or host:port; none: they are not known
     * @param user empty: the user of the operating system that the daemon runs as
     * @param password empty for none; never shown
     */
    public record FenceServers(List<String> addresses, String user, String password) {
        @Override
        public String toString() {
            return String.join(", ", addresses);
        }
    }

    public static final String DEFAULT_SOCKET = "/run/aria_s3_batch/aria_s3_batch.sock";
    public static final String DEFAULT_CACHE_DIR = "/var/lib/aria_s3_batch";

    /** The address field of a Unix socket holds 108 bytes, the last one zero. */
    private static final int SOCKET_PATH_BYTES_MAX = 107;

    private static final long DEFAULT_CACHE_SIZE = 16L << 30;
    private static final long DEFAULT_BLOCK_CACHE_SIZE = 1L << 30;
    private static final int APPLY_CONCURRENCY_MAX = 64;
    private static final Duration DEFAULT_FENCE_WAIT = Duration.ofMillis(500);
    private static final Pattern FENCE_SERVER =
            Pattern.compile("/.+|[\\w.-]+(:[0-9]{1,5})?|\\[[0-9A-Fa-f:.]+](:[0-9]{1,5})?");

    private static final Duration FENCE_WAIT_MAX = Duration.ofHours(1);
    private static final int DEFAULT_UNDO_DAYS = 7;
    private static final int UNDO_DAYS_MAX = 3650;
    private static final int DEFAULT_LOCK_LEASE_SECONDS = 30;
    private static final int LOCK_LEASE_SECONDS_MAX = 3600;

    /** One block of the largest size must find room. */
    private static final long SIZE_MIN = 16L << 20;

    /** Requests of open batches and of {@code begin}, which go on beside an apply. */
    private static final int OTHER_REQUESTS = 8;

    /**
     * @param arguments {@code --name=value}, {@code --defaults-file=} and {@code --defaults-extra-file=}
     * @param home whose {@code .my.cnf} is read
     * @throws SettingsException an option is unknown, missing or has a bad value
     * @throws IOException an option file cannot be read
     */
    public static DaemonSettings read(List<String> arguments, Path home)
            throws SettingsException, IOException {
        return of(OptionSources.read(arguments, home));
    }

    /** The socket alone, for clients: the same files, but a bucket need not be configured. */
    public static Path readSocket(List<String> arguments, Path home)
            throws SettingsException, IOException {
        return socket(OptionSources.read(arguments, home));
    }

    /** The folder of receipts alone, likewise. */
    public static Path readReceiptDir(List<String> arguments, Path home)
            throws SettingsException, IOException {
        return receiptDir(OptionSources.read(arguments, home));
    }

    /** The {@code s3-*} options that {@link #read} takes as {@code --name=value}. */
    public static List<String> storeOptions() {
        var keys = new ArrayList<String>();
        for (OptionName name : OptionName.values()) {
            if (name.isS3()) {
                keys.add(name.key());
            }
        }
        return keys;
    }

    static DaemonSettings of(OptionSources options) throws SettingsException {
        int applyConcurrency =
                (int)
                        options.number(
                                OptionName.APPLY_CONCURRENCY,
                                Applier.CONCURRENCY,
                                1,
                                APPLY_CONCURRENCY_MAX);
        return new DaemonSettings(
                store(options, APPLY_CONCURRENCY_MAX + OTHER_REQUESTS),
                socket(options),
                cacheDir(options),
                receiptDir(options),
                options.size(OptionName.CACHE_SIZE, DEFAULT_CACHE_SIZE, SIZE_MIN),
                options.size(OptionName.BLOCK_CACHE_SIZE, DEFAULT_BLOCK_CACHE_SIZE, SIZE_MIN),
                applyConcurrency,
                readers(options),
                durability(options),
                options.isOn(OptionName.KEEP_UNDO),
                Duration.ofDays(
                        options.number(OptionName.UNDO_KEEP, DEFAULT_UNDO_DAYS, 1, UNDO_DAYS_MAX)),
                options.seconds(OptionName.FENCE_WAIT, DEFAULT_FENCE_WAIT, FENCE_WAIT_MAX),
                fenceServers(options),
                Duration.ofSeconds(
                        options.number(
                                OptionName.LOCK_LEASE,
                                DEFAULT_LOCK_LEASE_SECONDS,
                                1,
                                LOCK_LEASE_SECONDS_MAX)),
                options.isOn(OptionName.SINGLE_HOST),
                logLevel(options));
    }

    private static Level logLevel(OptionSources options) throws SettingsException {
        String word = options.text(OptionName.LOG_LEVEL, Level.INFO.name());
        for (Level level : Level.values()) {
            if (level.name().equalsIgnoreCase(word)) {
                return level;
            }
        }
        throw options.bad(OptionName.LOG_LEVEL, "error, warn, info, debug or trace");
    }

    /**
     * Every option, as a daemon that started now would have it.
     *
     * @param value as it may stand in an option file; three stars for a secret; empty: not set
     * @param place file and line, {@code command line}, or {@code default}
     * @param isSecret whether the value is not shown
     * @param isReloadable whether a running daemon takes a new value
     */
    public record Explained(
            String key, String value, String place, boolean isSecret, boolean isReloadable) {}

    /** Every option with where it comes from, in the order of {@code --help}; errors as {@link #read}. */
    public static List<Explained> explain(List<String> arguments, Path home)
            throws SettingsException, IOException {
        OptionSources options = OptionSources.read(arguments, home);
        DaemonSettings settings = of(options);
        var all = new ArrayList<Explained>();
        for (OptionName name : OptionName.values()) {
            String value = OptionValue.of(name, settings);
            boolean hidden = name.isSecret() && !value.isEmpty();
            all.add(
                    new Explained(
                            name.key(),
                            hidden ? "***" : value,
                            options.place(name),
                            name.isSecret(),
                            name.isReloadable()));
        }
        return all;
    }

    /**
     * These settings with all of another that a running daemon takes.
     *
     * @param next what the option files say now
     */
    DaemonSettings reloaded(DaemonSettings next) {
        return new DaemonSettings(
                store.withKeysOf(next.store),
                socket,
                cacheDir,
                receiptDir,
                next.cacheSizeBytes,
                next.blockCacheSizeBytes,
                next.applyConcurrency,
                next.readers,
                next.durability,
                keepUndo,
                undoKeep,
                next.fenceWait,
                next.fenceServers,
                lockLease,
                singleHost,
                next.logLevel);
    }

    private static Path cacheDir(OptionSources options) throws SettingsException {
        return options.path(OptionName.CACHE_DIR, DEFAULT_CACHE_DIR);
    }

    private static Path receiptDir(OptionSources options) throws SettingsException {
        String byDefault = cacheDir(options).resolve("receipts").toString();
        return options.path(OptionName.RECEIPT_DIR, byDefault);
    }

    private static Readers readers(OptionSources options) throws SettingsException {
        String word = options.text(OptionName.READERS, Readers.FENCE.word());
        try {
            return Readers.ofWord(word.toLowerCase(Locale.ROOT));
        } catch (IllegalArgumentException e) {
            throw options.bad(OptionName.READERS, Readers.words());
        }
    }

    private static Durability durability(OptionSources options) throws SettingsException {
        String word = options.text(OptionName.DURABILITY, Durability.LOCAL.word());
        try {
            return Durability.ofWord(word.toLowerCase(Locale.ROOT));
        } catch (IllegalArgumentException e) {
            throw options.bad(OptionName.DURABILITY, Durability.words());
        }
    }

    private static FenceServers fenceServers(OptionSources options) throws SettingsException {
        List<String> addresses =
                Pattern.compile("[, ]+")
                        .splitAsStream(options.text(OptionName.FENCE_SERVERS, ""))
                        .filter(address -> !address.isEmpty())
                        .toList();
        for (String address : addresses) {
            if (!FENCE_SERVER.matcher(address).matches()) {
                throw options.bad(
                        OptionName.FENCE_SERVERS,
                        "addresses with commas between them: /path/of/socket, host or host:port");
            }
        }
        return new FenceServers(
                addresses,
                options.text(OptionName.FENCE_USER, ""),
                options.text(OptionName.FENCE_PASSWORD, ""));
    }

    private static Path socket(OptionSources options) throws SettingsException {
        Path socket = options.path(OptionName.SOCKET, DEFAULT_SOCKET);
        if (socket.toString().getBytes(StandardCharsets.UTF_8).length > SOCKET_PATH_BYTES_MAX) {
            throw options.bad(
                    OptionName.SOCKET,
                    "a path of at most %d bytes".formatted(SOCKET_PATH_BYTES_MAX));
        }
        return socket;
    }

    /** Defaults are those of the server (10.11), except the bucket: "MariaDB" is no legal bucket name. */
    private static StoreSettings store(OptionSources options, int concurrency)
            throws SettingsException {
        String bucket = options.text(OptionName.S3_BUCKET, "");
        if (bucket.isEmpty()) {
            throw new SettingsException(
                    "s3-bucket is missing: set it in [aria_s3_batchd] or the server's group of %s, or with --s3-bucket=NAME"
                            .formatted(options.filesRead()));
        }
        String host = options.text(OptionName.S3_HOST_NAME, StoreSettings.AMAZON_HOST);
        if (host.isBlank() || host.contains("/") || host.contains(" ")) {
            throw options.bad(
                    OptionName.S3_HOST_NAME, "a host name or address, without http:// and port");
        }
        String accessKey = options.text(OptionName.S3_ACCESS_KEY, "");
        String secretKey = options.text(OptionName.S3_SECRET_KEY, "");
        if (accessKey.isEmpty() != secretKey.isEmpty()) {
            OptionName given =
                    accessKey.isEmpty() ? OptionName.S3_SECRET_KEY : OptionName.S3_ACCESS_KEY;
            throw new SettingsException(
                    "%s: %s is set alone; s3-access-key and s3-secret-key go together, or neither is set and AWS's default credential chain is used"
                            .formatted(options.place(given), given.key()));
        }
        boolean keys = !accessKey.isEmpty();
        return new StoreSettings(
                host,
                (int) options.number(OptionName.S3_PORT, 0, 0, 65535),
                options.isOn(OptionName.S3_USE_HTTP),
                options.isOn(OptionName.S3_SSL_NO_VERIFY),
                bucket,
                options.text(OptionName.S3_REGION, ""),
                keys ? accessKey : null,
                keys ? secretKey : null,
                protocolVersion(options),
                concurrency);
    }

    private static StoreSettings.ProtocolVersion protocolVersion(OptionSources options)
            throws SettingsException {
        String word = options.text(OptionName.S3_PROTOCOL_VERSION, "Auto");
        try {
            return StoreSettings.ProtocolVersion.ofOption(word);
        } catch (IllegalArgumentException e) {
            throw options.bad(
                    OptionName.S3_PROTOCOL_VERSION,
                    "Auto, Original, Amazon, Legacy, Path or Domain");
        }
    }
}
