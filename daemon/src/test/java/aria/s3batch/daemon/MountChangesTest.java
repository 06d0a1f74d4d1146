package aria.s3batch.daemon;

import static aria.s3batch.daemon.ConductorWorld.ORDERS;
import static aria.s3batch.daemon.ConductorWorld.PAGE;
import static aria.s3batch.daemon.ConductorWorld.answered;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import aria.s3batch.daemon.api.BatchDocument;
import aria.s3batch.daemon.api.Problem;
import aria.s3batch.daemon.api.Problems;
import aria.s3batch.format.BatchId;
import aria.s3batch.format.SyntheticTable;
import aria.s3batch.format.TableFile;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** Mounts of batches, and clients that end, as the conductor sees them: step by step in one thread. */
class MountChangesTest {
    @TempDir Path journalDir;
    private ConductorWorld world;
    private BatchId batch;
    private final FakeMount mount = new FakeMount();

    /** Remembers what was asked of it, and can be told what to answer. */
    private static final class FakeMount implements Mounted {
        final List<String> asked = new ArrayList<>();
        boolean filesOpen;
        @Nullable String lost;
        Runnable onSync = () -> {};

        @Override
        public Path directory() {
            return Path.of("/data/work");
        }

        @Override
        public void sync() throws IOException {
            asked.add("sync");
            onSync.run();
            if (lost != null) {
                throw new IOException("Input/output error");
            }
        }

        @Override
        public @Nullable String lost() {
            return lost;
        }

        @Override
        public void unmount() throws IOException {
            asked.add("unmount");
            if (filesOpen) {
                throw new BatchException(Problem.Kind.REFUSED, "files are open");
            }
        }

        @Override
        public void detach() {
            asked.add("detach");
            lost = filesOpen ? "it was unmounted while files were open" : lost;
        }
    }

    @BeforeEach
    void start() throws Exception {
        world = ConductorWorld.withTables(journalDir);
        batch = world.begin(ORDERS);
    }

    @AfterEach
    void stop() {
        world.close();
    }

    private BatchConductor conductor() {
        return world.conductor();
    }

    private void mount() throws Exception {
        BatchDocument mounted = world.get(conductor().mount(batch, tables -> mount));
        assertThat(mounted.mount()).isEqualTo("/data/work");
    }

    private CompletableFuture<Void> writeThroughMount(long page) {
        byte[] image = SyntheticTable.page(TableFile.DATA, page, 7);
        return conductor()
                .stagerOfMount(batch)
                .stagePages(ORDERS, TableFile.DATA, page, ByteBuffer.wrap(image));
    }

    private void assertRefused(CompletableFuture<?> answer, String... words) {
        assertThatThrownBy(() -> world.get(answer))
                .satisfies(
                        e ->
                                assertThat(Problems.of(e).kind())
                                        .isEqualTo(Problem.Kind.REFUSED.key()))
                .satisfies(e -> assertThat(e.getMessage()).contains(words));
    }

    @Test
    void mountedBatchSaysWhereAndTakesPagesThroughTheMountAlone() throws Exception {
        mount();

        assertThat(world.document(batch).mount()).isEqualTo("/data/work");
        assertRefused(
                conductor().stageBytes(batch, ORDERS, TableFile.DATA, 0, ByteBuffer.allocate(PAGE)),
                "mounted at /data/work");
        assertRefused(
                conductor().truncate(batch, ORDERS, TableFile.DATA, 0), "mounted at /data/work");
        world.get(writeThroughMount(2));
        assertThat(world.document(batch).pages()).isEqualTo(1);
    }

    @Test
    void batchIsMountedOnce() throws Exception {
        mount();

        assertRefused(conductor().mount(batch, tables -> new FakeMount()), "already", "/data/work");
    }

    @Test
    void mountThatFailsLeavesTheBatchAsItWas() throws Exception {
        CompletableFuture<BatchDocument> answer =
                conductor()
                        .mount(
                                batch,
                                tables -> {
                                    throw new IOException("no /dev/fuse");
                                });

        assertThatThrownBy(() -> world.get(answer)).hasMessage("no /dev/fuse");
        assertThat(world.document(batch).mount()).isNull();
        mount();
    }

    @Test
    void nothingEndsABatchWhileItsMountChanges() throws Exception {
        CompletableFuture<BatchDocument> mounting = conductor().mount(batch, tables -> mount);
        world.cycle();
        CompletableFuture<BatchDocument> abort = conductor().abort(batch);
        CompletableFuture<BatchDocument> commit = conductor().commit(batch);
        world.cycle();

        assertThatThrownBy(() -> answered(abort)).hasMessageContaining("try again");
        assertThatThrownBy(() -> answered(commit)).hasMessageContaining("try again");
        assertThat(world.get(mounting).mount()).isNotNull();
    }

    @Test
    void unmountedBatchStaysOpenWithWhatIsStaged() throws Exception {
        mount();
        world.get(writeThroughMount(2));

        BatchDocument left = world.get(conductor().unmount(batch, false));

        assertThat(left.mount()).isNull();
        assertThat(left.pages()).isEqualTo(1);
        assertThat(mount.asked).containsExactly("unmount");
        assertRefused(conductor().unmount(batch, false), "is not mounted");
        assertThat(world.get(conductor().commit(batch)).state()).isEqualTo("COMMITTED");
    }

    @Test
    void unmountIsRefusedWhileFilesAreOpen() throws Exception {
        mount();
        mount.filesOpen = true;

        assertRefused(conductor().unmount(batch, false), "files are open");
        assertThat(world.document(batch).mount()).isNotNull();
        world.get(writeThroughMount(2));
    }

    @Test
    void lazyUnmountWithoutOpenFilesLosesNothing() throws Exception {
        mount();
        world.get(writeThroughMount(2));

        world.get(conductor().unmount(batch, true));

        assertThat(mount.asked).containsExactly("unmount");
        assertThat(world.get(conductor().commit(batch)).state()).isEqualTo("COMMITTED");
    }

    @Test
    void batchUnmountedUnderOpenFilesCanOnlyBeAborted() throws Exception {
        mount();
        world.get(writeThroughMount(2));
        mount.filesOpen = true;

        world.get(conductor().unmount(batch, true));

        assertThat(mount.asked).containsExactly("unmount", "detach");
        assertRefused(conductor().commit(batch), "files were open", "Abort it");
        assertThat(world.state(batch)).isEqualTo("OPEN");
        assertThat(world.get(conductor().abort(batch)).state()).isEqualTo("ABORTED");
    }

    @Test
    void commitTakesWhatTheKernelStillHasThenDetaches() throws Exception {
        mount();
        CompletableFuture<?>[] late = new CompletableFuture<?>[1];
        mount.onSync =
                () -> {
                    late[0] = writeThroughMount(3);
                    world.cycle();
                };

        BatchDocument committed = world.get(conductor().commit(batch));

        assertThat(committed.state()).isEqualTo("COMMITTED");
        assertThat(committed.mount()).isNull();
        assertThat(committed.pages()).isEqualTo(1);
        answered(late[0]);
        assertThat(mount.asked).containsExactly("sync", "detach");
        world.settle();
        assertThat(world.inBucket(ORDERS, TableFile.DATA))
                .satisfies(
                        data ->
                                assertThat(ByteBuffer.wrap(data, 3 * PAGE, PAGE))
                                        .isEqualTo(
                                                ByteBuffer.wrap(
                                                        SyntheticTable.page(
                                                                TableFile.DATA, 3, 7))));
    }

    @Test
    void whatWasLostStopsTheCommitAndTheMountStays() throws Exception {
        mount();
        world.get(writeThroughMount(2));
        mount.lost = "a write failed: the disk cache is full";

        assertRefused(conductor().commit(batch), "cache is full", "Abort it");
        assertThat(world.document(batch).mount()).isNotNull();
        assertThat(mount.asked).containsExactly("sync");
    }

    @Test
    void commitOfNothingDetachesToo() throws Exception {
        mount();

        assertThat(world.get(conductor().commit(batch)).state()).isEqualTo("APPLIED");
        assertThat(mount.asked).containsExactly("sync", "detach");
    }

    @Test
    void abortDetachesBeforePagesAreDeleted() throws Exception {
        mount();
        world.get(writeThroughMount(2));
        CompletableFuture<BatchDocument> abort = conductor().abort(batch);
        world.cycle();
        assertThat(world.batchFolders()).as("until the worker has detached").hasSize(1);

        assertThat(world.get(abort).state()).isEqualTo("ABORTED");
        assertThat(mount.asked).containsExactly("detach");
        assertThat(world.batchFolders()).isEmpty();
    }

    @Test
    void boundBatchEndsWithItsClient() throws Exception {
        var clientEnd = new CompletableFuture<Void>();
        BatchId bound =
                world.get(conductor().begin(List.of(ConductorWorld.PARTS), clientEnd)).batch();
        world.settle();
        assertThat(world.state(bound)).isEqualTo("OPEN");

        clientEnd.complete(null);
        world.settle();

        assertThat(world.state(bound)).isEqualTo("ABORTED");
        assertThat(world.state(batch)).as("another, not bound").isEqualTo("OPEN");
    }

    @Test
    void clientThatEndsInItsBeginLeavesNoLock() throws Exception {
        var clientEnd = CompletableFuture.<Void>completedFuture(null);

        BatchId bound =
                world.get(conductor().begin(List.of(ConductorWorld.PARTS), clientEnd)).batch();
        world.settle();

        assertThat(world.state(bound)).isEqualTo("ABORTED");
        assertThat(world.begin(ConductorWorld.PARTS)).isNotEqualTo(bound);
    }

    @Test
    void clientThatEndsInACommitLosesItOnlyIfItIsRefused() throws Exception {
        for (boolean refused : new boolean[] {false, true}) {
            var clientEnd = new CompletableFuture<Void>();
            BatchId bound =
                    world.get(conductor().begin(List.of(ConductorWorld.PARTS), clientEnd)).batch();
            world.stage(bound, ConductorWorld.PARTS, 1, refused ? 3 : 2);
            if (refused) {
                world.load(ConductorWorld.table(ConductorWorld.PARTS)); // a foreign writer
            }
            CompletableFuture<BatchDocument> commit = conductor().commit(bound);
            world.cycle();
            clientEnd.complete(null);
            world.cycle();
            world.settle();

            assertThat(commit.isCompletedExceptionally()).isEqualTo(refused);
            assertThat(world.state(bound)).isEqualTo(refused ? "ABORTED" : "APPLIED");
        }
    }

    @Test
    void clientThatEndsInAMountIsNoticedAfterIt() throws Exception {
        var clientEnd = new CompletableFuture<Void>();
        BatchId bound =
                world.get(conductor().begin(List.of(ConductorWorld.PARTS), clientEnd)).batch();
        CompletableFuture<BatchDocument> mounting = conductor().mount(bound, tables -> mount);
        world.cycle();
        clientEnd.complete(null);
        world.cycle();
        assertThat(world.state(bound)).isEqualTo("OPEN");

        world.get(mounting);
        world.settle();

        assertThat(world.state(bound)).isEqualTo("ABORTED");
        assertThat(mount.asked).containsExactly("detach");
    }
}
