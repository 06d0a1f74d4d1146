package aria.s3batch.recovery;

import aria.s3batch.diskcache.BlockCache;
import aria.s3batch.diskcache.PageSource;
import aria.s3batch.format.AriaHeader;
import aria.s3batch.format.BatchId;
import aria.s3batch.format.BlockName;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableGeometry;
import aria.s3batch.s3block.BaseBlock;
import aria.s3batch.s3block.BaseTable;
import aria.s3batch.s3block.ObjectStore;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * A table as it was when its batch began, read page by page from S3 through the local block cache. Its
 * header reads in local form, as an Aria engine would have it. Thread safe; threads that want the same
 * block fetch it once.
 *
 * <p>Invariant B1: every block it ever served had one ETag. A second fetch that finds another is an error:
 * somebody changed the table under the batch.
 */
public final class BaseReader implements PageSource {
    private static final int LOCKS = 16;

    private final ObjectStore store;
    private final BlockCache cache;
    private final BatchId batch;
    private final int tableNumber;
    private final BaseTable base;
    private final TableGeometry geometry;
    private final byte[] localHeader;
    private final Map<BlockName, String> etags = new ConcurrentHashMap<>();
    private final Object[] fetching = new Object[LOCKS];

    public BaseReader(
            ObjectStore store, BlockCache cache, BatchId batch, int tableNumber, BaseTable base) {
        this.store = store;
        this.cache = cache;
        this.batch = batch;
        this.tableNumber = tableNumber;
        this.base = base;
        this.geometry = base.geometry();
        this.localHeader = base.header().asLocal().bytes();
        for (int i = 0; i < LOCKS; i++) {
            fetching[i] = new Object();
        }
    }

    /** ETags of the blocks read so far: what the batch is based on. */
    Map<BlockName, String> etags() {
        return etags;
    }

    @Override
    public void read(TableFile file, long page, ByteBuffer into) throws IOException {
        int pageBytes = geometry.pageBytes();
        if (geometry.isHeaderPage(file, page)) {
            into.put(localHeader, (int) page * pageBytes, pageBytes);
            return;
        }
        BlockName block = geometry.blockOf(file, page);
        int offset = (int) (page - geometry.firstPage(block)) * pageBytes;
        var key = new BlockCache.Key(batch, tableNumber, block);
        if (readCached(key, offset, into)) {
            return;
        }
        synchronized (fetching[Math.floorMod(block.hashCode(), LOCKS)]) {
            if (readCached(key, offset, into)) {
                return;
            }
            BaseBlock fetched = fetch(block);
            cache.put(key, ByteBuffer.wrap(fetched.bytes()), fetched.etag());
            into.put(fetched.bytes(), offset, pageBytes);
        }
    }

    private boolean readCached(BlockCache.Key key, int offset, ByteBuffer into) {
        return cache.read(key, offset, into).isPresent();
    }

    private BaseBlock fetch(BlockName block) throws IOException {
        AriaHeader header = base.header();
        int length = geometry.blockLength(block, header.fileLength(block.file()));
        BaseBlock fetched = BaseBlock.read(store, base, block, length);
        String known = etags.putIfAbsent(block, fetched.etag());
        if (known != null && !known.equals(fetched.etag())) {
            throw new BaseChangedException(
                    base.table().path() + "/" + block, known, fetched.etag());
        }
        return fetched;
    }
}
