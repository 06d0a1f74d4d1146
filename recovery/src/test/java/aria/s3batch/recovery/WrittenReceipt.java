package aria.s3batch.recovery;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.diskcache.Disk;
import aria.s3batch.diskcache.DiskFile;
import aria.s3batch.format.BatchId;
import aria.s3batch.format.TableName;
import aria.s3batch.s3block.ObjectStore;
import aria.s3batch.s3block.ObjectVersion;
import aria.s3batch.s3block.StoredObject;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/** A receipt as it is on a disk, held against the bucket. */
@SuppressWarnings("ArrayRecordComponent") // compared by its bytes alone
record WrittenReceipt(byte[] bytes, JsonNode json) {
    private static final ObjectMapper MAPPER = new ObjectMapper();

    static Optional<WrittenReceipt> find(Disk disk, BatchId batch) throws IOException {
        Path path = Receipts.file(BatchWorld.RECEIPTS, batch);
        if (!disk.exists(path)) {
            return Optional.empty();
        }
        ByteBuffer bytes = ByteBuffer.allocate((int) disk.size(path));
        try (DiskFile file = disk.open(path)) {
            file.read(bytes, 0);
        }
        return Optional.of(new WrittenReceipt(bytes.array(), MAPPER.readTree(bytes.array())));
    }

    static WrittenReceipt of(Disk disk) throws IOException {
        return find(disk, BatchWorld.BATCH).orElseThrow();
    }

    String text(String field) {
        return json.path(field).asText();
    }

    JsonNode object(String name) {
        for (JsonNode object : json.path("objects")) {
            if (object.path("object").asText().equals(name)) {
                return object;
            }
        }
        throw new AssertionError("no object " + name + " in " + json);
    }

    /**
     * It lists every object that is not what it was, as it was and as it is.
     *
     * @param before the bucket before the batch
     */
    void assertTells(Map<String, byte[]> before, ObjectStore store, String what)
            throws IOException {
        assertThat(text("state")).as(what).isEqualTo("APPLIED");
        Set<String> listed = new HashSet<>();
        for (JsonNode object : json.path("objects")) {
            var table = TableName.parse(object.path("table").asText());
            String key = table.path() + "/" + object.path("object").asText();
            String each = what + ", " + key;
            assertThat(listed.add(key)).as(each).isTrue();
            byte[] old = before.get(key);
            String crcBefore = object.path("crc32cBefore").asText(null);
            assertThat(object.path("etagBefore").isNull()).as(each).isEqualTo(old == null);
            if (crcBefore != null) {
                assertThat(old).as(each).isNotNull();
                assertThat(crcBefore).as(each).isEqualTo(crc(old == null ? new byte[0] : old));
            }
            Optional<StoredObject> now = store.get(key);
            String action = now.isEmpty() ? "deleted" : old == null ? "created" : "written";
            assertThat(object.path("action").asText()).as(each).isEqualTo(action);
            assertThat(object.path("etagAfter").asText(null))
                    .as(each)
                    .isEqualTo(
                            now.map(StoredObject::version).map(ObjectVersion::etag).orElse(null));
            assertThat(object.path("crc32cAfter").asText(null))
                    .as(each)
                    .isEqualTo(now.map(found -> crc(found.body())).orElse(null));
        }
        Map<String, byte[]> after = BatchWorld.objects(store, "");
        Set<String> keys = new TreeSet<>(before.keySet());
        after.keySet().stream().filter(key -> !key.startsWith("_")).forEach(keys::add);
        for (String key : keys) {
            if (!Arrays.equals(before.get(key), after.get(key))) {
                assertThat(listed).as(what).contains(key);
            }
        }
    }

    private static String crc(byte[] body) {
        return HexFormat.of().toHexDigits(Crc32c.of(body));
    }
}
