package aria.s3batch.recovery;

import aria.s3batch.diskcache.BlockCache;
import aria.s3batch.diskcache.PageSource;
import aria.s3batch.format.BatchId;
import aria.s3batch.format.BlockName;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableGeometry;
import aria.s3batch.s3block.BaseBlock;
import aria.s3batch.s3block.BaseTable;
import aria.s3batch.s3block.ObjectStore;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;

/**
 * A table as it was when its batch began, read page by page from S3 through the local block cache. Its
 * header reads in local form, as an Aria engine would have it. Thread safe; threads that want the same
 * block fetch it once, and who reads on and on finds the next block fetched already.
 *
 * <p>Invariant B1: every block it ever served had one ETag. A second fetch that finds another is an error:
 * somebody changed the table under the batch.
 */
public final class BaseReader implements PageSource {
    private final ObjectStore store;
    private final BlockCache cache;
    private final BlockFetches fetches;
    private final BatchId batch;
    private final int tableNumber;
    private final BaseTable base;
    private final TableGeometry geometry;
    private final byte[] localHeader;
    private final ReadAhead readAhead;
    private final Map<BlockName, String> etags = new ConcurrentHashMap<>();
    private final LongAdder fetched = new LongAdder();

    /** Fetches that have begun, by whichever thread; null is what one ends with that found it cached. */
    private final Map<BlockName, CompletableFuture<@Nullable BaseBlock>> underWay =
            new ConcurrentHashMap<>();

    public BaseReader(
            ObjectStore store,
            BlockCache cache,
            BlockFetches fetches,
            BatchId batch,
            int tableNumber,
            BaseTable base) {
        this.store = store;
        this.cache = cache;
        this.fetches = fetches;
        this.batch = batch;
        this.tableNumber = tableNumber;
        this.base = base;
        this.geometry = base.geometry();
        this.localHeader = base.header().asLocal().bytes();
        this.readAhead = new ReadAhead(geometry);
    }

    /** ETags of the blocks read so far: what the batch is based on. */
    Map<BlockName, String> etags() {
        return etags;
    }

    /** Whether a block was read: then it is whole, and as long as the header says. */
    boolean hasRead(BlockName block) {
        return etags.containsKey(block);
    }

    /** Whether a block is at hand: then it costs no request to build on it. */
    boolean isCached(BlockName block) {
        return cache.find(key(block)).isPresent();
    }

    /**
     * Reads a block that no read has needed yet, and so keeps it for apply.
     *
     * @throws aria.s3batch.format.DamagedTableException it is not as Aria wrote it
     */
    void require(BlockName block) throws IOException {
        if (!hasRead(block)) {
            read(block, 0, ByteBuffer.allocate(0));
        }
    }

    /** How often a block was fetched from S3. */
    public long blocksFetched() {
        return fetched.sum();
    }

    @Override
    public void read(TableFile file, long firstPage, ByteBuffer into) throws IOException {
        int pageBytes = geometry.pageBytes();
        long page = firstPage;
        while (into.hasRemaining()) {
            if (geometry.isHeaderPage(file, page)) {
                into.put(localHeader, (int) page * pageBytes, pageBytes);
                page++;
                continue;
            }
            BlockName block = geometry.blockOf(file, page);
            int offset = (int) (page - geometry.firstPage(block)) * pageBytes;
            int length = Math.min(into.remaining(), geometry.blockBytes() - offset);
            read(block, offset, into.slice(into.position(), length));
            into.position(into.position() + length);
            page += length / pageBytes;
        }
        for (BlockName next :
                readAhead.read(file, firstPage, (int) (page - firstPage), fileLength(file))) {
            fetches.ahead(geometry.blockBytes(), () -> fetchAhead(next));
        }
    }

    private void read(BlockName block, int offset, ByteBuffer into) throws IOException {
        var key = key(block);
        while (cache.read(key, offset, into).isEmpty()) {
            var mine = new CompletableFuture<@Nullable BaseBlock>();
            var others = underWay.putIfAbsent(block, mine);
            if (others == null) {
                fetches.now(geometry.blockBytes(), () -> fetch(block, mine));
            }
            BaseBlock found = await(others == null ? mine : others);
            if (found != null) {
                into.put(found.bytes(), offset, into.remaining());
                return;
            }
        }
    }

    /** Whoever needs the block meets the same error, and reports it: here nobody waits for it. */
    private void fetchAhead(BlockName block) {
        var mine = new CompletableFuture<@Nullable BaseBlock>();
        if (underWay.putIfAbsent(block, mine) != null) {
            return;
        }
        try {
            fetch(block, mine);
        } catch (IOException | RuntimeException e) {
            assert mine.isCompletedExceptionally();
        }
    }

    /** Keeps the block, and gives it to those who wait; null if it was in the cache by now. */
    private void fetch(BlockName block, CompletableFuture<@Nullable BaseBlock> answer)
            throws IOException {
        try {
            if (cache.find(key(block)).isPresent()) {
                return;
            }
            BaseBlock found = fetch(block);
            cache.put(key(block), ByteBuffer.wrap(found.bytes()), found.etag());
            answer.complete(found);
        } catch (IOException | RuntimeException | Error e) {
            answer.completeExceptionally(e);
            throw e;
        } finally {
            underWay.remove(block, answer);
            answer.complete(null);
        }
    }

    private static @Nullable BaseBlock await(CompletableFuture<@Nullable BaseBlock> others)
            throws IOException {
        try {
            return others.join();
        } catch (CompletionException e) {
            switch (e.getCause()) {
                case IOException cause -> throw cause;
                case RuntimeException cause -> throw cause;
                case null, default -> throw e;
            }
        }
    }

    private BlockCache.Key key(BlockName block) {
        return new BlockCache.Key(batch, tableNumber, block);
    }

    private long fileLength(TableFile file) {
        return base.header().fileLength(file);
    }

    private BaseBlock fetch(BlockName block) throws IOException {
        int length = geometry.blockLength(block, fileLength(block.file()));
        fetched.increment();
        BaseBlock read = BaseBlock.read(store, base, block, length);
        String known = etags.putIfAbsent(block, read.etag());
        if (known != null && !known.equals(read.etag())) {
            throw new BaseChangedException(base.table().path() + "/" + block, known, read.etag());
        }
        return read;
    }
}
