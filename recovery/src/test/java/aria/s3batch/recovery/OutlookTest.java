package aria.s3batch.recovery;

import static aria.s3batch.recovery.BatchCase.key;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.diskcache.MemoryDisk;
import aria.s3batch.format.ObjectNames;
import aria.s3batch.s3block.Condition;
import aria.s3batch.s3block.FaultyObjectStore;
import aria.s3batch.s3block.MemoryObjectStore;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.util.List;
import java.util.Map;

/** What an operator is told before he decides; on a batch with an object of each kind. */
final class OutlookTest {
    private static final byte[] FOREIGN = {1, 2, 3};

    private final BatchCase batchCase = BatchCase.ofEveryKind(false);
    private final MemoryObjectStore bucket = new MemoryObjectStore();
    private final FaultyObjectStore store = new FaultyObjectStore(bucket);
    private final MemoryJournal journal = new MemoryJournal();
    private BatchWorld world;
    private BatchRecord committed;

    @BeforeEach
    void commit() throws IOException {
        BatchWorld.load(bucket, batchCase.before());
        world = new BatchWorld(store, new MemoryDisk(), journal);
        world.readers = Readers.FENCE;
        List<OpenTable> tables = world.begin(batchCase.tables());
        batchCase.staging().stage(tables);
        committed = world.commit(tables);
    }

    private Outlook outlook() throws IOException {
        return world.applier.outlook(committed);
    }

    private void foreignWrite(String object) {
        bucket.put(key(object), FOREIGN, Condition.always(), Map.of());
    }

    private void foreignDelete(String object) {
        bucket.delete(key(object), Condition.always());
    }

    @Test
    void nothingForeignIsNothingToFear() throws IOException {
        Outlook outlook = outlook();
        assertThat(outlook.objects()).isGreaterThanOrEqualTo(8);
        assertThat(outlook.written()).isZero();
        assertThat(outlook.changed()).isEmpty();
        assertThat(outlook.deleted()).isEmpty();
        assertThat(outlook.fence()).isEqualTo(Fence.DOWN);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"data/000001", "data/000002", "data/000004", "index/000002", "index/000003"})
    void changedBlockIsNamedAlone(String object) throws IOException {
        foreignWrite(object);
        assertThat(outlook().changed()).containsExactly(key(object));
        assertThat(outlook().deleted()).isEmpty();
        assertThat(outlook().isReplaced()).isFalse();
    }

    @ParameterizedTest
    @ValueSource(strings = {"aria", "frm"})
    void changedHeaderOrDefinitionIsAReplacedTable(String object) throws IOException {
        foreignWrite(object);
        assertThat(outlook().changed()).containsExactly(key(object));
        assertThat(outlook().isReplaced()).isTrue();
    }

    @Test
    void blockThatIsNotInTheBatchIsNobodysBusiness() throws IOException {
        foreignWrite("data/000077");
        assertThat(outlook().changed()).isEmpty();
    }

    @Test
    void deletedObjectsAreNamedAndThoseThatAreNeededAreHopeless() throws IOException {
        foreignDelete("data/000001"); // staged whole
        foreignDelete("data/000002");
        foreignDelete("data/000004"); // as the batch wants it
        foreignDelete(ObjectNames.HEADER);
        Outlook outlook = outlook();
        assertThat(outlook.deleted())
                .containsExactly(key(ObjectNames.HEADER), key("data/000001"), key("data/000002"));
        assertThat(outlook.hopeless()).containsExactly(key(ObjectNames.HEADER), key("data/000002"));
        assertThat(outlook.written()).isEqualTo(1);
    }

    @Test
    void whatTheFenceTookAwayIsNotDeletedByOthersAndWhatIsWrittenIsCounted() throws IOException {
        int all = outlook().objects();
        foreignWrite("index/000003");
        assertThat(world.apply(committed)).isInstanceOf(ApplyOutcome.Quarantined.class);
        Outlook outlook = outlook();
        assertThat(bucket.get(key(ObjectNames.HEADER))).isEmpty();
        assertThat(outlook.fence()).isEqualTo(Fence.UP);
        assertThat(outlook.deleted()).isEmpty();
        assertThat(outlook.changed()).containsExactly(key("index/000003"));
        assertThat(outlook.objects()).isEqualTo(all);
        assertThat(outlook.written()).isBetween(1, all - 3);
    }
}
