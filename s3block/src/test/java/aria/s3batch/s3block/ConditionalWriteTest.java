package aria.s3batch.s3block;

import static aria.s3batch.s3block.FaultyObjectStore.any;
import static aria.s3batch.s3block.FaultyObjectStore.on;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import aria.s3batch.format.BatchId;
import aria.s3batch.s3block.FaultyObjectStore.Failure;
import aria.s3batch.s3block.FaultyObjectStore.Fault;
import aria.s3batch.s3block.FaultyObjectStore.Operation;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Optional;

final class ConditionalWriteTest {
    private static final String KEY = "db/t/data/000001";
    private static final BatchId BATCH = new BatchId(1, 2);
    private static final byte[] OURS = "ours".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] FOREIGN = "them".getBytes(StandardCharsets.US_ASCII);

    private final MemoryObjectStore bucket = new MemoryObjectStore();
    private final FaultyObjectStore store = new FaultyObjectStore(bucket);
    private final ConditionalWrite writer = new ConditionalWrite(store);

    private String base(String body) {
        PutAnswer answer =
                bucket.put(
                        KEY,
                        body.getBytes(StandardCharsets.US_ASCII),
                        Condition.always(),
                        Map.of());
        return ((PutAnswer.Stored) answer).etag();
    }

    private String etagNow() {
        return bucket.head(KEY).orElseThrow().etag();
    }

    private byte[] bodyNow() throws IOException {
        return bucket.get(KEY).orElseThrow().body();
    }

    @Test
    void plainWriteLandsWithOneRequest() throws IOException {
        String base = base("base");
        PutOutcome outcome = writer.write(KEY, OURS, Condition.ifMatch(base), BATCH);
        assertThat(outcome).isEqualTo(new PutOutcome.Landed(etagNow()));
        assertThat(bodyNow()).isEqualTo(OURS);
        assertThat(store.requests()).hasSize(1);
    }

    @Test
    void storeThatIsAskedTooOftenIsNotAskedMore() throws IOException {
        String base = base("base");
        store.fail(Fault.once(any(Operation.PUT), Failure.SLOW_DOWN_503));
        store.fail(Fault.once(any(Operation.DELETE), Failure.SLOW_DOWN_503));
        PutOutcome put = writer.write(KEY, OURS, Condition.ifMatch(base), BATCH);
        DeleteOutcome delete = writer.delete(KEY, base);
        assertThat(put).isInstanceOf(PutOutcome.Unknown.class);
        assertThat(((PutOutcome.Unknown) put).cause()).isInstanceOf(StoreBusyException.class);
        assertThat(delete).isInstanceOf(DeleteOutcome.Unknown.class);
        assertThat(store.requests()).hasSize(2);

        put = writer.write(KEY, OURS, Condition.ifMatch(base), BATCH);
        assertThat(put).isEqualTo(new PutOutcome.Landed(etagNow()));
    }

    @ParameterizedTest
    @EnumSource(
            value = Failure.class,
            names = {"ANSWER_LOST", "DONE_BUT_412"})
    void writeWithLostAnswerIsFoundToHaveLanded(Failure failure) throws IOException {
        String base = base("base");
        store.fail(Fault.once(any(Operation.PUT), failure));
        PutOutcome outcome = writer.write(KEY, OURS, Condition.ifMatch(base), BATCH);
        assertThat(outcome).isEqualTo(new PutOutcome.Landed(etagNow()));
        assertThat(store.requests()).hasSize(2); // PUT, HEAD
    }

    @ParameterizedTest
    @EnumSource(
            value = Failure.class,
            names = {"ANSWER_LOST", "DONE_BUT_412"})
    void newBlockWithLostAnswerIsFoundToHaveLanded(Failure failure) throws IOException {
        store.fail(Fault.once(any(Operation.PUT), failure));
        assertThat(writer.write(KEY, OURS, Condition.ifAbsent(), BATCH))
                .isEqualTo(new PutOutcome.Landed(etagNow()));
    }

    @ParameterizedTest
    @EnumSource(
            value = Failure.class,
            names = {"UNREACHABLE_BEFORE", "SERVER_ERROR", "CONFLICT_409", "CONDITION_FAILED_412"})
    void writeThatDidNotHappenIsUnknownAndLandsWhenRepeated(Failure failure) throws IOException {
        String base = base("base");
        store.fail(Fault.once(any(Operation.PUT), failure));
        assertThat(writer.write(KEY, OURS, Condition.ifMatch(base), BATCH))
                .isInstanceOf(PutOutcome.Unknown.class);
        assertThat(bodyNow()).asString().isEqualTo("base");
        assertThat(writer.write(KEY, OURS, Condition.ifMatch(base), BATCH))
                .isEqualTo(new PutOutcome.Landed(etagNow()));
    }

    @Test
    void newBlockThatDidNotHappenIsUnknown() throws IOException {
        store.fail(Fault.once(any(Operation.PUT), Failure.UNREACHABLE_BEFORE));
        assertThat(writer.write(KEY, OURS, Condition.ifAbsent(), BATCH))
                .isInstanceOf(PutOutcome.Unknown.class);
        assertThat(bucket.head(KEY)).isEmpty();
    }

    @Test
    void storeThatStaysSilentWhileReadingBackIsUnknown() throws IOException {
        String base = base("base");
        store.fail(Fault.once(any(Operation.PUT), Failure.ANSWER_LOST));
        store.fail(Fault.once(any(Operation.HEAD), Failure.UNREACHABLE_BEFORE).forEver());
        assertThat(writer.write(KEY, OURS, Condition.ifMatch(base), BATCH))
                .isInstanceOf(PutOutcome.Unknown.class);
        store.heal();
        assertThat(writer.write(KEY, OURS, Condition.ifMatch(base), BATCH))
                .isEqualTo(new PutOutcome.Landed(etagNow()));
    }

    @Test
    void foreignWriteIsNamedAndNotOverwritten() throws IOException {
        String base = base("base");
        String foreign = base("them");
        assertThat(writer.write(KEY, OURS, Condition.ifMatch(base), BATCH))
                .isEqualTo(new PutOutcome.ForeignWrite(foreign));
        assertThat(writer.write(KEY, OURS, Condition.ifAbsent(), BATCH))
                .isEqualTo(new PutOutcome.ForeignWrite(foreign));
        assertThat(bodyNow()).isEqualTo(FOREIGN);
    }

    /** Asked again and again, it would stay that: the batch would wait for ever, and nobody be told why. */
    @Test
    void objectThatIsTooLargeToBeReadIsAForeignWrite() throws IOException {
        String base = base("base");
        String foreign = base("them");
        var oversized = new ConditionalWrite(new OversizedObject(bucket, KEY));
        assertThat(oversized.write(KEY, OURS, Condition.ifMatch(base), BATCH))
                .isEqualTo(new PutOutcome.ForeignWrite(foreign));
        assertThat(oversized.write(KEY, OURS, Condition.ifAbsent(), BATCH))
                .isEqualTo(new PutOutcome.ForeignWrite(foreign));
    }

    @Test
    void foreignWriteWhileOursIsUnderWayIsSeen() throws IOException {
        String base = base("base");
        store.before(1, any(Operation.PUT), () -> base("them"));
        assertThat(writer.write(KEY, OURS, Condition.ifMatch(base), BATCH))
                .isEqualTo(new PutOutcome.ForeignWrite(etagNow()));
        assertThat(bodyNow()).isEqualTo(FOREIGN);
    }

    @Test
    void foreignDeleteIsAForeignWriteWithoutEtag() throws IOException {
        String base = base("base");
        bucket.delete(KEY, Condition.always());
        assertThat(writer.write(KEY, OURS, Condition.ifMatch(base), BATCH))
                .isEqualTo(new PutOutcome.ForeignWrite(null));
    }

    @Test
    void writeOfAnotherBatchWithTheSameBytesIsForeign() throws IOException {
        String base = base("base");
        assertThat(writer.write(KEY, OURS, Condition.ifMatch(base), new BatchId(1, 3)))
                .isInstanceOf(PutOutcome.Landed.class);
        assertThat(writer.write(KEY, OURS, Condition.ifMatch(base), BATCH))
                .isEqualTo(new PutOutcome.ForeignWrite(etagNow()));
    }

    @Test
    void earlierWriteOfThisBatchWithOtherBytesIsNotTakenForThisOne() throws IOException {
        String base = base("base");
        assertThat(writer.write(KEY, FOREIGN, Condition.ifMatch(base), BATCH))
                .isInstanceOf(PutOutcome.Landed.class);
        assertThat(writer.write(KEY, OURS, Condition.ifMatch(base), BATCH))
                .isEqualTo(new PutOutcome.ForeignWrite(etagNow()));
    }

    @Test
    void refusalIsThrownAndNotReadBack() {
        base("base");
        store.fail(Fault.once(any(Operation.PUT), Failure.REFUSED));
        assertThatThrownBy(() -> writer.write(KEY, OURS, Condition.always(), BATCH))
                .isInstanceOf(StoreRefusedException.class);
        assertThat(store.requests()).hasSize(1);
    }

    /** The connection ended in mid-head, after the ETag: no metadata, and half of the length. */
    @Test
    void headOfWhichTheMarkWasLostDoesNotMakeOurWriteForeign() throws IOException {
        String base = base("base");
        var cutting = new FaultyObjectStore(new CutHeads(bucket));
        var careful = new ConditionalWrite(cutting);
        cutting.fail(Fault.once(any(Operation.PUT), Failure.ANSWER_LOST));
        assertThat(careful.write(KEY, OURS, Condition.ifMatch(base), BATCH))
                .isEqualTo(new PutOutcome.Landed(etagNow()));
        assertThat(careful.landedEarlier(KEY, BATCH)).map(ObjectVersion::etag).contains(etagNow());
    }

    @Test
    void withoutMetadataTheBodiesAreCompared() throws IOException {
        String base = base("base");
        var forgetful = new FaultyObjectStore(new WithoutMetadata(bucket));
        var unmarked = new ConditionalWrite(forgetful);
        forgetful.fail(Fault.once(any(Operation.PUT), Failure.ANSWER_LOST));
        assertThat(unmarked.write(KEY, OURS, Condition.ifMatch(base), BATCH))
                .isEqualTo(new PutOutcome.Landed(etagNow()));
        assertThat(unmarked.landedEarlier(KEY, BATCH)).isEmpty();
        String foreign = base("them");
        assertThat(unmarked.write(KEY, OURS, Condition.ifMatch(base), BATCH))
                .isEqualTo(new PutOutcome.ForeignWrite(foreign));
    }

    @Test
    void landedEarlierKnowsOnlyThisBatchsIntactWrites() throws IOException {
        assertThat(writer.landedEarlier(KEY, BATCH)).isEmpty();
        String base = base("base");
        assertThat(writer.landedEarlier(KEY, BATCH)).isEmpty();
        assertThat(writer.write(KEY, OURS, Condition.ifMatch(base), BATCH))
                .isInstanceOf(PutOutcome.Landed.class);
        assertThat(writer.landedEarlier(KEY, BATCH)).map(ObjectVersion::etag).contains(etagNow());
        assertThat(writer.landedEarlier(KEY, new BatchId(9, 9))).isEmpty();

        Map<String, String> mark = bucket.head(KEY).orElseThrow().metadata();
        bucket.put(KEY, FOREIGN, Condition.always(), mark); // our mark on bytes that are not ours
        assertThat(writer.landedEarlier(KEY, BATCH)).isEmpty();
    }

    @Test
    void deleteLandsAlsoWhenNothingIsThere() throws IOException {
        String base = base("base");
        assertThat(writer.delete(KEY, base)).isEqualTo(new DeleteOutcome.Gone());
        assertThat(writer.delete(KEY, base)).isEqualTo(new DeleteOutcome.Gone());
        assertThat(writer.delete(KEY, null)).isEqualTo(new DeleteOutcome.Gone());
    }

    @Test
    void deleteWithLostAnswerIsFoundToHaveLanded() throws IOException {
        String base = base("base");
        store.fail(Fault.once(on(Operation.DELETE, KEY), Failure.ANSWER_LOST));
        assertThat(writer.delete(KEY, base)).isEqualTo(new DeleteOutcome.Gone());
    }

    @Test
    void deleteThatDidNotHappenIsUnknown() throws IOException {
        String base = base("base");
        store.fail(Fault.once(any(Operation.DELETE), Failure.SERVER_ERROR));
        assertThat(writer.delete(KEY, base)).isInstanceOf(DeleteOutcome.Unknown.class);
        assertThat(etagNow()).isEqualTo(base);
    }

    @Test
    void deleteLeavesAForeignWriteAlone() throws IOException {
        String base = base("base");
        String foreign = base("them");
        assertThat(writer.delete(KEY, base)).isEqualTo(new DeleteOutcome.ForeignWrite(foreign));
        assertThat(bodyNow()).isEqualTo(FOREIGN);
    }

    /** An endpoint whose answers to HEAD are cut. */
    private static final class CutHeads extends ForwardingObjectStore {
        CutHeads(ObjectStore store) {
            super(store);
        }

        @Override
        public Optional<ObjectVersion> head(String key) throws IOException {
            return store.head(key)
                    .map(
                            whole ->
                                    new ObjectVersion(
                                            whole.etag(),
                                            whole.lengthBytes() / 2,
                                            whole.lastModified(),
                                            Map.of()));
        }
    }

    /** An endpoint that drops user metadata. */
    private static final class WithoutMetadata extends ForwardingObjectStore {
        WithoutMetadata(ObjectStore store) {
            super(store);
        }

        @Override
        public PutAnswer put(
                String key, byte[] body, Condition condition, Map<String, String> metadata)
                throws IOException {
            return store.put(key, body, condition, Map.of());
        }
    }
}
