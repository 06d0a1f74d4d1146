package aria.s3batch.ops.service;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.ops.demo.Bucket;
import aria.s3batch.ops.demo.DaemonProcess;
import aria.s3batch.ops.demo.EmbeddedS3Process;
import aria.s3batch.ops.process.FixtureTable;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** SIGHUP to a real daemon, and POST /v1/reload. */
final class ReloadTest {
    private static final byte[] NOTHING = {};

    private final EmbeddedS3Process s3;
    private final DaemonProcess.Home home;
    private final Service service;
    private final DaemonProcess daemon;

    ReloadTest(@TempDir Path directory) throws IOException {
        s3 = EmbeddedS3Process.start(directory.resolve("s3"));
        home = DaemonProcess.Home.create(directory.resolve("d"), s3, List.of());
        service = Service.launch(home, Map.of());
        daemon = service.awaitSocket();
    }

    @AfterEach
    void stop() {
        service.close();
        s3.close();
    }

    private String scraped(String metric) throws IOException {
        String text = daemon.request("GET", "/metrics", NOTHING).text();
        return text.lines().filter(line -> line.startsWith(metric + " ")).findFirst().orElse(text);
    }

    @Test
    void newSettingsCountAtOnceAndOthersAreNamed() throws Exception {
        Service.append(
                home,
                "cache-size=32M",
                "block-cache-size=64M",
                "apply-concurrency=3",
                "readers=none",
                "lock-lease=77",
                "socket=/tmp/elsewhere.sock");
        service.signal("HUP");
        String line = service.awaitLog("options read again");
        assertThat(line)
                .contains("changed=\"cache-size, block-cache-size, apply-concurrency, readers\"");
        assertThat(service.awaitLog("need a restart")).contains("options=\"socket, lock-lease\"");
        assertThat(scraped("aria_s3_batch_cache_limit_bytes")).endsWith(" 3.3554432E7");
        assertThat(scraped("aria_s3_batch_block_cache_limit_bytes")).endsWith(" 6.7108864E7");

        try (var bucket = new Bucket(s3)) {
            var table = new FixtureTable("plain", bucket);
            table.reset();
            String batch = table.begin(daemon);
            table.stageAll(daemon, batch);
            assertThat(daemon.request("POST", "/v1/batches/" + batch + "/commit", NOTHING).status())
                    .isEqualTo(200);
            assertThat(daemon.request("GET", "/v1/batches/" + batch, NOTHING).text())
                    .contains("\"readers\":\"none\"");
            FixtureTable.awaitAllApplied(daemon);
        }
    }

    @Test
    void whoAsksOnTheSocketIsAnsweredWhenTheNewSettingsCount() throws Exception {
        Service.append(home, "cache-size=32M", "lock-lease=77");
        var reloaded = daemon.request("POST", "/v1/reload", NOTHING);
        assertThat(reloaded.status()).as(reloaded.text()).isEqualTo(200);
        assertThat(reloaded.text())
                .contains("\"changed\":[\"cache-size\"]", "\"needRestart\":[\"lock-lease\"]");
        assertThat(scraped("aria_s3_batch_cache_limit_bytes")).endsWith(" 3.3554432E7");
        assertThat(service.log()).contains("options read again");
    }

    @Test
    void whoAsksOnTheSocketIsToldWhyNothingWasTaken() throws Exception {
        Service.append(home, "s3-secret-key=wrong-key-of-a-test", "cache-size=32M");
        var keys = daemon.request("POST", "/v1/reload", NOTHING);
        assertThat(keys.status()).as(keys.text()).isEqualTo(503);
        assertThat(keys.text())
                .contains("s3-secret-key does not belong", "all are as before", "unreachable");
        Service.append(home, "cache-sise=1G");
        var file = daemon.request("POST", "/v1/reload", NOTHING);
        assertThat(file.status()).as(file.text()).isEqualTo(400);
        assertThat(file.text())
                .contains(home.optionFile() + ":13", "unknown option 'cache-sise'", "usage")
                .doesNotContain("wrong-key-of-a-test");
        Files.delete(home.optionFile());
        var none = daemon.request("POST", "/v1/reload", NOTHING);
        assertThat(none.status()).as(none.text()).isEqualTo(400);
        assertThat(none.text()).contains("no such option file");
        assertThat(scraped("aria_s3_batch_cache_limit_bytes")).endsWith(" 1.7179869184E10");
        assertThat(service.log()).contains("options not taken").doesNotContain("request failed");
    }

    @Test
    void fileWithAnErrorChangesNothingAndIsNamed() throws Exception {
        Service.append(home, "cache-size=32M", "cache-sise=1G");
        service.signal("HUP");
        assertThat(service.awaitLog("options not taken"))
                .contains(home.optionFile() + ":12", "unknown option 'cache-sise'");
        assertThat(scraped("aria_s3_batch_cache_limit_bytes")).endsWith(" 1.7179869184E10");
        assertThat(daemon.request("GET", "/v1/status", NOTHING).status()).isEqualTo(200);

        Files.delete(home.optionFile());
        service.signal("HUP");
        service.awaitLog("options not taken", "no such option file");
    }

    @Test
    void keysThatTheStoreRefusesAreNotTaken() throws Exception {
        Service.append(home, "s3-secret-key=wrong-key-of-a-test", "cache-size=32M");
        service.signal("HUP");
        assertThat(service.awaitLog("options not taken")).contains("s3-secret-key does not belong");
        assertThat(scraped("aria_s3_batch_cache_limit_bytes")).endsWith(" 1.7179869184E10");
        assertThat(service.log()).doesNotContain("wrong-key-of-a-test");
        try (var bucket = new Bucket(s3)) {
            var table = new FixtureTable("plain", bucket);
            table.reset();
            String batch = table.begin(daemon); // with the keys that it has
            daemon.request(
                    "POST", "/v1/batches/" + batch + "/abort", "".getBytes(StandardCharsets.UTF_8));
        }
    }

    @Test
    void logLevelCountsAtOnce() throws Exception {
        Service.append(home, "log-level=warn", "lock-lease=77");
        service.signal("HUP");
        service.awaitLog("need a restart");
        assertThat(service.log()).doesNotContain("options read again");
        Service.append(home, "log-level=info");
        service.signal("HUP");
        assertThat(service.awaitLog("options read again")).contains("log-level");
    }
}
