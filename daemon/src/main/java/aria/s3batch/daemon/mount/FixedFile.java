package aria.s3batch.daemon.mount;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.AccessDeniedException;

/** A small file that stays what it is as long as the batch is mounted: a definition. */
final class FixedFile implements MountedFile {
    private final String inWords;
    private final byte[] bytes;

    FixedFile(String inWords, byte[] bytes) {
        this.inWords = inWords;
        this.bytes = bytes;
    }

    @Override
    public String inWords() {
        return inWords;
    }

    @Override
    public boolean isWritable() {
        return false;
    }

    @Override
    public long length() {
        return bytes.length;
    }

    @Override
    public int read(long offset, ByteBuffer dst) {
        if (offset >= bytes.length) {
            return 0;
        }
        int length = (int) Math.min(dst.remaining(), bytes.length - offset);
        dst.put(bytes, (int) offset, length);
        return length;
    }

    @Override
    public void write(long offset, ByteBuffer written) throws IOException {
        throw new AccessDeniedException(inWords);
    }

    @Override
    public void truncate(long length) throws IOException {
        throw new AccessDeniedException(inWords);
    }
}
