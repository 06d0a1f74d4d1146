package aria.s3batch.daemon.api;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.daemon.api.UnixHttp.Answer;
import aria.s3batch.format.SyntheticTable;
import aria.s3batch.format.TableFile;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;

class MetricsTest {
    @TempDir Path dir;
    private ServedBatches daemon;
    private UnixHttp http;

    @BeforeEach
    void start() throws IOException {
        daemon = new ServedBatches(dir);
        http = new UnixHttp(daemon.socket());
    }

    @AfterEach
    void stop() throws IOException {
        daemon.close();
    }

    private String scrape() throws IOException {
        Answer answer = http.get("/metrics");
        assertThat(answer.status()).as(answer.text()).isEqualTo(200);
        assertThat(answer.head()).contains("text/plain; version=0.0.4");
        return answer.text();
    }

    @Test
    void scrapeCountsBatchesPagesAndCalls() throws Exception {
        String begun =
                http.post("/v1/batches", "{\"tables\":[\"shop.orders\"]}")
                        .json()
                        .get("batch")
                        .asText();
        byte[] page = SyntheticTable.page(TableFile.DATA, 3, 7);
        http.put("/v1/batches/" + begun + "/tables/shop/orders/data?page=3", page);

        String open = scrape();

        assertThat(open)
                .contains(
                        "aria_s3_batch_build_info{version=\"test\"} 1",
                        "aria_s3_batch_batches{state=\"OPEN\"} 1.0",
                        "aria_s3_batch_batches{state=\"QUARANTINED\"} 0.0",
                        "aria_s3_batch_staged_pages 1.0",
                        "aria_s3_batch_staged_bytes_total " + (double) page.length,
                        "aria_s3_batch_writer_answers 1.0",
                        "aria_s3_batch_store_call_seconds_count{call=\"get\",outcome=\"ok\"}",
                        "aria_s3_batch_store_call_seconds_bucket{call=\"put\",outcome=\"ok\",le=\"+Inf\"}");

        http.post("/v1/batches/" + begun + "/commit", "");
        while (!http.get("/v1/batches/" + begun).json().get("state").asText().equals("APPLIED")) {
            Thread.onSpinWait();
        }
        assertThat(scrape())
                .contains(
                        "aria_s3_batch_batches{state=\"OPEN\"} 0.0",
                        "aria_s3_batch_committed_total 1.0",
                        "aria_s3_batch_ended_total{how=\"applied\"} 1.0",
                        "aria_s3_batch_apply_objects_planned 0.0");
    }

    /** A family is said once, with its kind before its numbers, as Prometheus wants it. */
    @Test
    void everyNumberFollowsItsHelpAndKind() throws Exception {
        Set<String> families = new HashSet<>();
        String family = "none";
        for (String line : scrape().split("\n", -1)) {
            if (line.startsWith("# TYPE ")) {
                family = line.split(" ", -1)[2];
                assertThat(families.add(family)).as(family).isTrue();
            } else if (!line.isEmpty() && !line.startsWith("#")) {
                assertThat(line).startsWith(family);
                assertThat(line)
                        .matches("[a-z0-9_]+(_bucket|_sum|_count)?(\\{[^}]*})? [-+0-9.Ee]+");
            }
        }
        assertThat(families).hasSizeGreaterThan(30);
    }
}
