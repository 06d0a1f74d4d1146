package aria.s3batch.ops.server;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.format.Numbers;
import aria.s3batch.ops.demo.EmbeddedS3Process;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** A small change of a large table costs little: requests that are counted, and time. */
@NeedsMariaDb
@Tag("alone")
final class SqlCostTest {
    private static final Logger log = LoggerFactory.getLogger(SqlCostTest.class);

    /** About 440 bytes a row: in the full run 700 MB. */
    private static final int ROWS = Numbers.areFull() ? 1_600_000 : 160_000;

    private static final int ROWS_AT_ONCE = 160_000;
    private static final int ROUNDS = 5;

    /** Of both files: what the path from the root to a row of each index takes, and rows over an edge. */
    private static final int BLOCKS_MAX = 8;

    private static final double SECONDS_MAX = 2.0;

    /**
     * See docs/requests.md: begin, commit and apply of one table, behind a fence. The embedded S3 server ignores
     * If-Match: each such write has a HEAD before it.
     */
    private static final Map<String, Integer> BESIDES_BLOCKS =
            Map.ofEntries(
                    Map.entry("PUT lock of live/t", 2),
                    Map.entry("GET live/t/aria", 1),
                    Map.entry("GET live/t/frm", 1),
                    Map.entry("HEAD live/t/aria", 2 + 1),
                    Map.entry("HEAD live/t/frm", 2 + 1),
                    Map.entry("HEAD lock of live/t", 2),
                    Map.entry("PUT copy of live/t/aria", 1),
                    Map.entry("PUT copy of live/t/frm", 1),
                    Map.entry("DELETE live/t/aria", 1),
                    Map.entry("DELETE live/t/frm", 1),
                    Map.entry("PUT live/t/aria", 1),
                    Map.entry("PUT live/t/frm", 1),
                    Map.entry("DELETE copy of live/t/aria", 1),
                    Map.entry("DELETE copy of live/t/frm", 1),
                    Map.entry("DELETE lock of live/t", 1));

    @Test
    void hundredRowsByPrimaryKeyFetchTheirBlocksAloneAndTakeUnderTwoSeconds(@TempDir Path directory)
            throws Exception {
        EmbeddedS3Process s3 = EmbeddedS3Process.start(directory.resolve("s3"));
        try (var scene = new ServerScene(directory, s3, List.of(), List.of())) {
            makeTable(scene);
            var seconds = new ArrayList<Double>();
            for (int round = 1; round <= ROUNDS; round++) {
                int first = ROWS / (ROUNDS + 1) * round;
                s3.forgetRequests();
                long begun = System.nanoTime();
                scene.run(
                        "sql",
                        "live.t",
                        "--execute=UPDATE t SET v = v + 1 WHERE id BETWEEN %d AND %d"
                                .formatted(first, first + 99));
                seconds.add((System.nanoTime() - begun) / 1e9);
                assertFetchesWhatItNeeds(s3.requests());
            }
            assertThat(scene.server.query("SELECT SUM(v) FROM live.t"))
                    .isEqualTo("" + ROUNDS * 100);
            log.atInfo().addKeyValue("rows", ROWS).addKeyValue("seconds", seconds).log("100 rows");
            Collections.sort(seconds);
            assertThat(seconds.get(ROUNDS / 2)).as("median of %s", seconds).isLessThan(SECONDS_MAX);
        }
    }

    private static void makeTable(ServerScene scene) throws Exception {
        scene.server.query(
                """
                CREATE DATABASE live;
                CREATE TABLE live.t (id int primary key, k int, v int, pad varchar(500), key(k))
                  ENGINE=Aria TRANSACTIONAL=0
                """);
        for (int rows = 0; rows < ROWS; rows += ROWS_AT_ONCE) {
            scene.server.query(
                    """
                    INSERT INTO live.t SELECT seq, seq * 7919 %% 1000003, 0, REPEAT(MD5(seq), 12)
                      FROM live.seq_%d_to_%d
                    """
                            .formatted(rows + 1, rows + ROWS_AT_ONCE));
        }
        scene.server.query("ALTER TABLE live.t ENGINE=S3");
    }

    private static void assertFetchesWhatItNeeds(List<String> requests) {
        List<String> fetched =
                requests.stream().filter(r -> r.matches("GET live/t/(data|index)/.*")).toList();
        List<String> written =
                requests.stream().filter(r -> r.matches("PUT live/t/(data|index)/.*")).toList();
        assertThat(fetched).as("requests: %s", requests).doesNotHaveDuplicates();
        assertThat(fetched.size()).as("requests: %s", requests).isBetween(1, BLOCKS_MAX);
        assertThat(written.size()).as("requests: %s", requests).isBetween(1, fetched.size());
        assertThat(besides(requests)).as("requests: %s", requests).isEqualTo(BESIDES_BLOCKS);
        List<String> read = blocksOf("GET", requests);
        List<String> changed = blocksOf("PUT", requests);
        assertThat(changed).isSubsetOf(read);
        var looked = new ArrayList<String>(changed); // at commit
        looked.addAll(changed); // for If-Match
        for (String first : List.of("index/000001", "data/000001")) {
            String file = first.substring(0, first.indexOf('/'));
            boolean touched = changed.stream().anyMatch(block -> block.startsWith(file));
            if (touched && !read.contains(first)) {
                looked.add(first);
            }
        }
        assertThat(blocksOf("HEAD", requests))
                .as("requests: %s", requests)
                .containsExactlyInAnyOrderElementsOf(looked);
    }

    private static List<String> blocksOf(String verb, List<String> requests) {
        String prefix = verb + " live/t/";
        return requests.stream()
                .filter(request -> request.matches(prefix + "(data|index)/.*"))
                .map(request -> request.substring(prefix.length()))
                .toList();
    }

    /** How often each request that is not about a block; but signs of life, which the clock makes. */
    private static Map<String, Integer> besides(List<String> requests) {
        Map<String, Integer> counted = new TreeMap<>();
        for (String request : requests) {
            if (!request.matches("[A-Z]+ live/t/(data|index)/.*")) {
                counted.merge(
                        request.replaceFirst("_aria_s3_batch/fence/[^/]+/", "copy of ")
                                .replaceFirst("_aria_s3_batch/locks/", "lock of "),
                        1,
                        Integer::sum);
            }
        }
        counted.computeIfPresent("PUT lock of live/t", (lock, times) -> Math.min(times, 2));
        counted.computeIfPresent("HEAD lock of live/t", (lock, times) -> Math.min(times, 2));
        return counted;
    }
}
