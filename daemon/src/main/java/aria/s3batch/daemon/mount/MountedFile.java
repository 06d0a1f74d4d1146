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

    /** All of them, or an exception; then it may have been some of them. */
    void write(long offset, byte[] bytes) throws IOException;

    void truncate(long bytes) throws IOException;
}
