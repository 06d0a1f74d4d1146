package aria.s3batch.ops;

import aria.s3batch.format.AriaHeader;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.util.EnumMap;
import java.util.Map;

import org.jspecify.annotations.Nullable;

/**
 * The two files of a table in a local directory, opened for reading: a copy that a server, or {@code
 * aria_s3_copy}, made of the S3 table and that was changed since. The file name is the table's name in the
 * bucket.
 *
 * <p>Opening checks that both files are as long as the header says; {@link #checkUnchanged} that nobody
 * wrote them meanwhile.
 */
final class LocalCopy implements AutoCloseable {
    private record Opened(Path path, FileChannel channel, Version version) {}

    /** What changes when a file is written or replaced. */
    private record Version(long bytes, FileTime modified, @Nullable Object fileKey) {
        static Version of(Path path) throws IOException {
            BasicFileAttributes now = Files.readAttributes(path, BasicFileAttributes.class);
            return new Version(now.size(), now.lastModifiedTime(), now.fileKey());
        }
    }

    private final Map<TableFile, Opened> files = new EnumMap<>(TableFile.class);
    private @Nullable AriaHeader header;

    private LocalCopy() {}

    /**
     * @throws ProblemException REFUSED: a file is not there, or not as its header says
     */
    static LocalCopy open(Path directory, TableName table) throws ProblemException, IOException {
        var copy = new LocalCopy();
        try {
            for (TableFile file : TableFile.values()) {
                copy.open(file, directory.resolve(table.table() + "." + file.extension()));
            }
            copy.header = copy.readHeader();
            for (TableFile file : TableFile.values()) {
                copy.checkLength(file);
            }
            return copy;
        } catch (ProblemException | IOException | RuntimeException e) {
            copy.close();
            throw e;
        }
    }

    private void open(TableFile file, Path path) throws ProblemException, IOException {
        if (!Files.isRegularFile(path)) {
            throw ProblemException.refused(
                    "no file %s: a local copy of the table has it there, under the table's name in the bucket"
                            .formatted(path));
        }
        Version version = Version.of(path);
        files.put(
                file,
                new Opened(path, FileChannel.open(path, StandardOpenOption.READ), version));
    }

    private AriaHeader readHeader() throws IOException {
        String place = path(TableFile.INDEX).toString();
        byte[] prefix =
                read(
                        TableFile.INDEX,
                        0,
                        (int) Math.min(AriaHeader.BYTES_MAX, length(TableFile.INDEX)));
        int keystart = AriaHeader.keystartOf(prefix, place);
        return AriaHeader.parse(
                java.util.Arrays.copyOf(prefix, Math.min(keystart, prefix.length)), place);
    }

    private void checkLength(TableFile file) throws ProblemException {
        long expected = header().fileLength(file);
        long found = length(file);
        if (expected != found) {
            throw ProblemException.refused(
                    "%s has %d bytes, but its header says %d (%s): it is %s. Nothing was staged"
                            .formatted(
                                    path(file),
                                    found,
                                    expected,
                                    file == TableFile.INDEX
                                            ? "key_file_length"
                                            : "data_file_length",
                                    found < expected
                                            ? "cut short; copy it again"
                                            : "not written to its end or of another version of the table;"
                                                    + " FLUSH TABLES, then copy it again"));
        }
    }

    AriaHeader header() {
        AriaHeader read = header;
        assert read != null : "set before open returns";
        return read;
    }

    Path path(TableFile file) {
        return opened(file).path();
    }

    /** Bytes of the file when it was opened. */
    long length(TableFile file) {
        return opened(file).version().bytes();
    }

    private Opened opened(TableFile file) {
        Opened opened = files.get(file);
        assert opened != null : file;
        return opened;
    }

    /**
     * @throws EOFException the file became shorter since it was opened
     */
    byte[] read(TableFile file, long offset, int length) throws IOException {
        var bytes = ByteBuffer.allocate(length);
        while (bytes.hasRemaining()) {
            if (opened(file).channel().read(bytes, offset + bytes.position()) < 0) {
                throw new EOFException(changed(path(file)));
            }
        }
        return bytes.array();
    }

    /**
     * @throws ProblemException a file was written, or replaced, since {@link #open}
     */
    void checkUnchanged() throws ProblemException, IOException {
        for (Opened opened : files.values()) {
            if (!Version.of(opened.path()).equals(opened.version())) {
                throw ProblemException.of(
                        aria.s3batch.daemon.api.Problem.Kind.FAILED, changed(opened.path()));
            }
        }
    }

    private static String changed(Path path) {
        return "%s changed while it was read: what is staged may be a mixture. Let nobody write it (FLUSH TABLES, or stop the server) and stage again, or abort the batch"
                .formatted(path);
    }

    @Override
    public void close() throws IOException {
        for (Opened opened : files.values()) {
            opened.channel().close();
        }
    }
}
