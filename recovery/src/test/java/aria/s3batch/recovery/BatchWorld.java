package aria.s3batch.recovery;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.diskcache.BlockCache;
import aria.s3batch.diskcache.CacheDirectory;
import aria.s3batch.diskcache.CacheSpace;
import aria.s3batch.diskcache.Disk;
import aria.s3batch.diskcache.StagedPages;
import aria.s3batch.diskcache.TableCache;
import aria.s3batch.format.AriaHeader;
import aria.s3batch.format.BatchId;
import aria.s3batch.format.BlockFrame;
import aria.s3batch.format.BlockName;
import aria.s3batch.format.Fixture;
import aria.s3batch.format.ObjectNames;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableGeometry;
import aria.s3batch.format.TableName;
import aria.s3batch.s3block.BaseTable;
import aria.s3batch.s3block.BatchLocks;
import aria.s3batch.s3block.Condition;
import aria.s3batch.s3block.LockOwner;
import aria.s3batch.s3block.ObjectStore;
import aria.s3batch.s3block.StoredObject;
import aria.s3batch.s3block.TableLocks;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.concurrent.RejectedExecutionException;

/**
 * One process of ours on a disk, a journal and a bucket, all handed in, in a single thread: begins,
 * stages, commits, applies and recovers as the daemon does. A second world on the same three is the same
 * machine after a restart.
 */
final class BatchWorld implements AutoCloseable {
    static final CacheDirectory CACHE_DIR = new CacheDirectory(Path.of("/cache"));
    static final Path RECEIPTS = CACHE_DIR.root().resolve("receipts");
    static final Duration FENCE_WAIT = Duration.ofMillis(250);
    static final Duration LEASE = Duration.ofSeconds(30);
    private static final String UNDO = "_aria_s3_batch/undo/";
    private static final String LOCKS = "_aria_s3_batch/locks/";
    static final BatchId BATCH = BatchId.of(1_700_000_000_000L, 42, 7);

    /** Without a thread to spare: nothing is fetched but what is read. */
    private static final BlockFetches FETCHES =
            new BlockFetches(
                    ahead -> {
                        throw new RejectedExecutionException();
                    },
                    1 << 20);

    final ObjectStore store;
    final Disk disk;
    final CommitJournal journal;
    final Recovery recovery;
    final Committer committer;
    final Applier applier;
    final Receipts receipts;
    final CacheSpace space = new CacheSpace(1L << 30);
    final BlockCache blockCache;
    final ApplyProgress progress = new ApplyProgress();
    final TableLocks locks;
    final Rescue rescue;
    private final List<OpenTable> begun = new ArrayList<>();

    /** Of the batch that was begun here, or goes on here. */
    private @Nullable BatchLocks held;

    /** What commits ask for: what they see is nobody's business but in tests of it. */
    Readers readers = Readers.NONE;

    /** Likewise, what they are to survive. */
    Durability durability = Durability.LOCAL;

    /** Likewise. */
    boolean keepUndo;

    /** Of the next batch that is begun. */
    BatchId id = BATCH;

    /** How long its applies have waited. */
    Duration paused = Duration.ZERO;

    private boolean copyLeft;

    /** By the clock that people read. */
    Instant time = Instant.ofEpochSecond(1_700_000_000);

    /** By its clock, that passes while somebody watches. */
    private long nanos;

    BatchWorld(ObjectStore store, Disk disk, CommitJournal journal) throws IOException {
        this(store, disk, journal, 1);
    }

    /**
     * @param seed of what is random in a process
     */
    BatchWorld(ObjectStore store, Disk disk, CommitJournal journal, long seed) throws IOException {
        this(store, disk, journal, seed, new LockOwner("0123456789abcdef", "host", seed, "boot"));
    }

    BatchWorld(ObjectStore store, Disk disk, CommitJournal journal, long seed, LockOwner owner)
            throws IOException {
        this.store = store;
        this.disk = disk;
        this.journal = journal;
        this.blockCache = new BlockCache(disk, CACHE_DIR.blockCache(), 64 << 20);
        this.recovery = new Recovery(journal, disk, CACHE_DIR);
        InstantSource clock = () -> time;
        this.committer =
                new Committer(
                        store, journal, disk, clock, Runnable::run, 4, new SplittableRandom(seed));
        this.locks = new TableLocks(store, owner, LEASE, () -> nanos, clock);
        this.rescue =
                new Rescue(
                        store, locks, journal, recovery, new BucketJournal(store, Runnable::run));
        this.receipts = new Receipts(disk, RECEIPTS);
        this.applier =
                new Applier(
                        store,
                        journal,
                        disk,
                        Optional.of(blockCache),
                        Runnable::run,
                        4,
                        64 << 20,
                        FenceWait.of(FENCE_WAIT),
                        pause -> paused = paused.plus(pause),
                        receipts);
    }

    BatchFolder folder() {
        return recovery.folder(id);
    }

    static void load(ObjectStore store, Map<String, byte[]> objects) throws IOException {
        for (Map.Entry<String, byte[]> object : objects.entrySet()) {
            store.put(object.getKey(), object.getValue(), Condition.always(), Map.of());
        }
    }

    List<OpenTable> begin(List<TableName> tables) throws IOException {
        held = locks.acquire(id, tables);
        List<OpenTable> open = new ArrayList<>();
        for (TableName table : tables) {
            BaseTable base = BaseTable.read(store, table);
            int number = open.size();
            var reader = new BaseReader(store, blockCache, FETCHES, id, number, base);
            open.add(OpenTable.of(base, reader, folder(), number, space));
        }
        begun.addAll(open);
        return open;
    }

    /** Stages all pages in which the local files differ from the batch's view, as {@code stage --from}. */
    static void stage(OpenTable table, byte[] mai, byte[] mad) throws IOException {
        stage(table, TableFile.DATA, mad);
        stage(table, TableFile.INDEX, mai);
    }

    private static void stage(OpenTable table, TableFile file, byte[] local) throws IOException {
        TableCache cache = table.cache();
        int pageBytes = table.base().geometry().pageBytes();
        if (local.length < cache.length(file)) {
            cache.truncate(file, local.length);
        }
        int readable = (int) Math.min(local.length, cache.length(file));
        ByteBuffer seen = ByteBuffer.allocate(readable);
        cache.read(file, 0, seen);
        for (int at = 0; at < local.length; at += pageBytes) {
            ByteBuffer page = ByteBuffer.wrap(local, at, pageBytes).slice();
            if (at + pageBytes > readable || !seen.slice(at, pageBytes).equals(page)) {
                cache.stagePages(file, at / pageBytes, page);
            }
        }
    }

    static void stage(List<OpenTable> tables, Fixture fixture) throws IOException {
        for (OpenTable table : tables) {
            TableName name = table.base().table();
            stage(
                    table,
                    fixture.local(name, TableFile.INDEX, true),
                    fixture.local(name, TableFile.DATA, true));
        }
    }

    /** All of a commit that may be refused. */
    Committer.Checked check(List<OpenTable> tables) throws IOException {
        List<StagedPages> staged = new ArrayList<>();
        for (OpenTable table : tables) {
            staged.add(table.cache().seal());
        }
        Committer.Checked checked =
                committer.check(folder(), tables, staged, readers).keepingUndo(keepUndo);
        BatchLocks locked = held(checked.batch());
        try {
            dropCopies();
            if (!checked.isEmpty()) {
                if (durability == Durability.BUCKET) {
                    copyLeft = true;
                    checked = committer.copy(checked, locked);
                }
                locked.commit(checked.batch().copy());
                copyLeft = false;
            }
        } catch (IOException e) {
            locked.reopen();
            try {
                dropCopies();
            } catch (IOException left) {
                e.addSuppressed(left);
            }
            throw e;
        }
        return checked;
    }

    private void dropCopies() throws IOException {
        if (copyLeft) {
            committer.dropCopies(id);
            copyLeft = false;
        }
    }

    /** What an abort does, beside discarding the pages. */
    void unlock() throws IOException {
        BatchLocks locked = held;
        if (locked != null) {
            dropCopies();
            locked.release();
        }
    }

    /** The whole commit: when it returns, the client has been answered. */
    BatchRecord commit(List<OpenTable> tables) throws IOException {
        Committer.Checked checked = check(tables);
        committer.makeDurable(checked);
        for (OpenTable table : tables) {
            table.cache().close();
        }
        return checked.batch();
    }

    /** Opens a batch in which another is undone, and stages it. */
    List<OpenTable> undo(BatchId batch) throws IOException {
        Undo undo = Undo.of(store, batch);
        id = BatchId.of(1_700_000_000_000L, batch.low() + 1, 0);
        List<OpenTable> open = begin(undo.tables());
        undo.stage(open, new IntoCaches(open));
        return open;
    }

    private record IntoCaches(List<OpenTable> open) implements Undo.Staging {
        private TableCache cache(TableName name) {
            return open.stream()
                    .filter(table -> table.base().table().equals(name))
                    .findFirst()
                    .orElseThrow()
                    .cache();
        }

        @Override
        public void truncate(TableName table, TableFile file, long bytes) throws IOException {
            cache(table).truncate(file, bytes);
        }

        @Override
        public void pages(TableName table, TableFile file, long firstPage, ByteBuffer images)
                throws IOException {
            cache(table).stagePages(file, firstPage, images);
        }
    }

    /** What an operator does for hosts that are gone; their batches are to be applied then. */
    Rescue.Rescued rescue() throws IOException {
        return rescue.takeOver(Set.of(), this::pass);
    }

    void pass(Duration duration) {
        nanos += duration.toNanos();
    }

    ApplyOutcome apply(BatchRecord batch) throws IOException {
        return applier.apply(batch, folder(), held(batch), progress, () -> false);
    }

    /** The locks of the batch: those with which it was begun here, or those that a former process left. */
    BatchLocks held(BatchRecord batch) {
        BatchLocks known = held;
        if (known == null) {
            List<TableName> tables = batch.tables().stream().map(t -> t.base().table()).toList();
            known = locks.resume(batch.id(), tables, batch.copy());
            held = known;
        }
        return known;
    }

    /** What the daemon does at start: every committed batch is applied, every other leaves no lock. */
    Recovery.Found recover() throws IOException {
        Recovery.Found found = rescue.resumeOwn(recovery.run());
        for (BatchRecord batch : found.committed()) {
            assertThat(apply(batch)).isInstanceOf(ApplyOutcome.Applied.class);
        }
        for (BatchRecord batch : found.ended()) {
            assertThat(apply(batch)).isInstanceOf(ApplyOutcome.Applied.class);
        }
        locks.releaseLeft();
        return found;
    }

    /** All objects of the bucket, each block decoded, so that two zlib streams of the same bytes are equal. */
    static SortedMap<String, ByteBuffer> decoded(Map<String, byte[]> objects) throws IOException {
        Map<String, TableGeometry> geometries = new HashMap<>();
        Map<String, AriaHeader> headers = new HashMap<>();
        for (Map.Entry<String, byte[]> object : objects.entrySet()) {
            if (object.getKey().endsWith("/aria")) {
                String prefix = object.getKey().substring(0, object.getKey().length() - 5);
                AriaHeader header = AriaHeader.parse(object.getValue(), object.getKey());
                headers.put(prefix, header);
                geometries.put(prefix, header.geometry(object.getKey()));
            }
        }
        SortedMap<String, ByteBuffer> decoded = new TreeMap<>();
        for (Map.Entry<String, byte[]> object : objects.entrySet()) {
            String key = object.getKey();
            byte[] bytes = object.getValue();
            String[] parts = key.split("/", -1);
            String prefix = parts[0] + "/" + parts[1];
            TableGeometry geometry = geometries.get(prefix);
            AriaHeader header = headers.get(prefix);
            if (geometry != null && header != null) {
                var names = new ObjectNames(new TableName(parts[0], parts[1]));
                Optional<BlockName> block = names.blockOf(key);
                if (block.isPresent()) {
                    long fileBytes = header.fileLength(block.get().file());
                    int length = geometry.blockLength(block.get(), fileBytes);
                    bytes = BlockFrame.decode(bytes, length, geometry.compressed(), key);
                }
            }
            decoded.put(key, ByteBuffer.wrap(bytes));
        }
        return decoded;
    }

    /** All objects of the bucket below a prefix, but for the locks, and what is kept to undo batches. */
    static SortedMap<String, byte[]> objects(ObjectStore store, String prefix) throws IOException {
        List<String> keys = new ArrayList<>();
        store.list(
                prefix,
                object -> {
                    if (!object.key().startsWith(LOCKS) && !object.key().startsWith(UNDO)) {
                        keys.add(object.key());
                    }
                });
        SortedMap<String, byte[]> objects = new TreeMap<>();
        for (String key : keys) {
            objects.put(key, store.get(key).map(StoredObject::body).orElseThrow());
        }
        return objects;
    }

    static List<String> undoObjects(ObjectStore store) throws IOException {
        List<String> keys = new ArrayList<>();
        store.list(UNDO, object -> keys.add(object.key()));
        return keys;
    }

    static List<String> lockObjects(ObjectStore store) throws IOException {
        List<String> keys = new ArrayList<>();
        store.list(LOCKS, object -> keys.add(object.key()));
        return keys;
    }

    /** What the kernel does for a process that is gone: handles and memory are given back. */
    @Override
    public void close() throws IOException {
        for (OpenTable table : begun) {
            table.cache().close();
        }
        journal.close();
    }
}
