package aria.s3batch.diskcache;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;

/**
 * An open file of a {@link Disk}. Any thread may call any method; an interrupted thread neither closes
 * the file for the others nor leaves its own read or write half done.
 */
public interface DiskFile extends Closeable {
    Path path();

    /**
     * Fills {@code dst} from a position.
     *
     * @return bytes read: less than {@code dst} had room for only at the end of the file, 0 beyond it
     */
    int read(ByteBuffer dst, long position) throws IOException;

    /**
     * Writes all of {@code src}. After an exception any part of it may be in the file.
     *
     * @throws CacheFullException the disk is full
     */
    void write(ByteBuffer src, long position) throws IOException;

    /**
     * On return what was written survives power loss, provided that the file's name does. After an
     * exception what is on disk is unknown for ever: a second sync can succeed without the lost bytes.
     */
    void sync() throws IOException;

    long size() throws IOException;

    /** Cuts the file, or lengthens it with zeros. */
    void truncate(long bytes) throws IOException;

    @Override
    void close() throws IOException;
}
