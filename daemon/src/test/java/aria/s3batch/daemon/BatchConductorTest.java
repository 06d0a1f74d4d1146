package aria.s3batch.daemon;

import static aria.s3batch.daemon.ConductorWorld.BLOCK;
import static aria.s3batch.daemon.ConductorWorld.ORDERS;
import static aria.s3batch.daemon.ConductorWorld.PAGE;
import static aria.s3batch.daemon.ConductorWorld.PARTS;
import static aria.s3batch.daemon.ConductorWorld.answered;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import aria.s3batch.daemon.api.BatchDocument;
import aria.s3batch.daemon.api.Problem;
import aria.s3batch.daemon.api.Problems;
import aria.s3batch.format.BatchId;
import aria.s3batch.format.Fixture;
import aria.s3batch.format.ObjectNames;
import aria.s3batch.format.SyntheticTable;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;
import aria.s3batch.recovery.ApplyForecast;
import aria.s3batch.recovery.Durability;
import aria.s3batch.recovery.OpenTable;
import aria.s3batch.recovery.Readers;
import aria.s3batch.recovery.Recovery.Resolution;
import aria.s3batch.s3block.Condition;
import aria.s3batch.s3block.FaultyObjectStore;
import aria.s3batch.s3block.FaultyObjectStore.Failure;
import aria.s3batch.s3block.FaultyObjectStore.Fault;
import aria.s3batch.s3block.FaultyObjectStore.Operation;
import aria.s3batch.s3block.LoadedFixture;

import com.fasterxml.jackson.databind.JsonNode;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;

/** What the conductor promises, step by step in one thread. */
class BatchConductorTest {
    private static final TableName UNKNOWN = new TableName("shop", "unknown");

    @TempDir Path journalDir;
    private ConductorWorld world;

    @BeforeEach
    void start() throws IOException {
        world = ConductorWorld.withTables(journalDir);
    }

    @AfterEach
    void stop() {
        world.close();
    }

    private BatchConductor conductor() {
        return world.conductor();
    }

    private static void assertRefused(
            CompletableFuture<?> answer, Problem.Kind kind, String... words) {
        assertThatThrownBy(() -> answered(answer))
                .satisfies(e -> assertThat(Problems.of(e).kind()).isEqualTo(kind.key()))
                .satisfies(
                        e -> {
                            for (String word : words) {
                                assertThat(e.getMessage()).contains(word);
                            }
                        });
    }

    private byte[] ordersWith(long page, long seed) throws IOException {
        byte[] data = ConductorWorld.table(ORDERS).local(TableFile.DATA).clone();
        System.arraycopy(
                SyntheticTable.page(TableFile.DATA, page, seed), 0, data, (int) page * PAGE, PAGE);
        return data;
    }

    private void assertNothingLeft() throws Exception {
        assertThat(world.usedBytes()).as("cache space").isZero();
        assertThat(world.batchFolders()).isEmpty();
        assertThat(world.journalIsEmpty()).isTrue();
        assertThat(world.get(conductor().batches())).isEmpty();
        assertThat(world.fatal).isEmpty();
    }

    private void changeInBucket(TableName table, String object) throws IOException {
        String key = table.path() + "/" + object;
        byte[] body = world.bucket.get(key).orElseThrow().body();
        LoadedFixture.replace(world.bucket, key, body); // the same bytes, another ETag
    }

    // ---- for those who watch it ------------------------------------------------------------

    @Test
    void cyclesCountOnlyWhenTheWriterComesRound() throws Exception {
        long before = conductor().cycles();
        var unanswered = conductor().batches();
        assertThat(conductor().cycles()).isEqualTo(before);
        world.cycle();
        world.cycle();
        assertThat(conductor().cycles()).isEqualTo(before + 2);
        assertThat(unanswered).isDone();
    }

    @Test
    void otherDefaultsCountForTheNextCommitThatDoesNotSay() throws Exception {
        BatchId batch = world.begin(ORDERS);
        world.stage(batch, ORDERS, 3, 7);
        conductor().useDefaults(Readers.NONE, Durability.BUCKET);
        BatchDocument committed = world.commitOnly(batch);
        assertThat(committed.readers()).isEqualTo("none");
        assertThat(committed.durability()).isEqualTo("bucket");
    }

    @Test
    void censusTellsOfBatchesThatThereAreAndOfThoseThatWere() throws Exception {
        BatchId kept = world.begin(ORDERS);
        world.stage(kept, ORDERS, 3, 7);
        BatchId dropped = world.begin(PARTS);
        world.get(conductor().abort(dropped));
        Census open = world.get(conductor().census());
        assertThat(open.batches()).hasSize(1);
        assertThat(open.batches().getFirst().state()).isEqualTo("OPEN");
        assertThat(open.batches().getFirst().pages()).isEqualTo(1);
        assertThat(open.batches().getFirst().silence()).isPresent();
        assertThat(open.ended().begun()).isEqualTo(2);
        assertThat(open.ended().aborted()).isEqualTo(1);
        assertThat(open.ended().bytesStaged()).isEqualTo(PAGE);

        changeInBucket(ORDERS, "aria");
        var refused = conductor().commit(kept);
        world.settle();
        assertThat(refused).isCompletedExceptionally();
        world.get(conductor().abort(kept));
        BatchId applied = world.begin(ORDERS);
        world.stage(applied, ORDERS, 3, 8);
        world.get(conductor().commit(applied));
        world.settle();
        Census ended = world.get(conductor().census());
        assertThat(ended.batches()).isEmpty();
        assertThat(ended.ended().commitsRefused()).isEqualTo(1);
        assertThat(ended.ended().conflicts()).isEqualTo(1);
        assertThat(ended.ended().committed()).isEqualTo(1);
        assertThat(ended.ended().applied()).isEqualTo(1);
        assertThat(ended.ended().bytesPut()).isPositive();
    }

    // ---- begin -----------------------------------------------------------------------------

    @Test
    void tableInABatchIsRefusedAtOnceNamingTheHolder() throws Exception {
        BatchId holder = world.begin(ORDERS);

        var second = conductor().begin(List.of(PARTS, ORDERS));
        world.cycle();

        assertRefused(second, Problem.Kind.REFUSED, "shop.orders", holder.toString(), "OPEN");
        assertThat(world.workers).as("nothing was asked of S3").isEmpty();
        assertThat(world.begin(PARTS)).as("the other table is free").isNotNull();
    }

    @Test
    void ofTwoBeginsAtOnceOneGetsTheTable() throws Exception {
        var first = conductor().begin(List.of(ORDERS, PARTS));
        var second = conductor().begin(List.of(PARTS, ORDERS));
        world.settle();

        BatchId holder = answered(first).batch();
        assertRefused(second, Problem.Kind.REFUSED, holder.toString(), "which is OPEN");
    }

    @Test
    void beginThatFailsHalfWayReleasesItsLocks() throws Exception {
        world.store.fail(
                Fault.once(
                        FaultyObjectStore.on(Operation.GET, new ObjectNames(PARTS).header()),
                        Failure.UNREACHABLE_BEFORE));
        var begin = conductor().begin(List.of(ORDERS, PARTS));
        world.settle();

        assertRefused(begin, Problem.Kind.UNREACHABLE);
        assertThat(world.get(conductor().batches())).isEmpty();
        assertThat(world.begin(ORDERS, PARTS)).isNotNull();
    }

    @Test
    void beginOfAnUnknownTableLocksNothing() throws Exception {
        var begin = conductor().begin(List.of(ORDERS, UNKNOWN));
        world.settle();

        assertRefused(begin, Problem.Kind.NOT_FOUND, "shop.unknown");
        assertThat(world.begin(ORDERS)).isNotNull();
    }

    @Test
    void beginOfNothingIsRefused() {
        var begin = conductor().begin(List.of());
        world.settle();

        assertRefused(begin, Problem.Kind.USAGE);
    }

    @Test
    void damagedHeaderIsAnAnswerAndNotTheEndOfTheDaemon() throws Exception {
        String key = new ObjectNames(ORDERS).header();
        byte[] header = world.bucket.get(key).orElseThrow().body();
        for (int i = 0; i < header.length; i += 97) {
            byte[] damaged = header.clone();
            damaged[i] ^= 0x55;
            LoadedFixture.replace(world.bucket, key, damaged);
            var begin = conductor().begin(List.of(ORDERS));
            world.settle();
            if (begin.isCompletedExceptionally()) {
                assertThat(world.get(conductor().batches())).isEmpty();
            } else {
                world.get(conductor().abort(answered(begin).batch()));
            }
            assertThat(world.fatal).isEmpty();
        }
    }

    @Test
    void partitionedTableMeansAllItsPartitionsOnce() throws Exception {
        Fixture part = Fixture.of("part");
        part.before().forEach((key, body) -> LoadedFixture.replace(world.bucket, key, body));
        TableName one = part.units().getFirst();

        var begun = world.get(conductor().begin(List.of(one, part.table(), one, part.table())));

        assertThat(begun.tables()).containsExactlyInAnyOrderElementsOf(part.units());
        assertThat(part.units()).hasSizeGreaterThan(1);
        var second = conductor().begin(List.of(part.units().getLast()));
        world.settle();
        assertRefused(second, Problem.Kind.REFUSED, begun.batch().toString());
        var whole = conductor().begin(List.of(part.table()));
        world.settle();
        assertRefused(whole, Problem.Kind.REFUSED, begun.batch().toString());
    }

    @Test
    void tableNamedTwiceIsInTheBatchOnce() throws Exception {
        var begun = world.get(conductor().begin(List.of(ORDERS, ORDERS)));

        assertThat(begun.tables()).containsExactly(ORDERS);
    }

    // ---- states and commands ---------------------------------------------------------------

    /** How a batch on shop.orders gets into each state that a client can meet. */
    private BatchId inState(String state) throws Exception {
        BatchId batch = world.begin(ORDERS);
        world.stage(batch, ORDERS, 3, 77);
        switch (state) {
            case "OPEN" -> {}
            case "COMMITTING" -> {
                var _ = conductor().commit(batch);
                world.cycle();
            }
            case "WAITING" -> {
                world.commitOnly(batch);
                world.store.fail(
                        Fault.once(
                                        FaultyObjectStore.any(Operation.HEAD),
                                        Failure.UNREACHABLE_BEFORE)
                                .forEver());
                world.settle();
            }
            case "APPLYING" -> {
                world.commitOnly(batch);
                world.cycle();
            }
            case "QUARANTINED" -> {
                world.commitOnly(batch);
                changeInBucket(ORDERS, "data/000001");
                world.settle();
            }
            case "APPLIED" -> {
                world.commitOnly(batch);
                world.settle();
            }
            case "ABORTED" -> world.get(conductor().abort(batch));
            case "DISCARDING" -> {
                world.disk.failOnce(1, IOException::new);
                var abort = conductor().abort(batch);
                world.cycle();
                assertRefused(abort, Problem.Kind.FAILED);
            }
            case "FORGOTTEN" -> {
                world.get(conductor().abort(batch));
                world.restart();
            }
            default -> throw new AssertionError(state);
        }
        return batch;
    }

    @ParameterizedTest
    @CsvSource(
            textBlock =
                    """
                    # state,      shown as,    stage,     get,       plan,      commit,    abort,     resolve
                    OPEN,         OPEN,        ok,        ok,        ok,        -,         -,         refused
                    COMMITTING,   OPEN,        refused,   ok,        refused,   refused,   refused,   refused
                    WAITING,      COMMITTED,   refused,   refused,   refused,   refused,   refused,   refused
                    APPLYING,     APPLYING,    refused,   refused,   refused,   refused,   refused,   refused
                    QUARANTINED,  QUARANTINED, refused,   refused,   refused,   refused,   refused,   -
                    APPLIED,      APPLIED,     refused,   refused,   refused,   refused,   refused,   refused
                    ABORTED,      ABORTED,     refused,   refused,   refused,   refused,   refused,   refused
                    DISCARDING,   OPEN,        refused,   refused,   refused,   refused,   -,         refused
                    FORGOTTEN,    ,            not-found, not-found, not-found, not-found, not-found, not-found
                    """)
    void commandsAreRefusedInWrongStatesAndChangeNothing(
            String state,
            String shown,
            String stage,
            String get,
            String plan,
            String commit,
            String abort,
            String resolve)
            throws Exception {
        BatchId batch = inState(state);
        byte[] page = SyntheticTable.page(TableFile.DATA, 3, 77);
        Map<String, Supplier<CompletableFuture<?>>> commands = new LinkedHashMap<>();
        BatchConductor conductor = conductor();
        commands.put(
                "stage " + stage,
                () ->
                        conductor.stagePages(
                                batch, ORDERS, TableFile.DATA, 3, ByteBuffer.wrap(page)));
        commands.put(
                "stage bytes " + stage,
                () ->
                        conductor.stageBytes(
                                batch, ORDERS, TableFile.DATA, 0, ByteBuffer.allocate(0)));
        commands.put(
                "truncate " + stage,
                () -> conductor.truncate(batch, ORDERS, TableFile.DATA, 10L * PAGE));
        commands.put("get " + get, () -> conductor.table(batch, ORDERS));
        commands.put("plan " + plan, () -> conductor.forecast(batch));
        commands.put("commit " + commit, () -> conductor.commit(batch));
        commands.put("abort " + abort, () -> conductor.abort(batch));
        commands.put("resolve " + resolve, () -> conductor.resolve(batch, Resolution.RETRY));
        BatchDocument before = shown == null ? null : world.document(batch);
        for (Map.Entry<String, Supplier<CompletableFuture<?>>> command : commands.entrySet()) {
            String expected = command.getKey().substring(command.getKey().lastIndexOf(' ') + 1);
            if (expected.equals("-")) {
                continue;
            }
            CompletableFuture<?> answer = command.getValue().get();
            world.cycle();
            if (expected.equals("ok")) {
                answered(answer);
            } else {
                assertThatThrownBy(() -> answered(answer))
                        .as(command.getKey())
                        .satisfies(e -> assertThat(Problems.of(e).kind()).isEqualTo(expected))
                        .hasMessageContaining(batch.toString());
            }
            if (before != null) {
                assertThat(world.document(batch)).as(command.getKey()).isEqualTo(before);
                assertThat(before.state()).isEqualTo(shown);
            }
        }
        assertThat(world.fatal).isEmpty();
    }

    @Test
    void tableThatIsNotInTheBatchIsNotFound() throws Exception {
        BatchId batch = world.begin(ORDERS);

        var table = conductor().table(batch, PARTS);
        world.cycle();

        assertRefused(table, Problem.Kind.NOT_FOUND, "shop.parts", "shop.orders");
    }

    @Test
    void stagedPagesAreReadBackAndAbortLeavesNothing() throws Exception {
        BatchId batch = world.begin(ORDERS);
        world.stage(batch, ORDERS, 3, 77);
        assertThat(world.usedBytes()).isPositive();
        ByteBuffer seen = ByteBuffer.allocate(10 * PAGE);
        world.get(conductor().table(batch, ORDERS)).cache().read(TableFile.DATA, 0, seen);
        assertThat(seen.array()).isEqualTo(ordersWith(3, 77));

        BatchDocument aborted = world.get(conductor().abort(batch));

        assertThat(aborted.state()).isEqualTo("ABORTED");
        assertThat(aborted.pages()).isEqualTo(1);
        assertThat(world.state(batch)).isEqualTo("ABORTED");
        assertNothingLeft();
        assertThat(world.inBucket(ORDERS, TableFile.DATA))
                .isEqualTo(ConductorWorld.table(ORDERS).local(TableFile.DATA));
    }

    @Test
    void abortThatTheDiskFailsMayBeCalledAgain() throws Exception {
        BatchId batch = world.begin(ORDERS);
        world.stage(batch, ORDERS, 3, 77);
        long calls = 0;
        boolean failed = true;
        while (failed) {
            world.disk.failOnce(++calls, IOException::new);
            var abort = conductor().abort(batch);
            world.settle();
            failed = abort.isCompletedExceptionally();
            if (failed) {
                assertThat(world.state(batch)).isEqualTo("OPEN");
                assertThat(world.document(batch).reason()).contains("injected");
                var begin = conductor().begin(List.of(ORDERS));
                world.settle();
                assertRefused(begin, Problem.Kind.REFUSED, batch.toString());
            }
        }
        assertThat(calls).isGreaterThan(1);
        assertNothingLeft();
    }

    // ---- commit ----------------------------------------------------------------------------

    @Test
    void commitIsAnsweredOnlyWhenItIsDurable() throws Exception {
        BatchId batch = world.begin(ORDERS);
        world.stage(batch, ORDERS, 3, 77);
        var commit = conductor().commit(batch);
        world.cycle();
        assertThat(commit).as("before the worker ran").isNotDone();
        assertThat(world.journalIsEmpty()).isTrue();

        world.work();
        assertThat(commit).as("durable, but not yet with the conductor").isNotDone();
        world.cycle();
        assertThat(answered(commit).state()).isEqualTo("COMMITTED");
        assertThat(answered(commit).pages()).isEqualTo(1);

        world.losePower();
        world.settle();
        assertThat(world.inBucket(ORDERS, TableFile.DATA)).isEqualTo(ordersWith(3, 77));
        assertNothingLeft();
    }

    /** So that the commit needs to read, and the disk to cache, no block. */
    private void readAll(BatchId batch) throws Exception {
        OpenTable open = world.get(conductor().table(batch, ORDERS));
        open.cache().read(TableFile.DATA, 0, ByteBuffer.allocate(10 * PAGE));
    }

    /** W2: the conductor, which does not wait for the worker, sees no answer while that still syncs. */
    @Test
    void commitIsNotAnsweredWhileItIsBeingSynced() throws Exception {
        BatchId batch = world.begin(ORDERS);
        world.stage(batch, ORDERS, 3, 77);
        readAll(batch);
        for (int n = 1; world.fatal.isEmpty(); n++) { // reads of the checks fail first, then a sync
            var commit = conductor().commit(batch);
            world.cycle();
            var answered = new ArrayList<Boolean>();
            world.disk.failOnce(
                    n,
                    what -> {
                        world.cycle();
                        answered.add(commit.isDone());
                        return new IOException(what);
                    });
            world.work();
            assertThat(answered).as("at call %d of the disk", n).containsExactly(false);
            world.cycle();
            assertThat(commit).isCompletedExceptionally();
        }
        assertThat(world.fatal.getFirst()).hasMessageContaining("sync");
    }

    @Test
    void appliedBatchLeavesNothingAndIsRemembered() throws Exception {
        BatchId batch = world.begin(ORDERS, PARTS);
        world.stage(batch, ORDERS, 3, 77);
        world.stage(batch, ORDERS, 9, 78);
        world.stage(batch, PARTS, 0, 79);
        world.commitOnly(batch);
        assertThat(world.usedBytes()).as("kept until it is applied").isPositive();
        world.settle();

        BatchDocument document = world.document(batch);
        assertThat(document.state()).isEqualTo("APPLIED");
        assertThat(document.pages()).isEqualTo(3);
        // three blocks, two headers, two definitions
        assertThat(document.blocksDone()).isEqualTo(7).isEqualTo(document.blocksTotal());
        assertThat(document.readers()).isEqualTo("fence");
        assertThat(document.tables()).containsExactly("shop.orders", "shop.parts");
        assertNothingLeft();
        assertThat(world.begin(ORDERS, PARTS)).isNotNull();
    }

    @Test
    void appliedBatchLeavesAReceiptOfWhoAskedForIt() throws Exception {
        BatchId batch = world.begin(ORDERS, PARTS);
        world.stage(batch, ORDERS, 3, 77);
        world.get(conductor().commit(batch, null, null, null, "alice"));
        JsonNode receipt = world.receipt(batch).orElseThrow();
        assertThat(receipt.path("user").asText()).isEqualTo("alice");
        assertThat(receipt.path("endedBy").asText()).isEqualTo("daemon");
        assertThat(receipt.path("tables")).hasSize(1);
        assertThat(receipt.at("/tables/0/table").asText()).isEqualTo("shop.orders");
        assertThat(world.receipts.problem()).isEmpty();
    }

    @Test
    void replayedBatchLeavesAReceiptToo() throws Exception {
        BatchId batch = world.begin(ORDERS);
        world.stage(batch, ORDERS, 3, 77);
        CompletableFuture<BatchDocument> answer =
                conductor().commit(batch, null, null, null, "alice");
        world.cycle();
        world.work();
        world.cycle();
        assertThat(ConductorWorld.answered(answer).state()).isEqualTo("COMMITTED");
        world.losePower();
        world.settle();
        JsonNode receipt = world.receipt(batch).orElseThrow();
        assertThat(receipt.path("user").asText()).isEqualTo("alice");
        assertThat(receipt.path("endedBy").asText()).isEqualTo("recovery");
    }

    @Test
    void abortedBatchAndOneThatChangesNothingLeaveNoReceipt() throws Exception {
        BatchId aborted = world.begin(ORDERS);
        world.stage(aborted, ORDERS, 3, 77);
        world.get(conductor().abort(aborted));
        BatchId empty = world.begin(ORDERS);
        world.get(conductor().commit(empty));
        assertThat(world.receipt(aborted)).isEmpty();
        assertThat(world.receipt(empty)).isEmpty();
    }

    @Test
    void refusedCommitLeavesTheBatchOpenAndWritable() throws Exception {
        BatchId batch = world.begin(ORDERS);
        world.get(
                conductor()
                        .stageBytes(
                                batch,
                                ORDERS,
                                TableFile.DATA,
                                3L * PAGE + 100,
                                ByteBuffer.wrap(new byte[] {1, 2, 3})));
        var commit = conductor().commit(batch);
        world.settle();

        assertRefused(commit, Problem.Kind.REFUSED, "page 3");
        assertThat(world.state(batch)).isEqualTo("OPEN");
        world.stage(batch, ORDERS, 3, 77);
        world.commitOnly(batch);
        world.settle();
        assertThat(world.state(batch)).isEqualTo("APPLIED");
        assertThat(world.inBucket(ORDERS, TableFile.DATA)).isEqualTo(ordersWith(3, 77));
    }

    @Test
    void commitOverAForeignWriteIsRefused() throws Exception {
        BatchId batch = world.begin(ORDERS);
        world.stage(batch, ORDERS, 3, 77);
        changeInBucket(ORDERS, "frm");
        var commit = conductor().commit(batch);
        world.settle();

        assertRefused(commit, Problem.Kind.REFUSED, "shop/orders/frm");
        assertThat(world.state(batch)).isEqualTo("OPEN");
    }

    @Test
    void commitWhileTheStoreIsAwayMayBeRepeated() throws Exception {
        BatchId batch = world.begin(ORDERS);
        world.stage(batch, ORDERS, 3, 77);
        world.store.fail(
                Fault.once(FaultyObjectStore.any(Operation.HEAD), Failure.UNREACHABLE_BEFORE));
        var commit = conductor().commit(batch);
        world.settle();
        assertRefused(commit, Problem.Kind.UNREACHABLE);

        world.commitOnly(batch);
        world.settle();
        assertThat(world.state(batch)).isEqualTo("APPLIED");
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void batchWithNothingToWriteEndsAtOnceAndLeavesNothing(boolean stagedWhatIsThere)
            throws Exception {
        BatchId batch = world.begin(ORDERS);
        if (stagedWhatIsThere) {
            byte[] header = ConductorWorld.table(ORDERS).local(TableFile.INDEX);
            ByteBuffer page = ByteBuffer.wrap(Arrays.copyOf(header, PAGE));
            world.get(conductor().stagePages(batch, ORDERS, TableFile.INDEX, 0, page));
        }
        assertThat(world.commitOnly(batch).state()).isEqualTo("APPLIED");
        assertThat(world.store.requests())
                .noneMatch(request -> FaultyObjectStore.anyWrite().test(request));
        assertNothingLeft();
    }

    @Test
    void emptyBatchThatCannotBeDeletedCanStillBeAborted() throws Exception {
        BatchId batch = world.begin(ORDERS);
        byte[] header = ConductorWorld.table(ORDERS).local(TableFile.INDEX);
        ByteBuffer page = ByteBuffer.wrap(Arrays.copyOf(header, PAGE));
        world.get(conductor().stagePages(batch, ORDERS, TableFile.INDEX, 0, page));
        var commit = conductor().commit(batch);
        world.cycle();
        world.work();
        world.disk.failOnce(1, IOException::new);
        world.cycle();
        assertRefused(commit, Problem.Kind.FAILED);

        assertThat(world.get(conductor().abort(batch)).state()).isEqualTo("ABORTED");
        assertNothingLeft();
    }

    // ---- failures that end the daemon --------------------------------------------------------

    @Test
    void commitWithAFailedSyncIsNeverAcknowledgedAndEndsTheDaemonOnce() throws Exception {
        int failures = 0;
        for (long call = 1; ; call++) {
            BatchId batch = world.begin(ORDERS);
            world.stage(batch, ORDERS, 3, call);
            readAll(batch);
            var commit = conductor().commit(batch);
            world.cycle();
            world.disk.failOnce(call, IOException::new);
            world.work();
            world.disk.heal();
            if (world.fatal.isEmpty()) {
                break;
            }
            failures++;
            assertEverythingIsRefused(commit, batch);
            byte[] before = world.inBucket(ORDERS, TableFile.DATA);
            world.losePower();
            world.settle();
            assertThat(world.inBucket(ORDERS, TableFile.DATA)).isIn(before, ordersWith(3, call));
            assertNothingLeft();
        }
        assertThat(failures).as("syncs of one commit").isGreaterThan(3);
    }

    @Test
    void commitThatTheJournalFailsIsNeverAcknowledged() throws Exception {
        BatchId batch = world.begin(ORDERS);
        world.stage(batch, ORDERS, 3, 77);
        var commit = conductor().commit(batch);
        world.cycle();
        world.failJournal("commit");
        world.work();

        assertEverythingIsRefused(commit, batch);
        world.losePower();
        world.settle();
        assertNothingLeft();
    }

    private void assertEverythingIsRefused(CompletableFuture<?> commit, BatchId batch) {
        assertThat(world.fatal).hasSize(1);
        world.cycle();
        List<CompletableFuture<?>> answers = new ArrayList<>(List.of(commit));
        answers.add(conductor().batches());
        answers.add(conductor().commit(batch));
        answers.add(conductor().begin(List.of(PARTS)));
        answers.add(conductor().stop());
        world.settle();
        for (CompletableFuture<?> answer : answers) {
            assertRefused(answer, Problem.Kind.FAILED, "next start");
        }
        assertThat(world.fatal).as("reported once").hasSize(1);
    }

    @Test
    void commitThatAnotherBatchesFailureOvertakesIsNotAcknowledged() throws Exception {
        BatchId first = world.begin(ORDERS);
        BatchId second = world.begin(PARTS);
        world.stage(first, ORDERS, 3, 77);
        world.stage(second, PARTS, 3, 78);
        var answered = conductor().commit(first);
        var failed = conductor().commit(second);
        world.cycle();
        world.work(); // durable
        world.failJournal("commit");
        world.work();
        world.cycle();

        assertRefused(answered, Problem.Kind.FAILED);
        assertRefused(failed, Problem.Kind.FAILED);
        world.restart();
        world.settle();
        assertThat(world.inBucket(ORDERS, TableFile.DATA)).isEqualTo(ordersWith(3, 77));
        assertNothingLeft();
    }

    @Test
    void journalThatFailsDuringApplyEndsTheDaemonAndTheNextGoesOn() throws Exception {
        BatchId batch = world.begin(ORDERS);
        world.stage(batch, ORDERS, 3, 77);
        world.commitOnly(batch);
        world.failJournal("objectDone");
        world.settle();
        assertThat(world.fatal).hasSize(1);

        world.restart();
        world.settle();
        assertThat(world.inBucket(ORDERS, TableFile.DATA)).isEqualTo(ordersWith(3, 77));
        assertNothingLeft();
    }

    @Test
    void resolveThatTheJournalFailsEndsTheDaemon() throws Exception {
        BatchId batch = inState("QUARANTINED");
        world.failJournal("update");
        var resolve = conductor().resolve(batch, Resolution.RETRY);
        world.cycle();

        assertRefused(resolve, Problem.Kind.FAILED);
        assertThat(world.fatal).hasSize(1);
    }

    @Test
    void ourOwnMistakeInACommandEndsTheDaemonAndAnExpectedErrorDoesNot() throws Exception {
        BatchId batch = world.begin(ORDERS);
        var outOfBounds =
                conductor()
                        .stagePages(
                                batch, ORDERS, TableFile.DATA, 1L << 50, ByteBuffer.allocate(PAGE));
        world.cycle();
        assertRefused(outOfBounds, Problem.Kind.USAGE);
        assertThat(world.fatal).isEmpty();

        var unknownDisk = new AssertionError("our own mistake");
        world.disk.failOnce(
                1,
                message -> {
                    throw unknownDisk;
                });
        var stage =
                conductor()
                        .stagePages(
                                batch,
                                ORDERS,
                                TableFile.DATA,
                                3,
                                ByteBuffer.wrap(SyntheticTable.page(TableFile.DATA, 3, 77)));
        world.cycle();
        assertRefused(stage, Problem.Kind.FAILED);
        assertThat(world.fatal).containsExactly(unknownDisk);
    }

    // ---- apply -------------------------------------------------------------------------------

    /** The locks are renewed at their own times. */
    private long requestsOfApply() {
        return world.store.requests().stream()
                .filter(request -> !request.key().startsWith("_aria_s3_batch/locks/"))
                .count();
    }

    @Test
    void storeAwayDuringApplyIsWaitedForWithGrowingPauses() throws Exception {
        BatchId batch = inState("WAITING");
        List<Long> pauses = new ArrayList<>();
        for (int i = 0; i < 9; i++) {
            BatchDocument waiting = world.document(batch);
            assertThat(waiting.state()).isEqualTo("COMMITTED");
            assertThat(waiting.reason()).contains("injected");
            long requests = requestsOfApply();
            long seconds = 0;
            while (requestsOfApply() == requests) {
                world.pass(Duration.ofSeconds(1));
                seconds++;
                world.settle();
            }
            pauses.add(seconds);
        }
        assertThat(pauses).containsExactly(1L, 2L, 4L, 8L, 16L, 32L, 64L, 64L, 64L);
        world.store.heal();
        world.pass(Duration.ofSeconds(64));
        world.settle();
        assertThat(world.state(batch)).isEqualTo("APPLIED");
        assertThat(world.document(batch).reason()).isNull();
        assertNothingLeft();
    }

    /** Until then it may be no better than before, and a store that hangs gives no answer for long. */
    @ParameterizedTest
    @EnumSource(
            value = Readers.class,
            names = {"NONE", "FENCE"})
    void reasonToWaitGoesWhenTheStoreHasDoneSomethingForTheBatch(Readers readers) throws Exception {
        conductor().useDefaults(readers, Durability.LOCAL);
        BatchId batch = inState("WAITING");
        world.store.heal();
        List<BatchDocument> seen = new ArrayList<>();
        Runnable look =
                () -> {
                    var answer = conductor().document(batch);
                    world.cycle();
                    seen.add(answer.join());
                };
        String block = "shop/orders/data/000001";
        String lock = "_aria_s3_batch/locks/shop/orders";
        world.store.before(1, FaultyObjectStore.on(Operation.PUT, block), look);
        world.store.before(1, FaultyObjectStore.on(Operation.DELETE, lock), look);
        world.pass(Duration.ofSeconds(64));
        world.settle();

        assertThat(world.state(batch)).isEqualTo("APPLIED");
        assertThat(seen).extracting(BatchDocument::state).containsExactly("APPLYING", "APPLYING");
        if (readers == Readers.NONE) {
            assertThat(seen.getFirst().reason()).contains("injected");
        } else {
            assertThat(seen.getFirst().reason()).as("the fence is up").isNull();
        }
        assertThat(seen.getLast().reason()).as("the block is written").isNull();
    }

    @Test
    void oneBatchThatWaitsHoldsUpNoOther() throws Exception {
        BatchId waiting = inState("WAITING");
        world.store.heal();
        BatchId other = world.begin(PARTS);
        world.stage(other, PARTS, 0, 5);
        world.commitOnly(other);
        world.settle();

        assertThat(world.state(waiting)).isEqualTo("COMMITTED");
        assertThat(world.state(other)).isEqualTo("APPLIED");
    }

    @ParameterizedTest
    @EnumSource(Resolution.class)
    void quarantineShowsTheReasonKeepsTheTableLockedAndIsResolved(Resolution resolution)
            throws Exception {
        BatchId batch = inState("QUARANTINED");
        assertThat(world.document(batch).reason()).contains("shop/orders/data/000001");
        assertThat(world.usedBytes()).isPositive();
        var begin = conductor().begin(List.of(ORDERS));
        world.settle();
        assertRefused(begin, Problem.Kind.REFUSED, batch.toString(), "QUARANTINED");

        world.losePower();
        assertThat(world.state(batch)).as("kept over a restart").isEqualTo("QUARANTINED");
        assertThat(world.document(batch).reason()).contains("shop/orders/data/000001");
        world.get(conductor().resolve(batch, resolution));

        switch (resolution) {
            case RETRY -> {
                assertThat(world.state(batch)).as("nothing has changed").isEqualTo("QUARANTINED");
                return;
            }
            case DISCARD -> {
                assertThat(world.state(batch)).isEqualTo("ABORTED");
                assertThat(world.inBucket(ORDERS, TableFile.DATA))
                        .isEqualTo(ConductorWorld.table(ORDERS).local(TableFile.DATA));
            }
            case FORCE -> {
                assertThat(world.state(batch)).isEqualTo("APPLIED");
                assertThat(world.inBucket(ORDERS, TableFile.DATA)).isEqualTo(ordersWith(3, 77));
            }
        }
        assertNothingLeft();
        assertThat(world.begin(ORDERS)).isNotNull();
    }

    /** Foreign frm found when it was to be put back: all blocks and the header are written. */
    private BatchId quarantinedBehindItsFence() throws Exception {
        BatchId batch = world.begin(ORDERS);
        world.stage(batch, ORDERS, 3, 77);
        String frm = new ObjectNames(ORDERS).frm();
        byte[] foreign = world.bucket.get(frm).orElseThrow().body();
        foreign[66] ^= 1;
        world.store.before(
                1,
                FaultyObjectStore.on(Operation.PUT, frm),
                () -> LoadedFixture.replace(world.bucket, frm, foreign));
        world.commitOnly(batch);
        world.settle();
        assertThat(world.state(batch)).isEqualTo("QUARANTINED");
        assertThat(world.document(batch).reason()).contains(frm, "1146");
        return batch;
    }

    @ParameterizedTest
    @EnumSource(Resolution.class)
    void quarantineBehindAFenceIsResolvedWithoutARestart(Resolution resolution) throws Exception {
        BatchId batch = quarantinedBehindItsFence();
        world.bucket.delete(new ObjectNames(ORDERS).frm(), Condition.always());
        CompletableFuture<BatchDocument> resolved = conductor().resolve(batch, resolution);
        world.cycle();
        boolean discard = resolution == Resolution.DISCARD;
        assertThat(answered(resolved).state()).isEqualTo(discard ? "DISCARDING" : "COMMITTED");
        world.settle();
        assertThat(world.state(batch)).isEqualTo(discard ? "ABORTED" : "APPLIED");
        assertNothingLeft();
        assertThat(world.begin(ORDERS)).isNotNull();
        assertThat(world.inBucket(ORDERS, TableFile.DATA)).isEqualTo(ordersWith(3, 77));
    }

    @Test
    void discardBehindAFenceGoesOnAfterARestart() throws Exception {
        BatchId batch = quarantinedBehindItsFence();
        world.bucket.delete(new ObjectNames(ORDERS).frm(), Condition.always());
        CompletableFuture<BatchDocument> resolved = conductor().resolve(batch, Resolution.DISCARD);
        world.cycle();
        assertThat(answered(resolved).state()).isEqualTo("DISCARDING");
        world.losePower();
        assertThat(world.state(batch)).isEqualTo("DISCARDING");
        var abort = conductor().abort(batch);
        world.cycle();
        assertRefused(abort, Problem.Kind.REFUSED, batch.toString());
        world.settle();
        assertThat(world.state(batch)).isEqualTo("ABORTED");
        assertNothingLeft();
    }

    /** What a plan says against what commit and apply then ask of the store. */
    @ParameterizedTest
    @EnumSource(Readers.class)
    void forecastIsWhatCommitAndApplyThenDo(Readers readers) throws Exception {
        SyntheticTable before = ConductorWorld.table(ORDERS);
        List<SyntheticTable> afters =
                List.of(
                        before.withPage(TableFile.DATA, 3, 7),
                        before.withPage(TableFile.DATA, 8, 7).withPage(TableFile.DATA, 9, 7),
                        before.withPage(TableFile.INDEX, 2, 7),
                        before.resized(5, 23, 7),
                        before.resized(1, 2, 7),
                        before.resized(0, 1, 7).resized(5, 10, 8));
        for (SyntheticTable after : afters) {
            world.load(before);
            BatchId batch = world.begin(ORDERS);
            stageDifference(batch, before, after);
            ApplyForecast plan =
                    Objects.requireNonNull(
                            world.get(conductor().forecast(batch, readers)).get(ORDERS));
            int requests = world.store.requests().size();
            var _ = conductor().commit(batch, readers);
            world.settle();
            assertThat(world.state(batch)).isEqualTo("APPLIED");
            assertAsked(plan, requests);
            assertThat(world.inBucket(ORDERS, TableFile.DATA))
                    .isEqualTo(after.local(TableFile.DATA));
            assertThat(world.inBucket(ORDERS, TableFile.INDEX))
                    .isEqualTo(after.local(TableFile.INDEX));
        }
        assertNothingLeft();
    }

    private void assertAsked(ApplyForecast plan, int requests) {
        Map<Operation, Long> counted = new LinkedHashMap<>();
        for (Operation operation : Operation.values()) {
            counted.put(operation, 0L);
        }
        world.store.requests().subList(requests, world.store.requests().size()).stream()
                .forEach(request -> counted.merge(request.operation(), 1L, Long::sum));
        assertThat(counted)
                .containsExactlyInAnyOrderEntriesOf(
                        Map.of(
                                Operation.HEAD, plan.heads(),
                                Operation.GET, plan.gets(),
                                Operation.PUT, plan.puts(),
                                Operation.DELETE, plan.deletes(),
                                Operation.LIST, 0L));
    }

    /** A definition that partitions share is read, checked and written once. */
    @ParameterizedTest
    @EnumSource(Readers.class)
    void forecastOfPartitionsCountsTheirDefinitionOnce(Readers readers) throws Exception {
        List<TableName> log = loadLog(3);
        BatchId batch = world.begin(log.toArray(TableName[]::new));
        world.stage(batch, log.get(1), 3, 77);
        world.stage(batch, log.get(2), 0, 77);
        world.stage(batch, log.get(2), 9, 77);
        ApplyForecast plan =
                world.get(conductor().forecast(batch, readers)).values().stream()
                        .reduce(ApplyForecast.NOTHING, ApplyForecast::plus);
        assertThat(plan.blocks()).isEqualTo(3);
        assertThat(plan.heads()).isEqualTo(3 + 2 * (2 + 1));
        int requests = world.store.requests().size();
        var _ = conductor().commit(batch, readers);
        world.settle();
        assertThat(world.state(batch)).isEqualTo("APPLIED");
        assertAsked(plan, requests);
        assertNothingLeft();
    }

    /** Partitions of one table: {@code shop.log}. */
    private List<TableName> loadLog(int partitions) throws IOException {
        List<TableName> log = new ArrayList<>();
        for (int i = 0; i < partitions; i++) {
            var partition = new TableName("shop", "log#P#p" + i);
            world.load(ConductorWorld.table(partition));
            log.add(partition);
        }
        return log;
    }

    @Test
    void partitionsOfOneTableAreLockedTogetherForTheyShareADefinition() throws Exception {
        List<TableName> log = loadLog(2);
        BatchId batch = world.begin(log.getFirst());
        var other = conductor().begin(List.of(log.getLast()));
        world.settle();
        assertRefused(
                other,
                Problem.Kind.REFUSED,
                "shop.log#P#p1 is locked by batch " + batch,
                "OPEN and has shop.log#P#p0. Nothing was changed");
        var same = conductor().begin(List.of(log.getFirst()));
        world.settle();
        assertRefused(same, Problem.Kind.REFUSED, batch + ", which is OPEN. Nothing was changed");
        world.get(conductor().abort(batch));
        assertThat(world.begin(log.getLast())).isNotNull();
    }

    private void stageDifference(BatchId batch, SyntheticTable before, SyntheticTable after)
            throws Exception {
        for (TableFile file : TableFile.values()) {
            byte[] from = before.local(file);
            byte[] to = after.local(file);
            if (to.length < from.length) {
                world.get(conductor().truncate(batch, ORDERS, file, to.length));
            }
            for (int at = 0; at < to.length; at += PAGE) {
                boolean same =
                        at < from.length && Arrays.equals(from, at, at + PAGE, to, at, at + PAGE);
                if (!same) {
                    ByteBuffer page = ByteBuffer.wrap(Arrays.copyOfRange(to, at, at + PAGE));
                    world.get(conductor().stagePages(batch, ORDERS, file, at / PAGE, page));
                }
            }
        }
    }

    @Test
    void rateOfAppliesIsMeasured() throws Exception {
        assertThat(world.get(conductor().bytesPerSecond())).isEmpty();
        BatchId batch = world.begin(ORDERS);
        world.stage(batch, ORDERS, 3, 77);
        world.store.before(
                1, FaultyObjectStore.anyWrite(), () -> world.pass(Duration.ofSeconds(2)));
        world.commitOnly(batch);
        world.settle();

        assertThat(world.get(conductor().bytesPerSecond())).contains(BLOCK / 2.0);
    }

    // ---- restart and stop --------------------------------------------------------------------

    @Test
    void restartDiscardsOpenBatchesAndGoesOnWithCommittedOnes() throws Exception {
        BatchId open = world.begin(PARTS);
        world.stage(open, PARTS, 0, 5);
        BatchId committed = world.begin(ORDERS);
        world.stage(committed, ORDERS, 3, 77);
        world.commitOnly(committed);
        long used = world.usedBytes();

        world.restart();

        assertThat(conductor().isReplaying()).isTrue();
        assertThat(world.usedBytes()).isPositive().isLessThan(used);
        assertThat(world.state(committed)).isEqualTo("COMMITTED");
        assertThat(world.begin(PARTS)).as("usable during replay").isNotNull();
        world.settle();
        assertThat(conductor().isReplaying()).isFalse();
        assertThat(world.inBucket(ORDERS, TableFile.DATA)).isEqualTo(ordersWith(3, 77));
        var gone = conductor().document(open);
        world.cycle();
        assertRefused(gone, Problem.Kind.NOT_FOUND, open.toString());
    }

    @Test
    void replayThatEndsInQuarantineIsNoReplayAnyMore() throws Exception {
        BatchId batch = world.begin(ORDERS);
        world.stage(batch, ORDERS, 3, 77);
        world.commitOnly(batch);
        changeInBucket(ORDERS, "data/000001");
        world.restart();
        assertThat(conductor().isReplaying()).isTrue();
        world.settle();

        assertThat(world.state(batch)).isEqualTo("QUARANTINED");
        assertThat(conductor().isReplaying()).isFalse();
    }

    @Test
    void batchThatTheJournalLostIsKeptAndCanOnlyBeDiscarded() throws Exception {
        BatchId batch = world.begin(ORDERS);
        world.stage(batch, ORDERS, 3, 77);
        world.commitOnly(batch);
        world.forgetInJournal(batch);
        world.restart();

        assertThat(world.state(batch)).isEqualTo("QUARANTINED");
        assertThat(world.usedBytes()).as("its pages count").isPositive();
        var retry = conductor().resolve(batch, Resolution.RETRY);
        world.settle();
        assertRefused(retry, Problem.Kind.REFUSED, "journal");
        var begin = conductor().begin(List.of(ORDERS));
        world.settle();
        assertRefused(begin, Problem.Kind.REFUSED, batch.toString());

        assertThat(world.get(conductor().resolve(batch, Resolution.DISCARD)).state())
                .isEqualTo("ABORTED");
        assertNothingLeft();
    }

    /** Readers would get error 1146 for ever, and no batch would be left to ask. */
    @Test
    void fenceOfABatchThatTheJournalLostIsLoweredByItsDiscard() throws Exception {
        BatchId batch = quarantinedBehindItsFence();
        String frm = new ObjectNames(ORDERS).frm();
        world.bucket.delete(frm, Condition.always());
        world.forgetInJournal(batch);
        world.restart();
        world.store.fail(Fault.once(FaultyObjectStore.on(Operation.PUT, frm), Failure.REFUSED));
        var failed = conductor().resolve(batch, Resolution.DISCARD);
        world.settle();
        assertThat(failed).isCompletedExceptionally();
        assertThat(world.state(batch)).isEqualTo("QUARANTINED");

        assertThat(world.get(conductor().resolve(batch, Resolution.DISCARD)).state())
                .isEqualTo("ABORTED");
        assertNothingLeft();
        assertThat(world.bucket.head(frm)).isPresent();
        assertThat(world.begin(ORDERS)).isNotNull();
    }

    @Test
    void stopFinishesWhatIsInFlightAndRefusesNewBatches() throws Exception {
        BatchId batch = world.begin(ORDERS);
        world.stage(batch, ORDERS, 3, 77);
        var commit = conductor().commit(batch);
        world.cycle();
        var stop = conductor().stop();
        world.cycle();
        assertThat(stop).as("a commit is on its way").isNotDone();
        world.settle();

        assertThat(answered(commit).state()).isEqualTo("COMMITTED");
        assertThat(stop).isCompleted();
        var begin = conductor().begin(List.of(PARTS));
        world.settle();
        assertRefused(begin, Problem.Kind.UNREACHABLE, "stopping");
        assertThat(world.workers).as("no apply is started").isEmpty();
        world.restart();
        world.settle();
        assertThat(world.inBucket(ORDERS, TableFile.DATA)).isEqualTo(ordersWith(3, 77));
    }

    @Test
    void stopDuringApplyFinishesTheObjectInFlightOnly() throws Exception {
        BatchId batch = world.begin(ORDERS);
        for (int page = 0; page < 10; page++) {
            world.stage(batch, ORDERS, page, 77);
        }
        world.commitOnly(batch);
        world.cycle();
        CompletableFuture<?>[] stop = new CompletableFuture<?>[1];
        world.store.before(
                1,
                request -> request.operation() == Operation.PUT && request.key().contains("/data/"),
                () -> {
                    stop[0] = conductor().stop();
                    world.cycle();
                });
        world.settle();

        assertThat(stop[0]).isCompleted();
        assertThat(world.document(batch).blocksDone()).isEqualTo(1);
        assertThat(world.state(batch)).isEqualTo("COMMITTED");
        world.restart();
        world.settle();
        assertNothingLeft();
    }

    @Test
    void onlyTheLastThatEndedAreRemembered() throws Exception {
        BatchId first = world.begin(ORDERS);
        world.get(conductor().abort(first));
        BatchId last = first;
        for (int i = 0; i < Batches.ENDED_KEPT; i++) {
            last = world.begin(ORDERS);
            world.get(conductor().abort(last));
        }
        assertThat(world.state(last)).isEqualTo("ABORTED");
        var forgotten = conductor().document(first);
        world.cycle();
        assertRefused(forgotten, Problem.Kind.NOT_FOUND);
    }

    @Test
    void moreCommandsThanThereIsRoomForAreRefusedAndTheOthersAnswered() throws Exception {
        List<CompletableFuture<?>> answers = new ArrayList<>();
        for (int i = 0; i < 5000; i++) {
            answers.add(conductor().batches());
        }
        long refused = answers.stream().filter(CompletableFuture::isCompletedExceptionally).count();
        assertThat(refused).isEqualTo(5000 - 4096);
        assertRefused(answers.getLast(), Problem.Kind.UNREACHABLE, "4096");
        world.settle();
        assertThat(answers).allMatch(CompletableFuture::isDone);
        assertThat(world.begin(ORDERS)).isNotNull();
    }
}
