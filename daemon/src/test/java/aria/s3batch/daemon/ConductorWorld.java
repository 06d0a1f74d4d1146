package aria.s3batch.daemon;

import aria.s3batch.daemon.api.BatchDocument;
import aria.s3batch.diskcache.BlockCache;
import aria.s3batch.diskcache.CacheDirectory;
import aria.s3batch.diskcache.CacheSpace;
import aria.s3batch.diskcache.DiskFile;
import aria.s3batch.diskcache.FaultyDisk;
import aria.s3batch.diskcache.MemoryDisk;
import aria.s3batch.format.BatchId;
import aria.s3batch.format.Fixture;
import aria.s3batch.format.SyntheticTable;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;
import aria.s3batch.recovery.Applier;
import aria.s3batch.recovery.CommitJournal;
import aria.s3batch.recovery.Committer;
import aria.s3batch.recovery.Durability;
import aria.s3batch.recovery.FenceWait;
import aria.s3batch.recovery.Readers;
import aria.s3batch.recovery.Receipts;
import aria.s3batch.recovery.Recovery;
import aria.s3batch.recovery.RocksJournal;
import aria.s3batch.s3block.FaultyObjectStore;
import aria.s3batch.s3block.LoadedFixture;
import aria.s3batch.s3block.LockOwner;
import aria.s3batch.s3block.MemoryObjectStore;
import aria.s3batch.s3block.TableLocks;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/**
 * A conductor in a single thread, on a disk and a bucket in memory and a real journal. Its clock stands
 * still unless told, its workers are a queue that a test runs when it likes. {@link #restart} is what kill
 * -9 and a new start are to the daemon.
 */
final class ConductorWorld implements AutoCloseable {
    static final int PAGE = SyntheticTable.PAGE_BYTES;
    static final int BLOCK = 4 * PAGE;
    static final TableName ORDERS = new TableName("shop", "orders");
    static final TableName PARTS = new TableName("shop", "parts");
    static final Duration FENCE_WAIT = Duration.ofMillis(300);
    static final Duration LEASE = Duration.ofSeconds(30);
    static final CacheDirectory CACHE_DIR = new CacheDirectory(Path.of("/cache"));

    static final Path RECEIPTS = CACHE_DIR.root().resolve("receipts");

    final MemoryObjectStore bucket = new MemoryObjectStore();
    final FaultyObjectStore store = new FaultyObjectStore(bucket);
    final MemoryDisk memory = new MemoryDisk();
    final FaultyDisk disk = new FaultyDisk(memory);
    final Deque<Runnable> workers = new ArrayDeque<>();
    final List<Throwable> fatal = new ArrayList<>();
    private final RocksJournal rocks;
    private final CommitJournal journal;
    private final SplittableRandom random = new SplittableRandom(42);
    private @Nullable String failingJournalStep;
    private long nanos;

    /** What commits ask for that do not say; from the next start on. */
    Readers readers = Readers.FENCE;

    /** As {@link #readers}. */
    Durability durability = Durability.LOCAL;

    Receipts receipts = new Receipts(disk, RECEIPTS);

    /** As {@link #readers}. */
    boolean keepUndo;

    private BatchConductor conductor;
    private CacheSpace space;

    /**
     * @param rocks closed with this world
     */
    ConductorWorld(RocksJournal rocks) throws IOException {
        this.rocks = rocks;
        journal =
                (CommitJournal)
                        Proxy.newProxyInstance(
                                CommitJournal.class.getClassLoader(),
                                new Class<?>[] {CommitJournal.class},
                                (proxy, method, arguments) -> {
                                    if (method.getName().equals(failingJournalStep)) {
                                        throw new IOException("injected: journal " + method);
                                    }
                                    try {
                                        return method.invoke(rocks, arguments);
                                    } catch (InvocationTargetException e) {
                                        throw e.getCause();
                                    }
                                });
        CACHE_DIR.create(memory);
        space = new CacheSpace(1 << 30);
        conductor = newConductor();
    }

    /** Two tables of five index and ten data pages, four pages a block. */
    static ConductorWorld withTables(Path journalDir) throws IOException {
        var world = new ConductorWorld(RocksJournal.open(journalDir));
        world.load(table(ORDERS));
        world.load(table(PARTS));
        return world;
    }

    static SyntheticTable table(TableName name) {
        return SyntheticTable.of(name, BLOCK, false, 5, 10, 1);
    }

    void load(SyntheticTable table) {
        table.objects().forEach((key, body) -> LoadedFixture.replace(bucket, key, body));
    }

    private BatchConductor newConductor() throws IOException {
        space = new CacheSpace(1 << 30);
        var recovery = new Recovery(journal, disk, CACHE_DIR);
        receipts = new Receipts(disk, RECEIPTS);
        var blockCache = new BlockCache(disk, CACHE_DIR.blockCache(), 1 << 24);
        return new BatchConductor(
                new BatchConductor.Rooms(
                        store,
                        space,
                        blockCache,
                        new Committer(
                                store,
                                journal,
                                disk,
                                () -> Instant.ofEpochSecond(1_700_000_000),
                                Runnable::run,
                                4,
                                random),
                        new Applier(
                                store,
                                journal,
                                disk,
                                Optional.of(blockCache),
                                Runnable::run,
                                4,
                                1 << 26,
                                FenceWait.of(FENCE_WAIT),
                                pause -> nanos += pause.toNanos(),
                                receipts),
                        recovery,
                        new TableLocks(
                                store,
                                new LockOwner("0123456789abcdef", "host", 1, "boot"),
                                LEASE,
                                () -> nanos,
                                () -> Instant.ofEpochSecond(1_700_000_000)),
                        readers,
                        durability,
                        keepUndo,
                        workers::add,
                        () -> nanos,
                        () -> Instant.ofEpochSecond(1_700_000_000),
                        random),
                recovery.run(),
                fatal::add);
    }

    BatchConductor conductor() {
        return conductor;
    }

    /** Kill -9, then a start on what the disk, the journal and the bucket have. */
    void restart() throws IOException {
        workers.clear();
        fatal.clear();
        disk.heal();
        failingJournalStep = null;
        conductor = newConductor();
    }

    /** As {@link #restart}, and the disk forgets what was not synced. */
    void losePower() throws IOException {
        memory.crash();
        restart();
    }

    /** From here on this method of the journal fails. */
    void failJournal(String step) {
        failingJournalStep = step;
    }

    void pass(Duration time) {
        nanos += time.toNanos();
    }

    /** One duty cycle and no worker. */
    void cycle() {
        conductor.doWork();
    }

    /** The oldest worker that waits. */
    void work() {
        workers.remove().run();
    }

    /** Until nothing is left to do at this time. */
    void settle() {
        while (conductor.doWork() > 0 || !workers.isEmpty()) {
            if (!workers.isEmpty()) {
                work();
            }
        }
    }

    /** Settles, and gives the answer of a command. */
    <T> T get(CompletableFuture<T> answer) throws Exception {
        settle();
        return answered(answer);
    }

    /** The answer that is there now. */
    static <T> T answered(CompletableFuture<T> answer) throws Exception {
        if (!answer.isDone()) {
            throw new AssertionError("not answered");
        }
        try {
            return answer.join();
        } catch (CompletionException e) {
            if (e.getCause() instanceof Exception cause) {
                throw cause;
            }
            throw e;
        }
    }

    BatchId begin(TableName... tables) throws Exception {
        return get(conductor.begin(List.of(tables))).batch();
    }

    void stage(BatchId batch, TableName table, long page, long seed) throws Exception {
        get(
                conductor.stagePages(
                        batch,
                        table,
                        TableFile.DATA,
                        page,
                        ByteBuffer.wrap(SyntheticTable.page(TableFile.DATA, page, seed))));
    }

    /** Commits, and lets the conductor see the answer, but runs no apply. */
    BatchDocument commitOnly(BatchId batch) throws Exception {
        CompletableFuture<BatchDocument> answer = conductor.commit(batch);
        cycle();
        if (!workers.isEmpty()) {
            work();
            conductor.doWork();
        }
        return answered(answer);
    }

    BatchDocument document(BatchId batch) throws Exception {
        CompletableFuture<BatchDocument> answer = conductor.document(batch);
        cycle();
        return answered(answer);
    }

    String state(BatchId batch) throws Exception {
        return document(batch).state();
    }

    long usedBytes() {
        return space.usedBytes();
    }

    /** What lies below {@code batches/}. */
    List<Path> batchFolders() throws IOException {
        return memory.list(CACHE_DIR.batches());
    }

    /** The journal of this batch is lost, as if an older one had been put back. */
    void forgetInJournal(BatchId batch) throws IOException {
        rocks.forget(batch);
    }

    /** The receipt of a batch; empty if there is none. */
    Optional<JsonNode> receipt(BatchId batch) throws IOException {
        Path path = Receipts.file(RECEIPTS, batch);
        if (!memory.exists(path)) {
            return Optional.empty();
        }
        ByteBuffer bytes = ByteBuffer.allocate((int) memory.size(path));
        try (DiskFile file = memory.open(path)) {
            file.read(bytes, 0);
        }
        return Optional.of(new ObjectMapper().readTree(bytes.array()));
    }

    boolean journalIsEmpty() throws IOException {
        return rocks.batches().isEmpty();
    }

    /** A table file as it is in the bucket, put together from its blocks. */
    byte[] inBucket(TableName table, TableFile file) throws IOException {
        Map<String, byte[]> objects = new HashMap<>();
        List<String> keys = new ArrayList<>();
        bucket.list(table.path() + "/", object -> keys.add(object.key()));
        for (String key : keys) {
            objects.put(key, bucket.get(key).orElseThrow().body());
        }
        return Fixture.assemble(table, file, objects);
    }

    @Override
    public void close() {
        rocks.close();
    }
}
