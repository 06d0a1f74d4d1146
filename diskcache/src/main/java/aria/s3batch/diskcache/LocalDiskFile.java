package aria.s3batch.diskcache;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * A file through a {@link FileChannel}. The JDK closes a channel, for everyone, when a thread that uses
 * it is interrupted; here the channel is then opened again and the read or write repeated, which a
 * positional one allows. A sync is never repeated: the error that the first one met would be lost.
 */
final class LocalDiskFile implements DiskFile {
    /**
     * Most bytes at a time: for each thread the JDK keeps memory outside the heap, as much as its longest read or
     * write of a heap buffer.
     */
    private static final int AT_ONCE = 256 << 10;

    private final Path path;
    private volatile FileChannel channel;
    private volatile boolean closed;

    private LocalDiskFile(Path path, FileChannel channel) {
        this.path = path;
        this.channel = channel;
    }

    static LocalDiskFile create(Path path) throws IOException {
        return new LocalDiskFile(
                path,
                FileChannel.open(
                        path,
                        StandardOpenOption.CREATE_NEW,
                        StandardOpenOption.READ,
                        StandardOpenOption.WRITE));
    }

    static LocalDiskFile open(Path path) throws IOException {
        return new LocalDiskFile(path, openChannel(path));
    }

    private static FileChannel openChannel(Path path) throws IOException {
        return FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE);
    }

    @Override
    public Path path() {
        return path;
    }

    @Override
    public int read(ByteBuffer dst, long position) throws IOException {
        int start = dst.position();
        return uninterrupted(
                open -> {
                    dst.position(start);
                    int read = 0;
                    while (dst.hasRemaining() && read >= 0) {
                        ByteBuffer part = part(dst);
                        read = open.read(part, position + dst.position() - start);
                        dst.position(dst.position() + Math.max(0, read));
                    }
                    return dst.position() - start;
                });
    }

    @Override
    public void write(ByteBuffer src, long position) throws IOException {
        int start = src.position();
        try {
            uninterrupted(
                    open -> {
                        src.position(start);
                        while (src.hasRemaining()) {
                            int written = open.write(part(src), position + src.position() - start);
                            src.position(src.position() + written);
                        }
                        return src;
                    });
        } catch (IOException e) {
            throw LocalDisk.fullOr(e, path, src.limit() - start);
        }
    }

    private static ByteBuffer part(ByteBuffer buffer) {
        return buffer.slice(buffer.position(), Math.min(buffer.remaining(), AT_ONCE));
    }

    @Override
    public void sync() throws IOException {
        boolean interrupted = Thread.interrupted();
        try {
            channel.force(false);
        } catch (ClosedByInterruptException e) {
            throw new IOException(
                    "sync of " + path + " was interrupted: its outcome is unknown", e);
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    @Override
    public long size() throws IOException {
        return uninterrupted(FileChannel::size);
    }

    @Override
    public void truncate(long bytes) throws IOException {
        uninterrupted(
                open -> {
                    if (open.size() >= bytes) {
                        return open.truncate(bytes);
                    }
                    // the JDK's truncate never lengthens; one byte at the end does
                    return open.write(ByteBuffer.allocate(1), bytes - 1);
                });
    }

    @Override
    public synchronized void close() throws IOException {
        closed = true;
        channel.close();
    }

    private interface Step<T> {
        T on(FileChannel open) throws IOException;
    }

    private <T> T uninterrupted(Step<T> step) throws IOException {
        boolean interrupted = false;
        try {
            while (true) {
                FileChannel open = channel;
                try {
                    return step.on(open);
                } catch (ClosedByInterruptException e) {
                    interrupted |= Thread.interrupted();
                    reopen(e);
                } catch (ClosedChannelException e) {
                    reopen(e);
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private synchronized void reopen(ClosedChannelException why) throws IOException {
        if (closed) {
            throw new IOException(path + " is closed", why);
        }
        if (!channel.isOpen()) {
            channel = openChannel(path);
        }
    }
}
