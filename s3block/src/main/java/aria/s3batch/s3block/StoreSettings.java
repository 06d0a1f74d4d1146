package aria.s3batch.s3block;

import org.jspecify.annotations.Nullable;

/**
 * Where the bucket is and how to talk to it: MariaDB's own {@code s3-*} options, with MariaDB's
 * meanings, so that a host with a working S3 engine needs no others.
 *
 * @param host {@code s3-host-name}; {@code s3.amazonaws.com} stands for Amazon's endpoint of the region
 * @param port {@code s3-port}; 0 = 80 or 443
 * @param useHttp {@code s3-use-http}
 * @param sslNoVerify {@code s3-ssl-no-verify}: any certificate, for any host name, is accepted
 * @param bucket {@code s3-bucket}
 * @param region {@code s3-region}; empty = {@code us-east-1}
 * @param accessKey {@code s3-access-key}; null, like {@code secretKey}, for AWS's default credential chain
 * @param secretKey {@code s3-secret-key}
 * @param protocolVersion {@code s3-protocol-version}
 * @param concurrency most requests at a time, and connections kept
 */
public record StoreSettings(
        String host,
        int port,
        boolean useHttp,
        boolean sslNoVerify,
        String bucket,
        String region,
        @Nullable String accessKey,
        @Nullable String secretKey,
        ProtocolVersion protocolVersion,
        int concurrency) {
    public static final String AMAZON_HOST = "s3.amazonaws.com";
    private static final String DEFAULT_REGION = "us-east-1";

    /**
     * How the bucket gets into the URL. Only the last three decide anything in MariaDB 10.11
     * (storage/maria/s3_func.c); with the others libmarias3 goes by the host name.
     */
    public enum ProtocolVersion {
        AUTO,
        ORIGINAL,
        AMAZON,
        LEGACY,
        PATH,
        DOMAIN;

        /**
         * @param option as written in an option file, in any case
         * @throws IllegalArgumentException no such value
         */
        public static ProtocolVersion ofOption(String option) {
            for (ProtocolVersion version : values()) {
                if (version.name().equalsIgnoreCase(option)) {
                    return version;
                }
            }
            throw new IllegalArgumentException(
                    "s3-protocol-version '"
                            + option
                            + "': use Auto, Original, Amazon, Legacy, Path or Domain");
        }
    }

    public StoreSettings {
        if (host.isBlank()) {
            throw new IllegalArgumentException("s3-host-name is empty");
        }
        if (port < 0 || port > 65535) {
            throw new IllegalArgumentException("s3-port " + port + ": use 1 to 65535");
        }
        if (bucket.isBlank()) {
            throw new IllegalArgumentException("s3-bucket is empty");
        }
        if ((accessKey == null) != (secretKey == null)) {
            throw new IllegalArgumentException(
                    "s3-access-key and s3-secret-key go together: one of them is missing");
        }
        if (concurrency < 1) {
            throw new IllegalArgumentException("concurrency " + concurrency);
        }
        region = region.isBlank() ? DEFAULT_REGION : region;
    }

    /** The same bucket, asked with the keys of other settings. */
    public StoreSettings withKeysOf(StoreSettings other) {
        return new StoreSettings(
                host,
                port,
                useHttp,
                sslNoVerify,
                bucket,
                region,
                other.accessKey,
                other.secretKey,
                protocolVersion,
                concurrency);
    }

    /** Whether the endpoint follows from the region, as with Amazon itself. */
    boolean isAmazon() {
        return host.equals(AMAZON_HOST);
    }

    /**
     * Whether the bucket is the first part of the path, not of the host name. Like libmarias3, except that
     * a host name without dots ({@code localhost}, {@code minio}) is taken by path, too.
     */
    public boolean pathStyle() {
        return switch (protocolVersion) {
            case LEGACY, PATH -> true;
            case DOMAIN -> false;
            case AUTO, ORIGINAL, AMAZON ->
                    !host.contains(".") || host.contains(":") || host.matches("[0-9.]+");
        };
    }

    /** Whether the endpoint is on this host, by its name. */
    boolean isLoopback() {
        return host.equals("localhost") || host.equals("::1") || host.matches("127(\\.[0-9]+){3}");
    }

    /** The endpoint as users know it, such as {@code http://127.0.0.1:9000}. */
    public String endpoint() {
        String name = isAmazon() ? "s3." + region + ".amazonaws.com" : host;
        String bracketed = name.contains(":") ? "[" + name + "]" : name;
        return (useHttp ? "http://" : "https://") + bracketed + (port == 0 ? "" : ":" + port);
    }

    /** Everything but the keys. */
    @Override
    public String toString() {
        return "bucket %s at %s, region %s, %s style, %s, %d at a time"
                .formatted(
                        bucket,
                        endpoint(),
                        region,
                        pathStyle() ? "path" : "domain",
                        accessKey == null ? "AWS's default credential chain" : "keys configured",
                        concurrency);
    }
}
