package aria.s3batch.ops;

import aria.s3batch.daemon.api.Problem;
import aria.s3batch.format.AriaHeader;
import aria.s3batch.format.DamagedTableException;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;

import org.jspecify.annotations.Nullable;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.util.Arrays;

/**
 * The two files of a table in a local directory, opened for reading: a copy that a server, or {@code
 * aria_s3_copy}, made of the S3 table and that was changed since. The file name is the table's name in the
 * bucket.
 *
 * <p>Opening checks that both files are as long as the header says; {@link #checkUnchanged} that nobody
 * wrote them meanwhile.
 */
final class LocalCopy implements AutoCloseable {
    /** What the files are read for, as far as messages tell. */
    enum Purpose {
        STAGE(
                "Nothing was staged",
                "what is staged may be a mixture, and its header is not staged. Let nobody write it"
                    + " (FLUSH TABLES, or stop the server) and stage again, or abort the batch"),
        PUSH(
                "Nothing was changed in the bucket",
                "what was written to the bucket since then, if anything, is no table that a server"
                    + " can read. Let nobody write it (FLUSH TABLES, or stop the server) and push"
                    + " it again");

        private final String refused;
        private final String changed;

        Purpose(String refused, String changed) {
            this.refused = refused;
            this.changed = changed;
        }
    }

    private final LocalFile index;
    private final LocalFile data;
    private final AriaHeader header;

    private LocalCopy(LocalFile index, LocalFile data, AriaHeader header) {
        this.index = index;
        this.data = data;
        this.header = header;
    }

    /**
     * @throws ProblemException REFUSED: a file is not there, or not as its header says
     */
    static LocalCopy open(Path directory, TableName table) throws ProblemException, IOException {
        return open(directory, table.table(), Purpose.STAGE);
    }

    /**
     * As {@link #open(Path, TableName)}.
     *
     * @param name of the files, without extension
     */
    static LocalCopy open(Path directory, String name, Purpose purpose)
            throws ProblemException, IOException {
        LocalFile index = LocalFile.open(directory, name, TableFile.INDEX, purpose);
        try {
            AriaHeader header = readHeader(index);
            LocalFile data = LocalFile.open(directory, name, TableFile.DATA, purpose);
            var copy = new LocalCopy(index, data, header);
            try {
                copy.checkLength(TableFile.INDEX);
                copy.checkLength(TableFile.DATA);
                return copy;
            } catch (ProblemException e) {
                data.channel.close();
                throw e;
            }
        } catch (ProblemException | IOException e) {
            index.channel.close();
            throw e;
        }
    }

    private static AriaHeader readHeader(LocalFile index) throws ProblemException, IOException {
        try {
            return parseHeader(index);
        } catch (DamagedTableException e) {
            throw ProblemException.refused(e.getMessage() + ". " + index.purpose.refused);
        }
    }

    private static AriaHeader parseHeader(LocalFile index) throws ProblemException, IOException {
        String place = index.path.toString();
        byte[] prefix = index.read(0, (int) Math.min(AriaHeader.BYTES_MAX, index.version.bytes));
        int keystart = AriaHeader.keystartOf(prefix, place);
        if (prefix.length < keystart) {
            throw ProblemException.refused(
                    "%s has %d bytes, but its header alone has %d (keystart): it is cut short; copy it again. %s"
                            .formatted(place, prefix.length, keystart, index.purpose.refused));
        }
        return AriaHeader.parse(Arrays.copyOf(prefix, keystart), place);
    }

    private void checkLength(TableFile file) throws ProblemException {
        long expected = header.fileLength(file);
        long found = length(file);
        if (expected == found) {
            return;
        }
        throw ProblemException.refused(
                "%s has %d bytes, but the header says %d (%s): it is %s. %s"
                        .formatted(
                                of(file).path,
                                found,
                                expected,
                                file == TableFile.INDEX ? "key_file_length" : "data_file_length",
                                found < expected
                                        ? "cut short; copy it again"
                                        : "of another version than the header; FLUSH TABLES, then"
                                                + " copy it again",
                                index.purpose.refused));
    }

    AriaHeader header() {
        return header;
    }

    Path path(TableFile file) {
        return of(file).path;
    }

    /** Bytes of the file: as many as the header says. */
    long length(TableFile file) {
        return of(file).version.bytes;
    }

    /**
     * @throws EOFException the file became shorter since it was opened
     */
    byte[] read(TableFile file, long offset, int length) throws IOException {
        return of(file).read(offset, length);
    }

    /**
     * @throws ProblemException a file was written, or replaced, since {@link #open}
     */
    void checkUnchanged() throws ProblemException, IOException {
        index.checkUnchanged();
        data.checkUnchanged();
    }

    private LocalFile of(TableFile file) {
        return file == TableFile.INDEX ? index : data;
    }

    @Override
    public void close() throws IOException {
        index.channel.close();
        data.channel.close();
    }

    /** What changes when a file is written or replaced. */
    private record Version(long bytes, FileTime modified, @Nullable Object fileKey) {
        static Version of(Path path) throws IOException {
            BasicFileAttributes now = Files.readAttributes(path, BasicFileAttributes.class);
            return new Version(now.size(), now.lastModifiedTime(), now.fileKey());
        }
    }

    private record LocalFile(Path path, FileChannel channel, Version version, Purpose purpose) {
        static LocalFile open(Path directory, String name, TableFile file, Purpose purpose)
                throws ProblemException, IOException {
            Path path = directory.resolve(name + "." + file.extension());
            if (!Files.isRegularFile(path)) {
                throw ProblemException.refused(
                        "no file %s: a local copy has its files there, under the table's name in the bucket. %s"
                                .formatted(path, purpose.refused));
            }
            Version version = Version.of(path);
            return new LocalFile(
                    path, FileChannel.open(path, StandardOpenOption.READ), version, purpose);
        }

        byte[] read(long offset, int length) throws IOException {
            var bytes = ByteBuffer.allocate(length);
            while (bytes.hasRemaining()) {
                if (channel.read(bytes, offset + bytes.position()) < 0) {
                    throw new EOFException(changed());
                }
            }
            return bytes.array();
        }

        void checkUnchanged() throws ProblemException, IOException {
            if (!Version.of(path).equals(version)) {
                throw ProblemException.of(Problem.Kind.FAILED, changed());
            }
        }

        private String changed() {
            return "%s changed while it was read: %s".formatted(path, purpose.changed);
        }
    }
}
