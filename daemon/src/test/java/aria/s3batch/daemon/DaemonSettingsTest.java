package aria.s3batch.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import aria.s3batch.recovery.Readers;
import aria.s3batch.s3block.StoreSettings;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

class DaemonSettingsTest {
    @TempDir Path directory;
    private Path file;

    @BeforeEach
    void nameFile() {
        file = directory.resolve("my.cnf");
    }

    private DaemonSettings read(String text, String... arguments)
            throws SettingsException, IOException {
        Files.writeString(file, text);
        var all = new ArrayList<>(List.of("--defaults-file=" + file));
        all.addAll(List.of(arguments));
        return DaemonSettings.read(all, directory);
    }

    private void assertRefused(String text, String... messageParts) {
        assertThatThrownBy(() -> read(text))
                .isInstanceOf(SettingsException.class)
                .hasMessageContainingAll(messageParts);
    }

    @Test
    void defaultsAreThoseOfTheServer() throws Exception {
        DaemonSettings settings = read("[aria_s3_batchd]\ns3-bucket=b\n");

        assertThat(settings.store().endpoint()).isEqualTo("https://s3.us-east-1.amazonaws.com");
        assertThat(settings.store().protocolVersion())
                .isEqualTo(StoreSettings.ProtocolVersion.AUTO);
        assertThat(settings.store().accessKey()).isNull();
        assertThat(settings.store().sslNoVerify()).isFalse();
        assertThat(settings.socket()).isEqualTo(Path.of("/run/aria_s3_batch/aria_s3_batch.sock"));
        assertThat(settings.cacheDir()).isEqualTo(Path.of("/var/lib/aria_s3_batch"));
        assertThat(settings.receiptDir()).isEqualTo(Path.of("/var/lib/aria_s3_batch/receipts"));
        assertThat(settings.cacheSizeBytes()).isEqualTo(16L << 30);
        assertThat(settings.blockCacheSizeBytes()).isEqualTo(1L << 30);
        assertThat(settings.applyConcurrency()).isEqualTo(32);
        assertThat(settings.readers()).isEqualTo(Readers.FENCE);
        assertThat(settings.fenceWait()).isEqualTo(Duration.ofMillis(500));
    }

    @Test
    void serverGroupsFillInWhatOurGroupLacks() throws Exception {
        DaemonSettings settings =
                read(
                        """
                        [mysqld]
                        innodb_buffer_pool_size = 1G
                        socket = /run/mysqld/mysqld.sock
                        s3=ON
                        s3_block_size = 65536
                        s3_pagecache_buffer_size=64M
                        s3_host_name = 127.0.0.1
                        s3_port = 9000
                        s3_use_http
                        s3_bucket = of-server
                        s3_access_key = key
                        s3_secret_key = secret
                        [aria_s3_batchd]
                        s3-bucket = ours
                        cache_size = 32M
                        [mariadb]
                        s3-bucket = of-server-too
                        skip-s3-ssl-no-verify
                        loose-s3-of-a-later-version = 1
                        [mysqldump]
                        s3-port = 1
                        """);

        assertThat(settings.store().bucket()).isEqualTo("ours");
        assertThat(settings.store().endpoint()).isEqualTo("http://127.0.0.1:9000");
        assertThat(settings.store().accessKey()).isEqualTo("key");
        assertThat(settings.store().secretKey()).isEqualTo("secret");
        assertThat(settings.cacheSizeBytes()).isEqualTo(32L << 20);
        assertThat(settings.socket()).hasToString(DaemonSettings.DEFAULT_SOCKET);
    }

    @Test
    void theLastOfOneRankWinsAndTheCommandLineOverAll() throws Exception {
        String text = "[aria_s3_batchd]\ns3-bucket=b\napply-concurrency=2\napply-concurrency=3\n";

        assertThat(read(text).applyConcurrency()).isEqualTo(3);
        assertThat(read(text, "--apply_concurrency=5").applyConcurrency()).isEqualTo(5);
    }

    @Test
    void receiptsLieInTheCacheDirectoryUnlessTheyHaveAFolderOfTheirOwn() throws Exception {
        String text = "[aria_s3_batchd]\ns3-bucket=b\ncache-dir=/cache\n";
        assertThat(read(text).receiptDir()).isEqualTo(Path.of("/cache/receipts"));
        assertThat(read(text, "--receipt-dir=/var/log/a").receiptDir())
                .isEqualTo(Path.of("/var/log/a"));
        assertRefused(text + "receipt-dir=here\n", "receipt-dir", "absolute path");
    }

    @Test
    void filesAreReadInTheOrderOfMariaDbProgramsAndMissingDefaultOnesSkipped() throws Exception {
        Path global = directory.resolve("global.cnf");
        Path extra = directory.resolve("extra.cnf");
        Files.writeString(
                global, "[aria_s3_batchd]\ns3-bucket=global\ns3-region=global\ns3-port=1\n");
        Files.writeString(extra, "[aria_s3_batchd]\ns3-region=extra\ns3-port=2\n");
        Files.writeString(directory.resolve(".my.cnf"), "[aria_s3_batchd]\ns3-port=3\n");

        StoreSettings store =
                DaemonSettings.of(
                                OptionSources.read(
                                        List.of("--defaults-extra-file=" + extra),
                                        directory,
                                        List.of(directory.resolve("absent.cnf"), global)))
                        .store();

        assertThat(store.bucket()).isEqualTo("global");
        assertThat(store.region()).isEqualTo("extra");
        assertThat(store.port()).isEqualTo(3);
    }

    @ParameterizedTest
    @CsvSource({"0, 0", "2, 2000", "0.25, 250", "1.5, 1500", "3600, 3600000"})
    void fenceWaitIsSecondsWithDecimals(String seconds, long millis) throws Exception {
        String text =
                "[aria_s3_batchd]\ns3-bucket=b\nreaders=REFRESH\nfence-wait=" + seconds + "\n";
        assertThat(read(text).fenceWait()).isEqualTo(Duration.ofMillis(millis));
        assertThat(read(text).readers()).isEqualTo(Readers.REFRESH);
        assertThat(read(text, "--readers=none").readers()).isEqualTo(Readers.NONE);
    }

    @Test
    void unknownOptionInOurGroupNamesFileAndLineAndWhatThereIs() {
        assertRefused(
                "[aria_s3_batchd]\ns3-bucket=b\ncache-sise=1G\n",
                file + ":3:",
                "cache-sise",
                "cache-size");
    }

    @Test
    void serverOnlyOptionIsUnknownInOurGroup() {
        assertRefused(
                "[aria_s3_batchd]\ns3-bucket=b\ns3-block-size=65536\n", ":3:", "s3-block-size");
    }

    @Test
    void misspelledS3OptionOfTheServerIsRefused() {
        assertRefused("[mariadbd]\ns3-buket=b\n", ":2:", "s3-buket");
    }

    @ParameterizedTest
    @CsvSource({
        "s3-port=65536, 65535",
        "s3-port=http, 65535",
        "s3-use-http=maybe, ON or OFF",
        "s3-host-name=http://minio, without http://",
        "s3-protocol-version=v4, Path",
        "socket=relative.sock, absolute",
        "cache-dir=cache, absolute",
        "cache-size=16, 16M",
        "cache-size=1Q, K",
        "cache-size=99999999999T, T",
        "block-cache-size=-1, bytes",
        "apply-concurrency=0, 1 to 64",
        "apply-concurrency=65, 1 to 64",
        "readers=some, 'fence, refresh, none'",
        "readers, VALUE",
        "fence-wait=-1, 0 to 3600",
        "fence-wait=3600.001, 0 to 3600",
        "fence-wait=0.0001, 0.5",
        "fence-wait=.5, 0.5",
        "fence-wait=1s, 0.5",
        "apply-concurrency, VALUE",
        "fence-servers=a b;c, 'host or host:port'",
        "fence-servers=host:123456, 'host or host:port'",
        "fence-servers=relative/path, 'host or host:port'",
        "fence-servers, VALUE",
        "fence-user, VALUE",
        "log-level=loud, 'error, warn, info, debug'",
        "lock-lease=0, 1 to 3600",
        "durability=forever, 'local, bucket'",
    })
    void badValueNamesPlaceValueAndWhatIsAllowed(String option, String allowed) {
        assertRefused(
                "[aria_s3_batchd]\ns3-bucket=b\n" + option + "\n",
                file + ":3:",
                option.replaceAll("=.*", ""),
                allowed);
    }

    @Test
    void socketPathThatNoAddressHoldsIsRefused() {
        assertRefused(
                "[aria_s3_batchd]\ns3-bucket=b\nsocket=/" + "x".repeat(107) + "\n", ":3:", "107");
    }

    @Test
    void fenceServersAreSocketsAndHostsWithOneLoginForAll() throws Exception {
        DaemonSettings.FenceServers servers =
                read("""
                [aria_s3_batchd]
                s3-bucket=b
                fence-servers = /run/mysqld/mysqld.sock, reader1.example.net,10.0.0.7:3307  [::1]:3308
                fence-user = archivist
                fence-password = hush
                """)
                        .fenceServers();

        assertThat(servers.addresses())
                .containsExactly(
                        "/run/mysqld/mysqld.sock",
                        "reader1.example.net",
                        "10.0.0.7:3307",
                        "[::1]:3308");
        assertThat(servers.user()).isEqualTo("archivist");
        assertThat(servers.password()).isEqualTo("hush");
        assertThat(servers.toString()).contains("reader1").doesNotContain("hush");
    }

    @Test
    void noFenceServersAreKnownUnlessTheyAreNamed() throws Exception {
        assertThat(read("[mysqld]\ns3-bucket=b\n").fenceServers().addresses()).isEmpty();
        assertThat(
                        read("[aria_s3_batchd]\ns3-bucket=b\nfence-servers=, ,\n")
                                .fenceServers()
                                .addresses())
                .isEmpty();
    }

    @Test
    void badFencePasswordIsNotShown() {
        String text =
                """
                [aria_s3_batchd]
                s3-bucket=b
                fence-servers=no;address
                fence-password=hush
                """;
        assertThatThrownBy(() -> read(text))
                .isInstanceOf(SettingsException.class)
                .hasMessageNotContaining("hush");
    }

    @Test
    void everyOptionIsExplainedWithItsPlaceAndSecretsAreStars() throws Exception {
        Files.writeString(
                file,
                """
                [mysqld]
                s3-bucket=b
                s3-access-key=hush1
                s3-secret-key=hush2
                [aria_s3_batchd]
                cache-size=1536M
                fence-wait=1.250
                fence-password=hush3
                """);
        List<DaemonSettings.Explained> all =
                DaemonSettings.explain(
                        List.of("--defaults-file=" + file, "--apply-concurrency=5"), directory);

        assertThat(all).hasSize(OptionName.values().length);
        assertThat(all.toString()).doesNotContain("hush");
        assertThat(all)
                .extracting(o -> o.key() + "=" + o.value() + " from " + o.place())
                .contains(
                        "s3-bucket=b from " + file + ":2",
                        "s3-access-key=*** from " + file + ":3",
                        "fence-password=*** from " + file + ":8",
                        "fence-user= from default",
                        "cache-size=1536M from " + file + ":6",
                        "block-cache-size=1G from default",
                        "fence-wait=1.25 from " + file + ":7",
                        "apply-concurrency=5 from command line",
                        "s3-protocol-version=Auto from default",
                        "log-level=info from default",
                        "single-host=OFF from default");
    }

    /** What is explained is what a daemon reads: value for value. */
    @Test
    void explainedOptionsReadAgainAreTheSameSettings() throws Exception {
        String text =
                """
                [aria_s3_batchd]
                s3-bucket=b
                s3-port=9000
                s3-use-http
                s3-protocol-version=path
                cache-size=100M
                block-cache-size=33554433
                fence-wait=0.007
                fence-servers=a, b:1
                fence-user=u
                readers=refresh
                durability=bucket
                lock-lease=7
                single-host
                log-level=DEBUG
                """;
        DaemonSettings settings = read(text);
        List<String> arguments = new ArrayList<>(List.of("--defaults-file=/dev/null"));
        for (DaemonSettings.Explained option :
                DaemonSettings.explain(List.of("--defaults-file=" + file), directory)) {
            if (!option.value().isEmpty()) {
                arguments.add("--" + option.key() + "=" + option.value());
            }
        }

        assertThat(DaemonSettings.read(arguments, directory)).isEqualTo(settings);
    }

    @Test
    void reloadTakesWhatARunningDaemonCanAndKeepsTheRest() throws Exception {
        DaemonSettings before = read("[aria_s3_batchd]\ns3-bucket=b\ncache-size=1G\n");
        DaemonSettings next =
                read(
                        """
                        [aria_s3_batchd]
                        s3-bucket=other
                        s3-access-key=k
                        s3-secret-key=s
                        socket=/tmp/other.sock
                        cache-dir=/other
                        lock-lease=99
                        single-host
                        cache-size=2G
                        fence-wait=9
                        log-level=warn
                        """);

        DaemonSettings reloaded = before.reloaded(next);

        for (OptionName name : OptionName.values()) {
            assertThat(OptionValue.of(name, reloaded))
                    .as(name.key())
                    .isEqualTo(OptionValue.of(name, name.isReloadable() ? next : before));
        }
    }

    @Test
    void missingBucketNamesTheFilesThatWereRead() {
        assertRefused("[mysqld]\n", "s3-bucket is missing", file.toString());
    }

    @ParameterizedTest
    @ValueSource(strings = {"s3-access-key", "s3-secret-key"})
    void oneKeyAloneIsRefusedWithoutShowingIt(String key) {
        assertThatThrownBy(() -> read("[mysqld]\ns3-bucket=b\n" + key + "=hush\n"))
                .isInstanceOf(SettingsException.class)
                .hasMessageContainingAll(":3:", "go together")
                .hasMessageNotContaining("hush");
    }

    @Test
    void secretsAreInNoText() throws Exception {
        DaemonSettings settings =
                read("[mysqld]\ns3-bucket=b\ns3-access-key=hush1\ns3-secret-key=hush2\n");

        assertThat(settings.toString()).contains("bucket b").doesNotContain("hush");
    }

    @Test
    void unknownArgumentIsRefusedAndASecretInItNotShown() {
        assertThatThrownBy(() -> read("", "--s3-bucket=b", "--s3-sekret-key=hush"))
                .isInstanceOf(SettingsException.class)
                .hasMessageContainingAll("command line", "s3-sekret-key")
                .hasMessageNotContaining("hush");
        assertThatThrownBy(() -> read("", "s3-bucket=b"))
                .isInstanceOf(SettingsException.class)
                .hasMessageContaining("--name=value");
    }

    @Test
    void namedFileThatIsNotThereIsRefused() {
        assertThatThrownBy(
                        () ->
                                DaemonSettings.read(
                                        List.of("--defaults-file=" + directory.resolve("no.cnf")),
                                        directory))
                .isInstanceOf(SettingsException.class)
                .hasMessageContaining("no.cnf");
    }

    @Test
    void nullDeviceIsAnOptionFileWithoutOptions() throws Exception {
        DaemonSettings settings =
                DaemonSettings.read(
                        List.of("--defaults-file=/dev/null", "--s3-bucket=b"), directory);

        assertThat(settings.store().bucket()).isEqualTo("b");
    }

    @Test
    void defaultsFileAndExtraFileExcludeEachOther() {
        assertThatThrownBy(() -> read("", "--defaults-extra-file=" + file))
                .isInstanceOf(SettingsException.class)
                .hasMessageContaining("exclude each other");
    }

    @Test
    void socketIsFoundWithoutABucket() throws Exception {
        Files.writeString(file, "[aria_s3_batchd]\nsocket=/tmp/x.sock\n");

        assertThat(DaemonSettings.readSocket(List.of("--defaults-file=" + file), directory))
                .isEqualTo(Path.of("/tmp/x.sock"));
    }
}
