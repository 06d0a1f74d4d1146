package aria.s3batch.ops.badinput;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.format.Numbers;
import aria.s3batch.format.SyntheticTable;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;
import aria.s3batch.ops.demo.DaemonProcess;

import com.fasterxml.jackson.databind.JsonNode;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.SortedMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** Local disk that does not give back what was written: nothing wrong is published, nothing is lost. */
@ExtendWith(SharedStore.Resolver.class)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class FlippedByteTest {
    private static final boolean LONG = Numbers.areLong();
    private static final int PAGE_BYTES = SyntheticTable.PAGE_BYTES;
    private static final byte[] PAGE = SyntheticTable.page(TableFile.DATA, 1, 7);

    private final SharedStore store;
    private final Site site;
    private TableName table = new TableName("bad", "none");
    private SortedMap<String, String> before;
    private String batch = "";

    FlippedByteTest(SharedStore store) throws IOException {
        this.store = store;
        this.site = Site.start(store);
        this.before = store.versions(table);
    }

    @BeforeEach
    void stage() throws IOException {
        table = store.load("plain");
        before = store.versions(table);
        batch = site.begin(table);
        site.put(batch, table, TableFile.DATA, 1, PAGE);
        site.put(batch, table, TableFile.DATA, 33, SyntheticTable.page(TableFile.DATA, 33, 7));
    }

    @AfterAll
    void stop() {
        site.close();
    }

    @Test
    void flippedByteInTheFirstPageQuarantinesBeforeTheFirstPut() throws Exception {
        quarantineAndResolve(PAGE_BYTES + 100, "slot 0");
    }

    @Test
    void flippedByteInTheLastPageQuarantinesBeforeTheFirstPut() throws Exception {
        quarantineAndResolve(3 * PAGE_BYTES - 1, "slot 1");
    }

    @Test
    void flippedByteInTheHeaderOfThePageFileQuarantines() throws Exception {
        quarantineAndResolve(20, "damaged at offset");
    }

    @Test
    void quarantineSurvivesARestartOfTheDaemon() throws Exception {
        flip(pageFile(), PAGE_BYTES);
        site.assertFails(4, List.of("slot 0"), "commit", batch);
        site.restart();
        assertQuarantined("slot 0");
        site.assertFails(3, List.of(batch, "QUARANTINED"), "begin", table.display());
        site.ok("resolve", batch, "--discard");
    }

    private void quarantineAndResolve(int offset, String word) throws Exception {
        flip(pageFile(), offset);
        site.assertFails(4, List.of(batch, "pages", word, "resolve"), "commit", batch);
        assertQuarantined(word);
        site.assertFails(3, List.of(batch, "QUARANTINED"), "begin", table.display());
        site.assertFails(3, List.of("QUARANTINED"), "abort", batch);

        site.ok("resolve", batch, "--retry");
        site.await(batch, found -> found.get("state").asText().equals("QUARANTINED"));
        assertQuarantined(word);

        flip(pageFile(), offset);
        site.ok("resolve", batch, "--retry");
        site.await(batch, found -> found.get("state").asText().equals("APPLIED"));
        assertApplied();
    }

    @Test
    void quarantinedBatchThatIsDiscardedLeavesNothing() throws Exception {
        flip(pageFile(), PAGE_BYTES + 100);
        site.assertFails(4, List.of("page file"), "commit", batch);
        site.ok("resolve", batch, "--discard");
        site.await(batch, found -> found.get("state").asText().equals("ABORTED"));
        assertThat(site.ok("status").get("batches")).isEmpty();
        assertThat(site.ok("status").get("daemon").get("cacheBytesUsed").asLong()).isZero();
        assertThat(site.home().cacheDir().resolve("batches")).isEmptyDirectory();
        site.ok("abort", site.begin(table));
        assertThat(store.versions(table)).isEqualTo(before);
    }

    @Test
    void pageFileThatWasCutShortQuarantines() throws Exception {
        Path file = pageFile();
        byte[] whole = Files.readAllBytes(file);
        Files.write(file, Arrays.copyOf(whole, 2 * PAGE_BYTES));
        site.assertFails(4, List.of("page file"), "commit", batch);
        assertQuarantined("page file");
        Files.write(file, whole);
        site.ok("resolve", batch, "--retry");
        site.await(batch, found -> found.get("state").asText().equals("APPLIED"));
        assertApplied();
    }

    @Test
    void flippedByteInThePageOfAnOpenBatchIsAnErrorToItsReader() throws Exception {
        flip(pageFile(), PAGE_BYTES + 100);
        var answer =
                site.request(
                        "GET",
                        "/v1/batches/%s/tables/%s/data?page=1".formatted(batch, table.path()),
                        new byte[0]);
        assertThat(answer.text()).contains("page file", "slot 0");
        assertThat(answer.status()).isEqualTo(422);
        site.put(batch, table, TableFile.DATA, 1, PAGE);
        assertThat(site.ok("commit", batch).get("state").asText()).isEqualTo("APPLIED");
        assertApplied();
    }

    /**
     * Every file of the journal, in its middle (in full numbers also at both ends): the daemon refuses to start, or reports the
     * batch, or applies it; it never forgets it, deletes its pages or changes the table in another way.
     */
    @Test
    void flippedByteInTheJournalLosesNothing() throws Exception {
        store.s3().holdBefore(1);
        site.ok("commit", batch, "--no-wait");
        store.s3().awaitHeld(Site.LIMIT);
        site.daemon().kill();
        store.s3().drop();
        store.s3().holdBefore(1);
        try {
            Path journal = site.home().cacheDir().resolve("journal");
            for (Path file : filesOf(journal)) {
                int length = (int) Files.size(file);
                int[] offsets = {length / 2, 0, length - 1};
                for (int i = 0; i < (LONG ? 3 : 1) && length > 0; i++) {
                    flipAndStart(journal, file, offsets[i]);
                }
            }
        } finally {
            store.s3().drop();
        }
        site.restart();
        site.awaitNone();
        assertApplied();
    }

    private void flipAndStart(Path journal, Path file, int offset) throws Exception {
        Path kept = store.newDirectory();
        copy(site.home().cacheDir(), kept);
        flip(file, offset);
        String what = file.getFileName() + " at " + offset;
        Process process = DaemonProcess.launch(site.home());
        try {
            boolean ended = endedBeforeItListens(process);
            if (ended) {
                assertThat(process.exitValue()).as(what).isEqualTo(4);
                String log = Files.readString(site.home().log());
                assertThat(log).as(what).contains("the journal is damaged", "Nothing was changed");
            } else {
                JsonNode batches = site.ok("status").get("batches");
                assertThat(batches).as(what).hasSize(1);
                assertThat(batches.get(0).get("batch").asText()).as(what).isEqualTo(batch);
                assertThat(batches.get(0).get("state").asText())
                        .as(what)
                        .isIn("COMMITTED", "APPLYING", "QUARANTINED");
                site.assertFails(3, List.of(batch), "begin", table.display());
            }
        } finally {
            process.destroyForcibly().waitFor();
        }
        assertThat(pageFile()).as(what).exists();
        assertThat(store.versions(table)).as(what).isEqualTo(before);
        delete(site.home().cacheDir());
        copy(kept, site.home().cacheDir());
        assertThat(journal).isDirectory();
    }

    private boolean endedBeforeItListens(Process process) throws Exception {
        while (!process.waitFor(20, TimeUnit.MILLISECONDS)) {
            if (site.daemon().accepts()) {
                return false;
            }
        }
        return true;
    }

    private void assertQuarantined(String word) throws IOException {
        JsonNode found = site.batch(batch);
        assertThat(found.get("state").asText()).isEqualTo("QUARANTINED");
        assertThat(found.get("reason").asText()).contains("page file", word);
        assertThat(store.versions(table)).isEqualTo(before);
        assertThat(pageFile()).exists();
    }

    private void assertApplied() {
        byte[] block = store.bucket().get(table.path() + "/data/000001");
        assertThat(Arrays.copyOfRange(block, PAGE_BYTES, 2 * PAGE_BYTES)).isEqualTo(PAGE);
    }

    private Path pageFile() throws IOException {
        try (Stream<Path> files =
                Files.list(site.home().cacheDir().resolve("batches").resolve(batch))) {
            return files.filter(file -> file.toString().endsWith(".pages"))
                    .findFirst()
                    .orElseThrow();
        }
    }

    private static List<Path> filesOf(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.filter(Files::isRegularFile).sorted().toList();
        }
    }

    private static void flip(Path file, int offset) throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        bytes[offset] ^= 0x10;
        Files.write(file, bytes);
    }

    private static void copy(Path from, Path to) throws IOException {
        try (Stream<Path> all = Files.walk(from)) {
            for (Path path : all.toList()) {
                Path target = to.resolve(from.relativize(path).toString());
                if (Files.isDirectory(path)) {
                    Files.createDirectories(target);
                } else {
                    Files.copy(path, target);
                }
            }
        }
    }

    private static void delete(Path directory) throws IOException {
        try (Stream<Path> all = Files.walk(directory)) {
            for (Path path : all.sorted((a, b) -> b.compareTo(a)).toList()) {
                Files.delete(path);
            }
        }
    }
}
