package aria.s3batch.s3block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** What every {@link ObjectStore} promises. */
abstract class ObjectStoreContract {
    /** A store on an empty bucket. */
    abstract ObjectStore store() throws IOException;

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private String putAlways(String key, String body) throws IOException {
        return stored(store().put(key, bytes(body), Condition.always(), Map.of()));
    }

    private static String stored(PutAnswer answer) {
        assertThat(answer).isInstanceOf(PutAnswer.Stored.class);
        return ((PutAnswer.Stored) answer).etag();
    }

    private String bodyOf(String key) throws IOException {
        return new String(store().get(key).orElseThrow().body(), StandardCharsets.UTF_8);
    }

    @Test
    void whatWasPutIsRead() throws IOException {
        byte[] block = new byte[4 << 20];
        new Random(1).nextBytes(block);
        String etag = stored(store().put("db/t/data/000001", block, Condition.always(), Map.of()));
        StoredObject read = store().get("db/t/data/000001").orElseThrow();
        assertThat(read.body()).isEqualTo(block);
        assertThat(read.version().etag()).isEqualTo(etag).doesNotContain("\"");
        assertThat(read.version().lengthBytes()).isEqualTo(block.length);
        ObjectVersion head = store().head("db/t/data/000001").orElseThrow();
        assertThat(head.etag()).isEqualTo(etag);
        assertThat(head.lengthBytes()).isEqualTo(block.length);
        assertThat(head.lastModified()).isEqualTo(read.version().lastModified());
    }

    @Test
    void emptyObjectIsKept() throws IOException {
        putAlways("db/t/empty", "");
        assertThat(store().get("db/t/empty").orElseThrow().body()).isEmpty();
    }

    @Test
    void absentObjectIsEmptyNotAnError() throws IOException {
        assertThat(store().get("db/t/none")).isEmpty();
        assertThat(store().head("db/t/none")).isEmpty();
    }

    @Test
    void encodedAndPartitionNamesAreKeptLiterally() throws IOException {
        for (String key :
                List.of("db/t#P#p0/aria", "db/sp@002d@0k@0020x/frm", "_aria_s3_batch/locks/a#b")) {
            putAlways(key, key);
            assertThat(bodyOf(key)).isEqualTo(key);
            List<String> listed = new ArrayList<>();
            store().list(key, object -> listed.add(object.key()));
            assertThat(listed).containsExactly(key);
        }
    }

    @Test
    void metadataComesBack() throws IOException {
        Map<String, String> metadata =
                Map.of("aria-s3-batch", "01J0000000000000000000000A", "aria-s3-crc32c", "00ff00ff");
        stored(store().put("db/t/aria", bytes("x"), Condition.always(), metadata));
        assertThat(store().head("db/t/aria").orElseThrow().metadata()).isEqualTo(metadata);
        assertThat(store().get("db/t/aria").orElseThrow().version().metadata()).isEqualTo(metadata);
    }

    @Test
    void copyIsTheObjectAsItWasAndReplacesWhatLiesThere() throws IOException {
        Map<String, String> metadata = Map.of("aria-s3-crc32c", "00ff00ff");
        String key = "db/t#P#p0/data/000001";
        String copy = "_aria_s3_batch/undo/x/" + key;
        String etag = stored(store().put(key, bytes("first"), Condition.always(), metadata));
        putAlways(copy, "of an earlier try");
        String copied = stored(store().copy(key, etag, copy));
        assertThat(bodyOf(copy)).isEqualTo("first");
        assertThat(store().head(copy).orElseThrow().etag()).isEqualTo(copied);
        assertThat(store().head(copy).orElseThrow().metadata()).isEqualTo(metadata);
        assertThat(store().head(key).orElseThrow().etag()).isEqualTo(etag);
    }

    @Test
    void copyOfAnObjectThatIsAnotherByNowIsRefused() throws IOException {
        String first = putAlways("db/t/data/000001", "first");
        putAlways("db/t/data/000001", "second");
        assertThat(store().copy("db/t/data/000001", first, "copy"))
                .isEqualTo(new PutAnswer.ConditionFailed());
        assertThat(store().copy("db/t/data/000002", first, "copy"))
                .isEqualTo(new PutAnswer.ConditionFailed());
    }

    @Test
    void putIfAbsentWritesOnceOnly() throws IOException {
        stored(store().put("lock", bytes("first"), Condition.ifAbsent(), Map.of()));
        assertThat(store().put("lock", bytes("second"), Condition.ifAbsent(), Map.of()))
                .isEqualTo(new PutAnswer.ConditionFailed());
        assertThat(bodyOf("lock")).isEqualTo("first");
    }

    @Test
    void putIfMatchOverwritesThatVersionOnly() throws IOException {
        String first = putAlways("db/t/frm", "first");
        String second =
                stored(
                        store().put(
                                        "db/t/frm",
                                        bytes("second"),
                                        Condition.ifMatch(first),
                                        Map.of()));
        assertThat(second).isNotEqualTo(first);
        assertThat(store().put("db/t/frm", bytes("third"), Condition.ifMatch(first), Map.of()))
                .isEqualTo(new PutAnswer.ConditionFailed());
        assertThat(bodyOf("db/t/frm")).isEqualTo("second");
    }

    @Test
    void putIfMatchOnAbsentObjectFails() throws IOException {
        assertThat(
                        store().put(
                                        "db/t/none",
                                        bytes("x"),
                                        Condition.ifMatch("0123456789abcdef0123456789abcdef"),
                                        Map.of()))
                .isEqualTo(new PutAnswer.ConditionFailed());
        assertThat(store().head("db/t/none")).isEmpty();
    }

    @Test
    void deleteIfMatchRemovesThatVersionOnly() throws IOException {
        String first = putAlways("db/t/data/000002", "first");
        String second = putAlways("db/t/data/000002", "second");
        assertThat(store().delete("db/t/data/000002", Condition.ifMatch(first)))
                .isEqualTo(new DeleteAnswer.ConditionFailed());
        assertThat(bodyOf("db/t/data/000002")).isEqualTo("second");
        assertThat(store().delete("db/t/data/000002", Condition.ifMatch(second)))
                .isEqualTo(new DeleteAnswer.Gone());
        assertThat(store().head("db/t/data/000002")).isEmpty();
    }

    @Test
    void deletingWhatIsAbsentLeavesNothing() throws IOException {
        assertThat(store().delete("db/t/none", Condition.always()))
                .isEqualTo(new DeleteAnswer.Gone());
        assertThatThrownBy(() -> store().delete("db/t/none", Condition.ifAbsent()))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void listVisitsEveryObjectBelowThePrefixAndNoOther() throws IOException {
        List<String> expected = new ArrayList<>();
        for (int number = 1; number <= 1234; number++) {
            String key = "db/big/data/%06d".formatted(number);
            putAlways(key, "x");
            expected.add(key);
        }
        putAlways("db/bigger/data/000001", "other");
        List<String> listed = new ArrayList<>();
        store().list("db/big/", object -> listed.add(object.key()));
        assertThat(listed).containsExactlyInAnyOrderElementsOf(expected);
    }

    @Test
    void listedObjectsHaveLengthAndEtag() throws IOException {
        String etag = putAlways("db/t/aria", "12345");
        List<ListedObject> listed = new ArrayList<>();
        store().list("db/t/", listed::add);
        assertThat(listed).containsExactly(new ListedObject("db/t/aria", 5, etag));
    }

    @Test
    void foldersAreThoseDirectlyBelow() throws IOException {
        putAlways("db/t1/aria", "x");
        putAlways("db/t1/data/000001", "x");
        putAlways("db/t2#P#p0/aria", "x");
        putAlways("dbx/t3/aria", "x");
        assertThat(store().folders("db/")).containsExactlyInAnyOrder("db/t1/", "db/t2#P#p0/");
        assertThat(store().folders("db/t2#P#")).containsExactly("db/t2#P#p0/");
        assertThat(store().folders("none/")).isEmpty();
    }

    /** Whether {@code If-Match} is compared and the object written in one step. */
    boolean ifMatchIsAtomic() {
        return true;
    }

    @Test
    void ofManyWritersOfANewObjectOneWins() throws Exception {
        assertThat(winners("lock", Condition.ifAbsent())).isEqualTo(1);
    }

    @Test
    void ofManyWritersOverOneVersionOneWins() throws Exception {
        String base = putAlways("db/t/aria", "base");
        int winners = winners("db/t/aria", Condition.ifMatch(base));
        if (ifMatchIsAtomic()) {
            assertThat(winners).isEqualTo(1);
        } else {
            assertThat(winners).isPositive();
        }
        assertThat(bodyOf("db/t/aria")).startsWith("writer ");
    }

    /** The losers may be told so, or nothing clear: Ceph RGW 16 answers 500 to most of them. */
    private int winners(String key, Condition condition) throws Exception {
        int writers = 4;
        CountDownLatch start = new CountDownLatch(1);
        try (ExecutorService threads = Executors.newFixedThreadPool(writers)) {
            List<Future<PutAnswer>> answers = new ArrayList<>();
            for (int writer = 0; writer < writers; writer++) {
                byte[] body = bytes("writer " + writer);
                Callable<PutAnswer> write =
                        () -> {
                            start.await();
                            return store().put(key, body, condition, Map.of());
                        };
                answers.add(threads.submit(write));
            }
            start.countDown();
            int won = 0;
            for (Future<PutAnswer> answer : answers) {
                try {
                    won += answer.get() instanceof PutAnswer.Stored ? 1 : 0;
                } catch (ExecutionException e) {
                    assertThat(e).hasCauseInstanceOf(StoreUnreachableException.class);
                }
            }
            return won;
        }
    }
}
