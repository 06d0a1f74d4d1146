package aria.s3batch.ops.badinput;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.format.SyntheticTable;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;

import com.fasterxml.jackson.databind.JsonNode;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;

import java.io.IOException;
import java.util.List;

/** The object store goes away while the daemon runs, and comes back. */
@ExtendWith(SharedStore.Resolver.class)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class StoreOutageTest {
    private static final byte[] PAGE = SyntheticTable.page(TableFile.DATA, 1, 7);

    private final SharedStore store;
    private final Gate gate;
    private final Site site;
    private TableName table = new TableName("bad", "none");

    StoreOutageTest(SharedStore store) throws IOException {
        this.store = store;
        this.gate = new Gate(store.s3().port());
        this.site = Site.start(store, "s3-port=" + gate.port());
    }

    @BeforeEach
    void load() {
        table = store.load("plain");
    }

    @AfterEach
    void openGate() throws IOException {
        gate.shut();
        gate.open();
    }

    @AfterAll
    void stop() throws IOException {
        site.close();
        gate.close();
    }

    @Test
    void beginIsRefusedAndLocksNothing() throws IOException {
        gate.shut();
        site.assertFails(
                5, List.of("127.0.0.1:" + gate.port(), table.path()), "begin", table.display());
        gate.open();
        site.ok("abort", site.begin(table));
    }

    @Test
    void commitIsRefusedTheBatchStaysOpenAndCommitsWhenTheStoreIsBack() throws IOException {
        var before = store.versions(table);
        String batch = site.begin(table);
        site.put(batch, table, TableFile.DATA, 1, PAGE);
        gate.shut();
        site.assertFails(5, List.of("127.0.0.1:" + gate.port()), "commit", batch);
        assertThat(site.state(batch)).isEqualTo("OPEN");
        assertThat(store.versions(table)).isEqualTo(before);

        gate.open();
        assertThat(site.ok("commit", batch).get("state").asText()).isEqualTo("APPLIED");
        assertPageIsInS3();
    }

    @Test
    void stagedPagesCanBeReadAndAbortedWithoutTheStore() throws IOException {
        String batch = site.begin(table);
        site.put(batch, table, TableFile.DATA, 1, PAGE);
        gate.shut();
        String data = "/v1/batches/%s/tables/%s/data?page=".formatted(batch, table.path());
        assertThat(site.request("GET", data + 1, new byte[0]).status()).isEqualTo(200);
        var unread = site.request("GET", data + 2, new byte[0]);
        assertThat(unread.status()).isEqualTo(503);
        assertThat(unread.text()).contains("\"kind\":\"unreachable\"", "data/000001");
        site.ok("abort", batch);
    }

    @Test
    void applyWaitsWithTheReasonInStatusAndGoesOnWhenTheStoreIsBack() throws Exception {
        String batch = site.begin(table);
        site.put(batch, table, TableFile.DATA, 1, PAGE);
        site.put(batch, table, TableFile.DATA, 33, SyntheticTable.page(TableFile.DATA, 33, 7));
        store.s3().holdBefore(1);
        site.ok("commit", batch, "--no-wait");
        store.s3().awaitHeld(Site.LIMIT);
        gate.shut();
        store.s3().drop();

        JsonNode waiting = site.await(batch, found -> found.hasNonNull("reason"));
        assertThat(waiting.get("state").asText()).isIn("COMMITTED", "APPLYING");
        assertThat(waiting.get("reason").asText()).contains("127.0.0.1:" + gate.port());
        assertThat(site.run("status", batch).out()).contains("127.0.0.1:" + gate.port());
        assertThat(site.run("status").out())
                .startsWith("ATTENTION 1 batch waits: read why below\n");
        site.assertFails(3, List.of(batch), "begin", table.display());
        site.assertFails(3, List.of("not open"), "abort", batch);

        gate.open();
        site.await(batch, found -> found.get("state").asText().equals("APPLIED"));
        assertPageIsInS3();
    }

    /** A daemon that is stopped while it waits stops, and its successor goes on. */
    @Test
    void waitingBatchSurvivesAStopOfTheDaemon() throws Exception {
        String batch = site.begin(table);
        site.put(batch, table, TableFile.DATA, 1, PAGE);
        store.s3().holdBefore(1);
        site.ok("commit", batch, "--no-wait");
        store.s3().awaitHeld(Site.LIMIT);
        gate.shut();
        store.s3().drop();
        site.await(batch, found -> found.hasNonNull("reason"));
        assertThat(site.daemon().stop()).isEqualTo(143);

        gate.open();
        site.restart();
        site.awaitNone();
        assertPageIsInS3();
    }

    private void assertPageIsInS3() {
        byte[] block = store.bucket().get(table.path() + "/data/000001");
        assertThat(java.util.Arrays.copyOfRange(block, PAGE.length, 2 * PAGE.length))
                .isEqualTo(PAGE);
    }
}
