package aria.s3batch.recovery;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.diskcache.FaultyDisk;
import aria.s3batch.diskcache.MemoryDisk;
import aria.s3batch.recovery.Recovery.Resolution;
import aria.s3batch.s3block.MemoryObjectStore;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** What a start makes of the two witnesses of a commit, the journal's record and the folder's mark. */
final class RecoveryTest {
    private final BatchCase batchCase = BatchCase.ofEveryKind(false);
    private final MemoryObjectStore store = new MemoryObjectStore();
    private final MemoryDisk disk = new MemoryDisk();
    private final MemoryJournal journal = new MemoryJournal();

    @BeforeEach
    void load() throws IOException {
        disk.createDirectories(BatchWorld.CACHE_DIR.root());
        disk.syncDirectory(Path.of("/"));
        BatchWorld.load(store, batchCase.before());
    }

    private void commit() throws IOException {
        var world = new BatchWorld(store, disk, journal);
        List<OpenTable> tables = world.begin(batchCase.tables());
        batchCase.staging().stage(tables);
        world.commit(tables);
    }

    /** The mark is there for a journal that loses the batch, so it must not need the journal to survive. */
    @Test
    void answeredCommitIsFoundByItsMarkAfterPowerLossWithAJournalThatLostIt() throws Exception {
        commit();
        disk.crash();
        Recovery.Found found = new BatchWorld(store, disk, new MemoryJournal()).recovery.run();
        assertThat(found.orphans()).extracting(Recovery.Orphan::batch).contains(BatchWorld.BATCH);
        assertThat(found.discarded()).isZero();
    }

    @Test
    void batchThatLostItsMarkBetweenJournalAndAnswerIsMarkedAtTheNextStart() throws Exception {
        commit();
        var world = new BatchWorld(store, disk, journal);
        disk.delete(world.folder().path().resolve("committed"));
        disk.syncDirectory(world.folder().path());
        assertThat(world.folder().isMarked()).isFalse();
        assertThat(world.recovery.run().committed()).hasSize(1);
        disk.crash();
        assertThat(world.folder().isMarked()).isTrue();
    }

    @Test
    void batchThatNeitherKnowsIsDiscardedWithItsPages() throws Exception {
        var world = new BatchWorld(store, disk, journal);
        List<OpenTable> tables = world.begin(batchCase.tables());
        batchCase.staging().stage(tables);
        assertThat(disk.exists(world.folder().pageFile(0))).isTrue();

        Recovery.Found found = new BatchWorld(store, disk, journal).recovery.run();
        assertThat(found.discarded()).isOne();
        assertThat(disk.list(BatchWorld.CACHE_DIR.batches())).isEmpty();
    }

    /** A4: what the journal still calls committed has its pages. */
    @Test
    void pagesAreDeletedOnlyWhenTheJournalSaysThatTheBatchEnded() throws Exception {
        boolean sawDeleted = false;
        boolean applied = false;
        for (int n = 1; !applied; n++) {
            var scene = new RecoveryTest();
            scene.load();
            scene.commit();
            BatchRecord batch = scene.journal.batches().getFirst();
            var faulty = new FaultyDisk(scene.disk);
            var world = new BatchWorld(scene.store, faulty, scene.journal);
            faulty.failOnce(n, IOException::new);
            try {
                applied = world.apply(batch) instanceof ApplyOutcome.Applied;
            } catch (IOException e) {
                if (!scene.disk.exists(world.folder().pageFile(0))) {
                    sawDeleted = true;
                    assertThat(scene.journal.batches())
                            .as("disk call %d failed", n)
                            .extracting(BatchRecord::state)
                            .containsExactly(BatchRecord.State.ENDED);
                }
            }
        }
        assertThat(sawDeleted).isTrue();
    }

    @Test
    void orphanIsDiscardedWithItsMarkFirstSoThatNoneIsLeftWithoutPages() throws Exception {
        boolean discarded = false;
        for (int n = 1; !discarded; n++) {
            commit();
            journal.forget(BatchWorld.BATCH);
            var faulty = new FaultyDisk(disk);
            var world = new BatchWorld(store, faulty, journal);
            Recovery.Orphan orphan = world.recovery.run().orphans().getFirst();
            faulty.failOnce(n, IOException::new);
            try {
                world.recovery.discard(orphan);
                discarded = true;
            } catch (IOException e) {
                assertThat(e).hasMessageContaining("injected");
            }
            boolean pagesAreThere = disk.exists(world.folder().pageFile(0));
            var next = new BatchWorld(store, disk, journal).recovery;
            for (Recovery.Orphan left : next.run().orphans()) {
                assertThat(pagesAreThere).as("disk call %d failed", n).isTrue();
                next.discard(left);
            }
            assertThat(disk.list(BatchWorld.CACHE_DIR.batches())).isEmpty();
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = Resolution.class,
            names = {"RETRY", "FORCE"})
    void whatAnOperatorDecidedIsStillDecidedAfterAKill(Resolution resolution) throws Exception {
        commit();
        BatchRecord batch = journal.batches().getFirst();
        journal.update(batch.with(BatchRecord.State.QUARANTINED, "because", false));
        Recovery recovery = new BatchWorld(store, disk, journal).recovery;
        recovery.resolve(recovery.run().quarantined().getFirst(), resolution);

        Recovery.Found found = new BatchWorld(store, disk, journal).recovery.run();
        assertThat(found.quarantined()).isEmpty();
        assertThat(found.committed())
                .extracting(BatchRecord::force)
                .containsExactly(resolution == Resolution.FORCE);
    }
}
