package aria.s3batch.daemon.mount;

import aria.s3batch.daemon.BatchConductor;
import aria.s3batch.diskcache.TableCache;
import aria.s3batch.format.PageVerifier;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableGeometry;
import aria.s3batch.format.TableName;
import aria.s3batch.recovery.OpenTable;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/**
 * A .MAI or .MAD of an open batch. What is read is the batch's view; what is written is staged: whole
 * pages with the checksum that Aria gives them as such, anything else as bytes that are verified at
 * commit.
 */
final class StagedFile implements MountedFile {
    private final TableName table;
    private final TableFile file;
    private final TableCache cache;
    private final int pageBytes;
    private final PageVerifier verifier;
    private final BatchConductor.Stager stager;

    StagedFile(OpenTable table, TableFile file, BatchConductor.Stager stager) {
        TableGeometry geometry = table.base().geometry();
        this.table = table.base().table();
        this.file = file;
        this.cache = table.cache();
        this.pageBytes = geometry.pageBytes();
        this.verifier = PageVerifier.of(geometry);
        this.stager = stager;
    }

    @Override
    public String inWords() {
        return file.key() + " file of " + table.display();
    }

    @Override
    public boolean isWritable() {
        return true;
    }

    @Override
    public long length() {
        return cache.length(file);
    }

    @Override
    public int read(long offset, ByteBuffer dst) throws IOException {
        return cache.read(file, offset, dst);
    }

    @Override
    public void write(long offset, ByteBuffer bytes) throws IOException {
        if (isWholeSoundPages(offset, bytes)) {
            await(stager.stagePages(table, file, offset / pageBytes, bytes));
        } else {
            cache.warm(file, offset, bytes.remaining());
            await(stager.stageBytes(table, file, offset, bytes));
        }
    }

    private boolean isWholeSoundPages(long offset, ByteBuffer bytes) {
        if (offset % pageBytes != 0 || bytes.remaining() % pageBytes != 0) {
            return false;
        }
        byte[] images = new byte[bytes.remaining()];
        bytes.get(bytes.position(), images);
        return verifier.firstProblem(file, offset / pageBytes, images).isEmpty();
    }

    @Override
    public void truncate(long bytes) throws IOException {
        await(stager.truncate(table, file, bytes));
    }

    private static void await(CompletableFuture<Void> staged) throws IOException {
        try {
            staged.join();
        } catch (CompletionException e) {
            switch (e.getCause()) {
                case IOException cause -> throw cause;
                case RuntimeException cause -> throw cause;
                case null, default -> throw e;
            }
        }
    }
}
