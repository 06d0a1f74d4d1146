package aria.s3batch.daemon.mount;

import java.io.IOException;
import java.nio.ByteBuffer;

/** One file of a mounted directory. Any thread. */
interface MountedFile {
    /** For the log: which file of which table. */
    String inWords();

    /** Whether it may be opened for writing. */
    boolean isWritable();

    long length();

    /**
     * @return bytes read: fewer than {@code dst} has room for only at the end of the file
     */
    int read(long offset, ByteBuffer dst) throws IOException;

    /**
     * Writes all that remains in a buffer, which is the caller's again on return. After an exception it may
     * have been some of it.
     */
    void write(long offset, ByteBuffer bytes) throws IOException;

    void truncate(long bytes) throws IOException;
}
