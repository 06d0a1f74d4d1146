package aria.s3batch.ops.process;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.format.Fixture;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;
import aria.s3batch.ops.demo.Bucket;

import java.io.IOException;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * A fixture's table in a bucket, in a database of its own, so that many can be there at once: loaded, staged
 * as its SQL changed it, and compared.
 */
final class FixtureTable {
    private static final byte[] NOTHING = {};
    private static final int FRM_VERSION_FROM = 66;
    private static final int FRM_VERSION_TO = 82;

    private final Bucket bucket;
    private final Fixture fixture;
    private final String database;

    FixtureTable(Bucket bucket, Fixture fixture, String database) {
        this.bucket = bucket;
        this.fixture = fixture;
        this.database = database;
    }

    /** How a request to the daemon is made; it throws if that fails. */
    interface Daemon {
        void request(String method, String path, byte[] body) throws IOException;
    }

    /** Puts its objects into the bucket as they were before the SQL. */
    void load() {
        fixture.before().forEach((key, object) -> bucket.put(renamed(key), object));
    }

    /** As {@code begin} takes it. */
    String path() {
        return database + "/" + fixture.table().table();
    }

    /**
     * Stages every page that the fixture's SQL changed; returns how many requests that took.
     *
     * @param pagesMax in one request
     * @param inParts whether some pages are staged in two halves, for which their base is read
     */
    int stage(Daemon daemon, String batch, int pagesMax, boolean inParts) throws IOException {
        int requests = 0;
        for (TableName unit : fixture.units()) {
            for (TableFile file : TableFile.values()) {
                requests += stageFile(daemon, batch, unit, file, pagesMax, inParts);
            }
        }
        return requests;
    }

    /** Stages the changed pages of the first data file. */
    int stageData(Daemon daemon, String batch) throws IOException {
        return stageFile(daemon, batch, fixture.units().getFirst(), TableFile.DATA, 1, false);
    }

    private int stageFile(
            Daemon daemon,
            String batch,
            TableName unit,
            TableFile file,
            int pagesMax,
            boolean inParts)
            throws IOException {
        String path =
                "/v1/batches/%s/tables/%s/%s/%s"
                        .formatted(batch, database, segment(unit.table()), file.key());
        byte[] before = fixture.local(unit, file, false);
        byte[] after = fixture.local(unit, file, true);
        int pageBytes = fixture.headerBefore(unit).pageBytes();
        int requests = 0;
        if (after.length < before.length) {
            daemon.request("POST", path + "/truncate?bytes=" + after.length, NOTHING);
            requests++;
        }
        int at = 0;
        while (at < after.length) {
            int end = at;
            while (end < after.length
                    && end - at < pagesMax * pageBytes
                    && differs(before, after, end, pageBytes)) {
                end += pageBytes;
            }
            if (end == at) {
                at += pageBytes;
                continue;
            }
            if (inParts && end <= before.length && requests % 3 == 0) {
                int half = at + pageBytes / 2;
                put(daemon, path + "?offset=" + at, after, at, half);
                put(daemon, path + "?offset=" + half, after, half, end);
            } else {
                put(daemon, path + "?page=" + at / pageBytes, after, at, end);
            }
            requests++;
            at = end;
        }
        return requests;
    }

    private static boolean differs(byte[] before, byte[] after, int at, int pageBytes) {
        int end = at + pageBytes;
        return end > before.length || !Arrays.equals(before, at, end, after, at, end);
    }

    private static void put(Daemon daemon, String path, byte[] after, int from, int to)
            throws IOException {
        daemon.request("PUT", path, Arrays.copyOfRange(after, from, to));
    }

    void assertAsBefore() {
        SortedMap<String, byte[]> found = objects();
        assertThat(found.keySet()).isEqualTo(fixture.before().keySet());
        found.forEach((key, object) -> assertThat(object).as(key).isEqualTo(fixture.before(key)));
    }

    /** Every object is what MariaDB itself has; blocks by what they decode to, frm but for its version. */
    void assertAsCommitted() {
        SortedMap<String, byte[]> found = objects();
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

    /** A server that finds frm without aria hangs. */
    void assertNoFrmAlone() {
        var keys = bucket.versions(database + "/").keySet();
        if (keys.stream().anyMatch(key -> key.startsWith(path() + "/") && key.endsWith("/frm"))) {
            for (TableName unit : fixture.units()) {
                assertThat(keys).as("frm is there").contains(renamed(unit.path() + "/aria"));
            }
        }
    }

    /** Under the fixture's own names. */
    private SortedMap<String, byte[]> objects() {
        var objects = new TreeMap<String, byte[]>();
        String base = fixture.table().table();
        bucket.objects(database + "/" + base)
                .forEach(
                        (key, object) ->
                                objects.put(
                                        fixture.database() + key.substring(database.length()),
                                        object));
        return objects;
    }

    private String renamed(String key) {
        return database + key.substring(fixture.database().length());
    }

    private static String segment(String name) {
        return URLEncoder.encode(name, StandardCharsets.UTF_8);
    }

    private static byte[] withoutVersion(byte[] frm) {
        assertThat(frm).hasSizeGreaterThan(FRM_VERSION_TO);
        byte[] masked = frm.clone();
        Arrays.fill(masked, FRM_VERSION_FROM, FRM_VERSION_TO, (byte) 0);
        return masked;
    }

    @Override
    public String toString() {
        return path();
    }
}
