package aria.s3batch.ops.process;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.daemon.api.StatusDocument;
import aria.s3batch.format.Fixture;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;
import aria.s3batch.ops.demo.Bucket;
import aria.s3batch.ops.demo.DaemonProcess;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;

import java.io.IOException;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;

/**
 * One fixture's table in a bucket. It takes a batch with the fixture's changes through its life, over the
 * API, and says what the table's objects must be before and after it.
 */
public final class FixtureTable {
    static final Duration LIMIT = Duration.ofSeconds(60);

    private static final byte[] NOTHING = {};
    private static final int FRM_VERSION_FROM = 66;
    private static final int FRM_VERSION_TO = 82;

    private static final ObjectMapper JSON =
            new ObjectMapper().disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES);

    private final Fixture fixture;
    private final Bucket bucket;

    public FixtureTable(String fixture, Bucket bucket) {
        this.fixture = Fixture.of(fixture);
        this.bucket = bucket;
    }

    /** The table's objects now, with those of its partitions. */
    public SortedMap<String, byte[]> objects() {
        String table = fixture.table().path();
        SortedMap<String, byte[]> objects = new TreeMap<>(bucket.objects(table + "/"));
        objects.putAll(bucket.objects(table + "#P#"));
        return objects;
    }

    /** Makes the table what it is before the batch. */
    public void reset() {
        objects().keySet().forEach(bucket::delete);
        bucket.putAll(fixture.before());
    }

    public String begin(DaemonProcess daemon) throws IOException {
        TableName table = fixture.table();
        String body = "{\"tables\":[\"%s/%s\"]}".formatted(table.database(), table.table());
        String begun = ok(daemon, "POST", "/v1/batches", body.getBytes(StandardCharsets.UTF_8));
        return JSON.readTree(begun).get("batch").asText();
    }

    /** Stages every page that the fixture's SQL changed; returns how many requests that took. */
    public int stageAll(DaemonProcess daemon, String batch) throws IOException {
        int requests = 0;
        for (TableName unit : fixture.units()) {
            for (TableFile file : TableFile.values()) {
                requests += stageFile(daemon, batch, unit, file);
            }
        }
        return requests;
    }

    /** Stages some pages of the data file: work that is lost in a crash. */
    public void stageSome(DaemonProcess daemon, String batch) throws IOException {
        int requests = stageFile(daemon, batch, fixture.units().getFirst(), TableFile.DATA);
        assertThat(requests).isPositive();
    }

    private int stageFile(DaemonProcess daemon, String batch, TableName unit, TableFile file)
            throws IOException {
        String path = path(batch, unit, file);
        byte[] before = fixture.local(unit, file, false);
        byte[] after = fixture.local(unit, file, true);
        int pageBytes = fixture.headerBefore(unit).pageBytes();
        int requests = 0;
        if (after.length < before.length) {
            ok(daemon, "POST", path + "/truncate?bytes=" + after.length, NOTHING);
            requests++;
        }
        for (int at = 0; at < after.length; at += pageBytes) {
            int end = at + pageBytes;
            boolean same = end <= before.length && Arrays.equals(before, at, end, after, at, end);
            if (!same) {
                byte[] page = Arrays.copyOfRange(after, at, end);
                ok(daemon, "PUT", path + "?page=" + at / pageBytes, page);
                requests++;
            }
        }
        return requests;
    }

    private static String path(String batch, TableName unit, TableFile file) {
        return "/v1/batches/%s/tables/%s/%s/%s"
                .formatted(batch, segment(unit.database()), segment(unit.table()), file.key());
    }

    private static String segment(String name) {
        return URLEncoder.encode(name, StandardCharsets.UTF_8);
    }

    public static void commit(DaemonProcess daemon, String batch) throws IOException {
        ok(daemon, "POST", "/v1/batches/" + batch + "/commit", NOTHING);
    }

    public static void abort(DaemonProcess daemon, String batch) throws IOException {
        ok(daemon, "POST", "/v1/batches/" + batch + "/abort", NOTHING);
    }

    public static StatusDocument status(DaemonProcess daemon) throws IOException {
        return JSON.readValue(ok(daemon, "GET", "/v1/status", NOTHING), StatusDocument.class);
    }

    /** Until no batch is left; a quarantine or a minute without that is a failure. */
    public static void awaitAllApplied(DaemonProcess daemon) throws Exception {
        long deadline = System.nanoTime() + LIMIT.toNanos();
        var batches = status(daemon).batches();
        while (!batches.isEmpty()) {
            assertThat(batches).noneMatch(batch -> batch.state().equals("QUARANTINED"));
            assertThat(System.nanoTime()).as("still pending: %s", batches).isLessThan(deadline);
            TimeUnit.MILLISECONDS.sleep(20); // another process: nothing to wait on
            batches = status(daemon).batches();
        }
    }

    /**
     * Every object is as before the batch, and there is no other.
     *
     * @param found the table's objects
     */
    public void assertIsAsBefore(SortedMap<String, byte[]> found) {
        assertThat(found.keySet()).isEqualTo(fixture.before().keySet());
        found.forEach((key, object) -> assertThat(object).as(key).isEqualTo(fixture.before(key)));
    }

    /**
     * Every object is what MariaDB itself has; blocks by what they decode to, frm but for its version.
     *
     * @param found the table's objects
     */
    public void assertIsAsCommitted(SortedMap<String, byte[]> found) {
        SortedMap<String, byte[]> expected = fixture.after();
        assertThat(found.keySet()).isEqualTo(expected.keySet());
        for (TableName unit : fixture.units()) {
            for (TableFile file : TableFile.values()) {
                assertThat(Fixture.assemble(unit, file, found))
                        .as("%s of %s", file.key(), unit.path())
                        .isEqualTo(fixture.local(unit, file, true));
            }
        }
        expected.forEach(
                (key, object) -> {
                    if (key.endsWith("/aria")) {
                        assertThat(found.get(key)).as(key).isEqualTo(object);
                    } else if (key.endsWith("/frm")) {
                        assertThat(withoutVersion(found.getOrDefault(key, NOTHING)))
                                .as(key)
                                .isEqualTo(withoutVersion(object));
                    }
                });
    }

    @Override
    public String toString() {
        return fixture.name();
    }

    private static String ok(DaemonProcess daemon, String method, String path, byte[] body)
            throws IOException {
        DaemonProcess.Answer answer = daemon.request(method, path, body);
        assertThat(answer.status()).as("%s %s: %s", method, path, answer.text()).isLessThan(300);
        return answer.text();
    }

    private static byte[] withoutVersion(byte[] frm) {
        assertThat(frm).hasSizeGreaterThan(FRM_VERSION_TO);
        byte[] masked = frm.clone();
        Arrays.fill(masked, FRM_VERSION_FROM, FRM_VERSION_TO, (byte) 0);
        return masked;
    }
}
