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
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;

/**
 * One fixture's table in a bucket, also in a database of another name, so that many can be there at once.
 * It takes a batch with the fixture's changes through its life, over the API, and says what the table's
 * objects must be before and after it.
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
    private final String database;

    public FixtureTable(String fixture, Bucket bucket) {
        this.fixture = Fixture.of(fixture);
        this.bucket = bucket;
        this.database = this.fixture.database();
    }

    FixtureTable(String fixture, Bucket bucket, String database) {
        this.fixture = Fixture.of(fixture);
        this.bucket = bucket;
        this.database = database;
    }

    /** How a request about a batch is made; it throws if that fails. */
    interface Requests {
        void send(String method, String path, byte[] body) throws IOException;
    }

    /** The table's objects now, with those of its partitions, by the keys that the fixture has. */
    public SortedMap<String, byte[]> objects() {
        SortedMap<String, byte[]> objects = new TreeMap<>();
        for (String prefix : List.of("/", "#P#")) {
            bucket.objects(path() + prefix)
                    .forEach(
                            (key, object) ->
                                    objects.put(
                                            fixture.database() + key.substring(database.length()),
                                            object));
        }
        return objects;
    }

    /** Makes the table what it is before the batch. */
    public void reset() {
        objects().keySet().forEach(key -> bucket.delete(here(key)));
        fixture.before().forEach((key, object) -> bucket.put(here(key), object));
    }

    /** As {@code begin} takes it. */
    String path() {
        return database + "/" + fixture.table().table();
    }

    /** The key in the bucket of what the fixture has under this one. */
    private String here(String key) {
        return database + key.substring(fixture.database().length());
    }

    public String begin(DaemonProcess daemon) throws IOException {
        String body = "{\"tables\":[\"%s\"]}".formatted(path());
        String begun = ok(daemon, "POST", "/v1/batches", body.getBytes(StandardCharsets.UTF_8));
        return JSON.readTree(begun).get("batch").asText();
    }

    /** Stages every page that the fixture's SQL changed; returns how many requests that took. */
    public int stageAll(DaemonProcess daemon, String batch) throws IOException {
        return stage((method, path, body) -> ok(daemon, method, path, body), batch, 1, false);
    }

    /** Stages some pages of the data file: work that is lost in a crash. */
    public void stageSome(DaemonProcess daemon, String batch) throws IOException {
        Requests requests = (method, path, body) -> ok(daemon, method, path, body);
        TableName unit = fixture.units().getFirst();
        assertThat(stageFile(requests, batch, unit, TableFile.DATA, 1, false)).isPositive();
    }

    /**
     * As {@link #stageAll}.
     *
     * @param pagesMax in one request
     * @param inHalves some of the ranges, so that their bases are read
     */
    int stage(Requests requests, String batch, int pagesMax, boolean inHalves) throws IOException {
        int count = 0;
        for (TableName unit : fixture.units()) {
            for (TableFile file : TableFile.values()) {
                count += stageFile(requests, batch, unit, file, pagesMax, inHalves);
            }
        }
        return count;
    }

    private int stageFile(
            Requests requests,
            String batch,
            TableName unit,
            TableFile file,
            int pagesMax,
            boolean inHalves)
            throws IOException {
        String path =
                "/v1/batches/%s/tables/%s/%s/%s"
                        .formatted(batch, segment(database), segment(unit.table()), file.key());
        byte[] before = fixture.local(unit, file, false);
        byte[] after = fixture.local(unit, file, true);
        int pageBytes = fixture.headerBefore(unit).pageBytes();
        int count = 0;
        if (after.length < before.length) {
            requests.send("POST", path + "/truncate?bytes=" + after.length, NOTHING);
            count++;
        }
        for (int at = 0; at < after.length; ) {
            int end = at;
            while (end < after.length
                    && end < at + pagesMax * pageBytes
                    && differs(before, after, end, end + pageBytes)) {
                end += pageBytes;
            }
            if (end == at) {
                at += pageBytes;
                continue;
            }
            if (inHalves && count % 3 == 0 && end <= before.length) {
                int half = at + pageBytes / 2;
                byte[] first = Arrays.copyOfRange(after, at, half);
                requests.send("PUT", path + "?offset=" + at, first);
                byte[] second = Arrays.copyOfRange(after, half, end);
                requests.send("PUT", path + "?offset=" + half, second);
            } else {
                byte[] pages = Arrays.copyOfRange(after, at, end);
                requests.send("PUT", path + "?page=" + at / pageBytes, pages);
            }
            count++;
            at = end;
        }
        return count;
    }

    private static boolean differs(byte[] before, byte[] after, int at, int end) {
        return end > before.length || !Arrays.equals(before, at, end, after, at, end);
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
     * Waits until nothing of ours is in the bucket: a daemon that has started releases the locks of its former
     * process behind its answers.
     */
    public static void awaitNothingLeft(Bucket bucket) throws Exception {
        long deadline = System.nanoTime() + LIMIT.toNanos();
        var left = bucket.versions("_aria_s3_batch/");
        while (!left.isEmpty()) {
            assertThat(System.nanoTime()).as("still there: %s", left).isLessThan(deadline);
            TimeUnit.MILLISECONDS.sleep(20); // another process: nothing to wait on
            left = bucket.versions("_aria_s3_batch/");
        }
    }

    /** Whether {@link #assertIsAsBefore} holds. */
    public boolean isAsBefore(SortedMap<String, byte[]> found) {
        return found.keySet().equals(fixture.before().keySet())
                && found.entrySet().stream()
                        .allMatch(o -> Arrays.equals(o.getValue(), fixture.before(o.getKey())));
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

    void assertIsAsBefore() {
        assertIsAsBefore(objects());
    }

    void assertIsAsCommitted() {
        assertIsAsCommitted(objects());
    }

    /** A server that finds frm without aria hangs. */
    void assertNoFrmAlone() {
        var keys = bucket.versions(path()).keySet();
        if (keys.contains(path() + "/frm")) {
            for (TableName unit : fixture.units()) {
                assertThat(keys).as("frm is there").contains(here(unit.path() + "/aria"));
            }
        }
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
