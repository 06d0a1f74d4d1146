package aria.s3batch.recovery;

import static aria.s3batch.recovery.BatchCase.PAGE;
import static aria.s3batch.recovery.BatchCase.key;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import aria.s3batch.diskcache.FaultyDisk;
import aria.s3batch.diskcache.MemoryDisk;
import aria.s3batch.format.BatchId;
import aria.s3batch.format.Fixture;
import aria.s3batch.format.ObjectNames;
import aria.s3batch.format.SyntheticTable;
import aria.s3batch.format.TableFile;
import aria.s3batch.recovery.Recovery.Resolution;
import aria.s3batch.s3block.BatchLocks;
import aria.s3batch.s3block.Condition;
import aria.s3batch.s3block.FaultyObjectStore;
import aria.s3batch.s3block.FaultyObjectStore.Operation;
import aria.s3batch.s3block.MemoryObjectStore;
import aria.s3batch.s3block.StoredObject;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.SortedMap;
import java.util.function.UnaryOperator;
import java.util.zip.CRC32C;
import java.util.zip.Deflater;

/** What stands between a committed batch and the table: foreign writers, a bad disk, a damaged bucket. */
final class QuarantineTest {
    /** Of {@link BatchCase#ofEveryKind}, by what the batch does to them. */
    enum Kind {
        FULLY_STAGED("data/000001"),
        PARTLY_STAGED("data/000002"),
        EXTENDED("index/000002"),
        NEW("index/000003"),
        DELETED("data/000004"),
        HEADER(ObjectNames.HEADER),
        FRM("frm");

        final String key;

        Kind(String object) {
            this.key = key(object);
        }
    }

    private final BatchCase batchCase = BatchCase.ofEveryKind(false);
    private final MemoryObjectStore bucket = new MemoryObjectStore();
    private final ContentEtags etags = new ContentEtags(bucket, true);
    private final FaultyObjectStore store = new FaultyObjectStore(etags);
    private final MemoryDisk disk = new MemoryDisk();
    private final MemoryJournal journal = new MemoryJournal();

    @BeforeEach
    void load() throws IOException {
        BatchWorld.load(store, batchCase.before());
    }

    /** A process; its block cache is empty. */
    private BatchWorld process() throws IOException {
        return new BatchWorld(store, disk, journal);
    }

    private List<OpenTable> staged(BatchWorld world) throws IOException {
        List<OpenTable> tables = world.begin(batchCase.tables());
        for (TableFile file : TableFile.values()) { // as a client that compares whole files
            var cache = tables.getFirst().cache();
            cache.read(file, 0, ByteBuffer.allocate((int) cache.length(file)));
        }
        batchCase.staging().stage(tables);
        return tables;
    }

    private BatchRecord commit() throws IOException {
        BatchWorld world = process();
        return world.commit(staged(world));
    }

    private SortedMap<String, byte[]> objects() throws IOException {
        return BatchWorld.objects(bucket, "");
    }

    private static void assertSame(Map<String, byte[]> found, Map<String, byte[]> expected) {
        assertThat(found.keySet()).isEqualTo(expected.keySet());
        found.forEach((key, bytes) -> assertThat(bytes).as(key).isEqualTo(expected.get(key)));
    }

    /** A foreign write that leaves a table: pages of another seed, or another frm or header. */
    private byte @Nullable [] foreignWrite(Kind kind) throws IOException {
        byte[] old = store.get(kind.key).map(StoredObject::body).orElse(null);
        byte[] foreign =
                switch (kind) {
                    case HEADER -> object(batchCase.after(), kind).clone();
                    case FRM -> object(batchCase.before(), kind).clone();
                    case FULLY_STAGED, PARTLY_STAGED, DELETED, EXTENDED, NEW -> foreignBlock(kind);
                };
        if (kind == Kind.HEADER || kind == Kind.FRM) {
            foreign[66] ^= 1;
        }
        bucket.put(kind.key, foreign, Condition.always(), Map.of());
        return old;
    }

    private static byte[] object(SortedMap<String, byte[]> objects, Kind kind) {
        byte[] object = objects.get(kind.key);
        assert object != null : kind;
        return object;
    }

    /** A block of another table of the same definition. */
    private static byte[] otherBlock(Kind kind) {
        SyntheticTable other =
                SyntheticTable.of(BatchCase.TABLE, BatchCase.BLOCK, false, 9, 10, 77);
        return object(other.objects(), kind);
    }

    private static byte[] foreignBlock(Kind kind) {
        byte[] block = otherBlock(kind);
        return kind == Kind.EXTENDED ? Arrays.copyOf(block, PAGE) : block;
    }

    private void undo(Kind kind, byte @Nullable [] old) throws IOException {
        if (old == null) {
            bucket.delete(kind.key, Condition.always());
        } else {
            bucket.put(kind.key, old, Condition.always(), Map.of());
        }
    }

    private List<String> writesSince(int request) {
        return store.requests().stream()
                .skip(request)
                .filter(FaultyObjectStore.anyWrite())
                .map(FaultyObjectStore.Request::toString)
                .toList();
    }

    // ---- between begin and commit ----------------------------------------------------------

    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "NEW")
    void foreignWriteBeforeCommitIsRefusedAndTheBatchStaysOpen(Kind kind) throws Exception {
        BatchWorld world = process();
        List<OpenTable> tables = staged(world);
        byte[] old = foreignWrite(kind);
        SortedMap<String, byte[]> foreign = objects();
        assertThatThrownBy(() -> world.check(tables))
                .isInstanceOf(BaseChangedException.class)
                .hasMessageContaining(kind.key)
                .hasMessageContaining("Nothing was overwritten");
        assertSame(objects(), foreign);
        assertThat(journal.batches()).isEmpty();

        undo(kind, old);
        tables.getFirst().cache().unseal();
        assertThat(world.apply(world.commit(tables))).isEqualTo(new ApplyOutcome.Applied());
        assertSame(objects(), batchCase.after());
    }

    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "NEW")
    void foreignDeletionBeforeCommitIsRefusedAndTheBatchStaysOpen(Kind kind) throws Exception {
        BatchWorld world = process();
        List<OpenTable> tables = staged(world);
        bucket.delete(kind.key, Condition.always());
        assertThatThrownBy(() -> world.check(tables))
                .isInstanceOf(BaseChangedException.class)
                .hasMessageContaining(kind.key)
                .hasMessageContaining("no object");
        assertThat(journal.batches()).isEmpty();
    }

    /** No reader asks for what lies behind the end of the table: it is replaced as it was seen. */
    @Test
    void objectThatAppearsBehindTheEndBeforeCommitIsAStrayAndReplaced() throws Exception {
        BatchWorld world = process();
        List<OpenTable> tables = staged(world);
        foreignWrite(Kind.NEW);
        assertThat(world.apply(world.commit(tables))).isEqualTo(new ApplyOutcome.Applied());
        assertSame(objects(), batchCase.after());
    }

    // ---- between commit and apply ----------------------------------------------------------

    @ParameterizedTest
    @EnumSource
    void foreignWriteAfterCommitIsQuarantinedByNameAndNotOverwritten(Kind kind) throws Exception {
        BatchRecord batch = commit();
        foreignWrite(kind);
        SortedMap<String, byte[]> foreign = objects();
        int committed = store.requests().size();
        ApplyOutcome outcome = process().apply(batch);
        assertThat(outcome).isInstanceOf(ApplyOutcome.Quarantined.class);
        assertThat(((ApplyOutcome.Quarantined) outcome).reason())
                .contains(kind.key, "changed by another writer");
        assertThat(objects().get(kind.key)).isEqualTo(foreign.get(kind.key));
        BatchRecord kept = journal.batches().getFirst();
        assertThat(kept.state()).isEqualTo(BatchRecord.State.QUARANTINED);
        assertThat(kept.reason()).contains(kind.key);
        assertThat(disk.exists(process().folder().pageFile(0))).isTrue();
        // the header is last: a reader of a table that was left half written has the old one
        if (kind != Kind.DELETED) {
            assertThat(writesSince(committed)).doesNotContain("PUT " + Kind.HEADER.key);
        }
        assertThat(writesSince(committed))
                .noneMatch(write -> write.startsWith("DELETE") && !write.contains("data/00000"));
    }

    @ParameterizedTest
    @EnumSource(names = {"HEADER", "FRM"})
    void tableThatWasReplacedIsFoundBeforeAnyWrite(Kind kind) throws Exception {
        BatchRecord batch = commit();
        foreignWrite(kind);
        SortedMap<String, byte[]> foreign = objects();
        int committed = store.requests().size();
        process().apply(batch);
        assertThat(writesSince(committed)).isEmpty();
        assertSame(objects(), foreign);
    }

    @Test
    void droppedTableIsNotWrittenTo() throws Exception {
        BatchRecord batch = commit();
        for (String key : objects().keySet()) {
            bucket.delete(key, Condition.always());
        }
        assertThat(process().apply(batch)).isInstanceOf(ApplyOutcome.Quarantined.class);
        assertThat(objects()).isEmpty();
    }

    private BatchRecord quarantined() {
        BatchRecord kept = journal.batches().getFirst();
        assertThat(kept.state()).isEqualTo(BatchRecord.State.QUARANTINED);
        return kept;
    }

    private ApplyOutcome resolve(Resolution resolution) throws IOException {
        BatchWorld world = process();
        Recovery.Found found = world.recovery.run();
        assertThat(found.quarantined()).hasSize(1);
        return world.apply(world.recovery.resolve(quarantined(), resolution));
    }

    private void assertNothingIsLeft() throws IOException {
        assertThat(journal.batches()).isEmpty();
        assertThat(disk.list(BatchWorld.CACHE_DIR.batches())).isEmpty();
        assertThat(BatchWorld.lockObjects(bucket)).isEmpty();
    }

    @ParameterizedTest
    @EnumSource
    void retryAppliesTheBatchOnceTheForeignWriteIsUndone(Kind kind) throws Exception {
        BatchRecord batch = commit();
        byte[] old = foreignWrite(kind);
        process().apply(batch);
        assertThat(resolve(Resolution.RETRY)).isInstanceOf(ApplyOutcome.Quarantined.class);
        undo(kind, old);
        assertThat(resolve(Resolution.RETRY)).isEqualTo(new ApplyOutcome.Applied());
        assertSame(objects(), batchCase.after());
        assertNothingIsLeft();
    }

    @ParameterizedTest
    @EnumSource
    void forceTakesForeignWritesAsTheBaseAndOverwritesThem(Kind kind) throws Exception {
        BatchRecord batch = commit();
        foreignWrite(kind);
        SortedMap<String, byte[]> foreign = objects();
        process().apply(batch);
        assertThat(resolve(Resolution.FORCE)).isEqualTo(new ApplyOutcome.Applied());
        SortedMap<String, byte[]> expected = batchCase.after();
        if (kind == Kind.FRM) {
            expected.put(kind.key, object(foreign, kind));
        } else if (kind == Kind.PARTLY_STAGED || kind == Kind.EXTENDED) {
            // the first page of either is not staged
            System.arraycopy(object(foreign, kind), 0, object(expected, kind), 0, PAGE);
        }
        assertSame(objects(), expected);
        assertNothingIsLeft();
    }

    /** The batch had written it, and a crash forgot that; so it has the new length, not the base's. */
    @ParameterizedTest
    @EnumSource(names = {"PARTLY_STAGED", "EXTENDED"})
    void forceBuildsOnTheForeignBlockOfTheNewLength(Kind kind) throws Exception {
        BatchRecord batch = commit();
        SortedMap<String, byte[]> expected = batchCase.after();
        byte[] foreign = Arrays.copyOf(otherBlock(kind), object(expected, kind).length);
        bucket.put(kind.key, foreign, Condition.always(), Map.of());
        assertThat(process().apply(batch)).isInstanceOf(ApplyOutcome.Quarantined.class);
        assertThat(resolve(Resolution.RETRY)).isInstanceOf(ApplyOutcome.Quarantined.class);
        assertThat(resolve(Resolution.FORCE)).isEqualTo(new ApplyOutcome.Applied());
        // the first page of either is not staged
        System.arraycopy(foreign, 0, object(expected, kind), 0, PAGE);
        assertSame(objects(), expected);
        assertNothingIsLeft();
    }

    /** The block cache has the block as it was before the foreign write. */
    @Test
    void forceBuildsOnTheForeignBlockAndNotOnTheOneThatIsCached() throws Exception {
        BatchWorld world = process();
        BatchRecord batch = world.commit(staged(world));
        foreignWrite(Kind.PARTLY_STAGED);
        byte[] foreign = object(objects(), Kind.PARTLY_STAGED);
        assertThat(world.apply(batch)).isInstanceOf(ApplyOutcome.Quarantined.class);
        assertThat(world.apply(world.recovery.resolve(quarantined(), Resolution.FORCE)))
                .isEqualTo(new ApplyOutcome.Applied());
        byte[] written = object(objects(), Kind.PARTLY_STAGED);
        assertThat(Arrays.copyOf(written, PAGE)).isEqualTo(Arrays.copyOf(foreign, PAGE));
    }

    @ParameterizedTest
    @EnumSource
    void discardLeavesObjectsAsTheyAreAndNothingOfTheBatch(Kind kind) throws Exception {
        BatchRecord batch = commit();
        foreignWrite(kind);
        process().apply(batch);
        SortedMap<String, byte[]> left = objects();
        resolve(Resolution.DISCARD);
        assertSame(objects(), left);
        assertNothingIsLeft();
    }

    /** Who puts a block back as it was gives it its old ETag: a PUT that landed then would be taken for right. */
    @Test
    void tableOfADiscardedBatchIsFreeWhenNoWriteOfItCanLandAnyMore() throws Exception {
        BatchRecord batch = commit();
        foreignWrite(Kind.HEADER);
        assertThat(process().apply(batch)).isInstanceOf(ApplyOutcome.Quarantined.class);
        BatchWorld world = process();
        world.recovery.run();
        BatchRecord discarded = world.recovery.resolve(quarantined(), Resolution.DISCARD);
        var pausedBefore = new ArrayList<Duration>();
        store.before(
                1,
                FaultyObjectStore.any(Operation.DELETE)
                        .and(request -> request.key().startsWith("_aria_s3_batch/locks/")),
                () -> pausedBefore.add(world.paused));
        assertThat(world.apply(discarded)).isEqualTo(new ApplyOutcome.Discarded());
        assertThat(pausedBefore).hasSize(1);
        assertThat(pausedBefore.getFirst()).isGreaterThanOrEqualTo(Applier.LATE_WRITE);
    }

    @ParameterizedTest
    @EnumSource(names = {"PARTLY_STAGED", "EXTENDED", "HEADER"})
    void forceCannotInventWhatSomebodyDeletedAndQuarantinesAgain(Kind kind) throws Exception {
        BatchRecord batch = commit();
        bucket.delete(kind.key, Condition.always());
        assertThat(process().apply(batch)).isInstanceOf(ApplyOutcome.Quarantined.class);
        for (int i = 0; i < 2; i++) { // the second finds what the first has noted
            ApplyOutcome outcome = resolve(Resolution.FORCE);
            assertThat(outcome).isInstanceOf(ApplyOutcome.Quarantined.class);
            assertThat(((ApplyOutcome.Quarantined) outcome).reason())
                    .contains(kind.key, "no object");
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"FULLY_STAGED", "FRM"})
    void forceNeedsNothingOfABlockThatIsWhollyStaged(Kind kind) throws Exception {
        BatchRecord batch = commit();
        bucket.delete(kind.key, Condition.always());
        assertThat(process().apply(batch)).isInstanceOf(ApplyOutcome.Quarantined.class);
        assertThat(resolve(Resolution.FORCE)).isEqualTo(new ApplyOutcome.Applied());
    }

    @Test
    void blockToDeleteThatIsGoneAlreadyIsDone() throws Exception {
        BatchRecord batch = commit();
        bucket.delete(Kind.DELETED.key, Condition.always());
        assertThat(process().apply(batch)).isEqualTo(new ApplyOutcome.Applied());
        assertSame(objects(), batchCase.after());
    }

    // ---- a bad disk ------------------------------------------------------------------------

    @Test
    void oneFlippedByteInAnyPageOfThePageFileIsFoundBeforeTheFirstPut() throws Exception {
        BatchRecord batch = commit();
        Path pages = process().folder().pageFile(0);
        Set<Integer> slots = new HashSet<>();
        for (BlockRecord block : journal.blocks(batch.id(), 0)) {
            for (int i = 0; i < block.pages().size(); i++) {
                slots.add(block.pages().slot(i));
            }
        }
        assertThat(slots).hasSizeGreaterThan(5);
        var random = new Random(5);
        int committed = store.requests().size();
        slots.add(-1); // the page file's header
        for (int slot : slots) {
            long at = (slot + 1L) * PAGE + random.nextInt(PAGE);
            disk.flipByte(pages, at);
            ApplyOutcome outcome = process().apply(batch);
            assertThat(outcome).as("byte %d", at).isInstanceOf(ApplyOutcome.Quarantined.class);
            assertThat(((ApplyOutcome.Quarantined) outcome).reason())
                    .contains(pages.toString(), slot < 0 ? "offset" : "slot " + slot);
            assertThat(writesSince(committed)).isEmpty();
            disk.flipByte(pages, at);
        }
        assertSame(objects(), batchCase.before());
        assertThat(resolve(Resolution.RETRY)).isEqualTo(new ApplyOutcome.Applied());
        assertSame(objects(), batchCase.after());
    }

    /** It is as it was staged: only Aria's own checksum tells. */
    @Test
    void pageThatWasStagedDamagedIsFoundBeforeTheFirstPut() throws Exception {
        BatchWorld world = process();
        List<OpenTable> tables = staged(world);
        byte[] damaged = SyntheticTable.page(TableFile.DATA, 2, 3);
        damaged[PAGE / 2] ^= 1;
        tables.getFirst().cache().stagePages(TableFile.DATA, 2, ByteBuffer.wrap(damaged));
        BatchRecord batch = world.commit(tables);
        int committed = store.requests().size();
        ApplyOutcome outcome = world.apply(batch);
        assertThat(outcome).isInstanceOf(ApplyOutcome.Quarantined.class);
        assertThat(((ApplyOutcome.Quarantined) outcome).reason())
                .contains(Kind.FULLY_STAGED.key, "data page 2", "checksum");
        assertThat(writesSince(committed)).isEmpty();
        assertSame(objects(), batchCase.before());
    }

    @Test
    void pageFileCutShortIsFoundBeforeTheFirstPut() throws Exception {
        BatchRecord batch = commit();
        Path pages = process().folder().pageFile(0);
        try (var file = disk.open(pages)) {
            file.truncate(file.size() / 2);
        }
        int committed = store.requests().size();
        assertThat(process().apply(batch)).isInstanceOf(ApplyOutcome.Quarantined.class);
        assertThat(writesSince(committed)).isEmpty();
    }

    @Test
    void pageFileOfAnotherBatchIsNotTakenForThisOnes() throws Exception {
        BatchRecord batch = commit();
        Path pages = process().folder().pageFile(0);
        var other =
                new BatchRecord(
                        BatchId.of(1, 2, 3),
                        BatchRecord.State.COMMITTED,
                        1,
                        "",
                        "",
                        false,
                        batch.readers(),
                        "",
                        false,
                        0,
                        false,
                        false,
                        batch.definitions(),
                        batch.tables());
        journal.commit(other, List.of(journal.blocks(batch.id(), 0)));
        BatchWorld world = process();
        BatchLocks locks = world.locks.acquire(other.id(), batchCase.tables());
        ApplyOutcome outcome =
                world.applier.apply(other, world.folder(), locks, new ApplyProgress(), () -> false);
        assertThat(outcome).isInstanceOf(ApplyOutcome.Quarantined.class);
        assertThat(((ApplyOutcome.Quarantined) outcome).reason())
                .contains(pages.toString(), batch.id().toString());
        assertSame(objects(), batchCase.before());
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void deletedPagesQuarantineTheBatchAndWriteNothing(boolean wholeFolder) throws Exception {
        BatchRecord batch = commit();
        Path folder = process().folder().path();
        disk.delete(process().folder().pageFile(0));
        if (wholeFolder) {
            for (Path file : disk.list(folder)) {
                disk.delete(file);
            }
            disk.delete(folder);
        }
        BatchWorld world = process();
        assertThat(world.recovery.run().committed()).hasSize(1);
        ApplyOutcome outcome = world.apply(batch);
        assertThat(outcome).isInstanceOf(ApplyOutcome.Quarantined.class);
        assertThat(((ApplyOutcome.Quarantined) outcome).reason())
                .contains(folder.toString(), "gone", "--discard");
        assertSame(objects(), batchCase.before());
        resolve(Resolution.DISCARD);
        assertNothingIsLeft();
    }

    /** An error of the disk says nothing about the pages: the daemon stops, nothing is judged. */
    @Test
    void diskThatCannotBeReadIsFatalAndDecidesNothing() throws Exception {
        BatchRecord batch = commit();
        int committed = store.requests().size();
        var faulty = new FaultyDisk(disk);
        var world = new BatchWorld(store, faulty, journal);
        boolean applied = false;
        for (int n = 1; !applied; n++) {
            faulty.failOnce(n, IOException::new);
            try {
                applied = world.apply(batch) instanceof ApplyOutcome.Applied;
                boolean ofReceipt = world.receipts.problem().isPresent(); // a mere warning
                assertThat(faulty.calls() < n || ofReceipt).as("none failed").isTrue();
            } catch (IOException e) {
                assertThat(e).hasMessageContaining("injected");
                for (BatchRecord kept : journal.batches()) {
                    assertThat(kept.state()).isNotEqualTo(BatchRecord.State.QUARANTINED);
                }
                if (n == 1) {
                    assertThat(writesSince(committed)).isEmpty();
                }
            }
        }
        assertSame(objects(), batchCase.after());
    }

    // ---- a damaged bucket ------------------------------------------------------------------

    record Damage(String name, UnaryOperator<byte[]> damage) {
        @Override
        public String toString() {
            return name;
        }
    }

    static List<Damage> damages() {
        return List.of(
                new Damage(
                        "a flipped byte in a page",
                        body -> {
                            body[body.length / 2] ^= 1;
                            return body;
                        }),
                new Damage("cut", body -> Arrays.copyOf(body, body.length - 100)),
                new Damage("longer", body -> Arrays.copyOf(body, body.length + PAGE)),
                new Damage("empty", body -> new byte[0]),
                new Damage(
                        "not zlib",
                        body -> {
                            Arrays.fill(body, 4, 40, (byte) 0x55);
                            return body;
                        }));
    }

    @ParameterizedTest
    @MethodSource("damages")
    void damagedBaseBlockIsNotBuiltOn(Damage damage) throws Exception {
        for (boolean compressed : new boolean[] {false, true}) {
            SyntheticTable before = BatchCase.table(compressed, 2, 6);
            BatchCase small =
                    BatchCase.of("one page", before, before.withPage(TableFile.DATA, 4, 9));
            var damaged = new ContentEtags(new MemoryObjectStore(), true);
            BatchWorld.load(damaged, small.before());
            var world = new BatchWorld(damaged, new MemoryDisk(), new MemoryJournal());
            List<OpenTable> tables = world.begin(small.tables());
            small.staging().stage(tables);
            BatchRecord batch = world.commit(tables);
            world.blockCache.dropBatch(batch.id());
            String block = key("data/000002");
            damaged.damage(block, damage.damage());
            ApplyOutcome outcome = world.apply(batch);
            assertThat(outcome).isInstanceOf(ApplyOutcome.Quarantined.class);
            assertThat(((ApplyOutcome.Quarantined) outcome).reason()).contains(block, "is damaged");
            damaged.heal();
            assertSame(BatchWorld.objects(damaged, ""), small.before());
            BatchRecord kept = world.journal.batches().getFirst();
            assertThat(world.apply(world.recovery.resolve(kept, Resolution.RETRY)))
                    .isEqualTo(new ApplyOutcome.Applied());
            assertThat(BatchWorld.decoded(BatchWorld.objects(damaged, "")))
                    .isEqualTo(BatchWorld.decoded(small.after()));
        }
    }

    // ---- whose write is it ------------------------------------------------------------------

    /** Another zlib packs a block into other bytes: what this batch wrote before is still its own. */
    @Test
    void blockThatThisBatchWroteWithAnotherZlibCountsAsWritten() throws Exception {
        BatchCase zlib = BatchCase.ofEveryKind(true);
        var again = new ContentEtags(new MemoryObjectStore(), true);
        BatchWorld.load(again, zlib.before());
        var world = new BatchWorld(again, new MemoryDisk(), new MemoryJournal());
        List<OpenTable> tables = world.begin(zlib.tables());
        zlib.staging().stage(tables);
        BatchRecord batch = world.commit(tables);
        byte[] stored = storedOnly(Kind.FULLY_STAGED.key, zlib.after());
        String crc = crcOf(stored);
        again.put(
                Kind.FULLY_STAGED.key,
                stored,
                Condition.always(),
                Map.of("aria-s3-batch", batch.id().toString(), "aria-s3-crc32c", crc));
        assertThat(world.apply(batch)).isEqualTo(new ApplyOutcome.Applied());
        assertThat(BatchWorld.decoded(BatchWorld.objects(again, "")))
                .isEqualTo(BatchWorld.decoded(zlib.after()));
        assertThat(again.get(Kind.FULLY_STAGED.key).orElseThrow().body()).isEqualTo(stored);
    }

    /** An object of a compressed table as a zlib would write it that does not pack at all. */
    private static byte[] storedOnly(String key, SortedMap<String, byte[]> objects)
            throws IOException {
        ByteBuffer decoded = BatchWorld.decoded(objects).get(key);
        assert decoded != null : key;
        byte[] object = new byte[decoded.remaining() + 100];
        object[0] = 1; // a zlib stream of so many bytes, little-endian
        for (int i = 0; i < 3; i++) {
            object[1 + i] = (byte) (decoded.remaining() >>> 8 * i);
        }
        var deflater = new Deflater(Deflater.NO_COMPRESSION);
        deflater.setInput(decoded.duplicate());
        deflater.finish();
        int length = 4 + deflater.deflate(object, 4, object.length - 4);
        deflater.end();
        return Arrays.copyOf(object, length);
    }

    private static String crcOf(byte[] body) {
        var crc = new CRC32C();
        crc.update(body);
        return HexFormat.of().toHexDigits((int) crc.getValue());
    }

    /**
     * Where metadata is dropped, what a killed process wrote cannot be told from a foreign write, but for
     * objects that are known to the last byte.
     */
    @ParameterizedTest
    @EnumSource(names = {"FULLY_STAGED", "NEW", "HEADER", "PARTLY_STAGED", "EXTENDED"})
    void withoutMetadataOnlyWhollyKnownObjectsAreRecognisedAfterACrash(Kind kind) throws Exception {
        var dropping = new ContentEtags(new MemoryObjectStore(), false);
        BatchWorld.load(dropping, batchCase.before());
        var kills = new FaultyObjectStore(dropping);
        BatchWorld killed = new BatchWorld(kills, disk, journal);
        List<OpenTable> tables = killed.begin(batchCase.tables());
        batchCase.staging().stage(tables);
        BatchRecord batch = killed.commit(tables);
        kills.fail(
                FaultyObjectStore.Fault.once(
                        FaultyObjectStore.on(Operation.PUT, kind.key),
                        FaultyObjectStore.Failure.CRASH_AFTER));
        assertThatThrownBy(() -> killed.apply(batch)).isInstanceOf(FaultyObjectStore.Crash.class);

        BatchWorld world = new BatchWorld(kills, disk, journal);
        ApplyOutcome outcome = world.apply(batch);
        if (kind == Kind.PARTLY_STAGED || kind == Kind.EXTENDED) {
            assertThat(outcome).isInstanceOf(ApplyOutcome.Quarantined.class);
            assertThat(((ApplyOutcome.Quarantined) outcome).reason()).contains(kind.key);
            // the operator knows that nobody else writes: the pages are put over themselves
            outcome =
                    world.apply(
                            world.recovery.resolve(journal.batches().getFirst(), Resolution.FORCE));
        }
        assertThat(outcome).isEqualTo(new ApplyOutcome.Applied());
        assertSame(BatchWorld.objects(dropping, ""), batchCase.after());
    }

    @Test
    void fixtureOfPartitionsIsQuarantinedAsOneWhenOnePartitionWasReplaced() throws Exception {
        Fixture part = Fixture.of("part");
        var shared = new FaultyObjectStore(new MemoryObjectStore());
        BatchWorld.load(shared, part.before());
        var world = new BatchWorld(shared, new MemoryDisk(), new MemoryJournal());
        List<OpenTable> tables = world.begin(part.units());
        BatchWorld.stage(tables, part);
        BatchRecord batch = world.commit(tables);
        String last = new ObjectNames(part.units().getLast()).header();
        byte[] header = shared.get(last).orElseThrow().body();
        shared.put(last, header, Condition.always(), Map.of());
        int committed = shared.requests().size();
        ApplyOutcome outcome = world.apply(batch);
        assertThat(outcome).isInstanceOf(ApplyOutcome.Quarantined.class);
        assertThat(((ApplyOutcome.Quarantined) outcome).reason()).contains(last);
        assertThat(shared.requests().stream().skip(committed))
                .noneMatch(request -> request.operation() == Operation.PUT);
    }
}
