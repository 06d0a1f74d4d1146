package aria.s3batch.diskcache;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/**
 * The local disk as the disk cache sees it: positional files, and directories whose names become
 * durable only when they are synced. {@link LocalDisk} is the real one; a simulator implements the same
 * contract and makes it fail.
 *
 * <p>What survives a power loss: of a file, what was written before its last {@link DiskFile#sync}; a
 * name, created or deleted, when {@link #syncDirectory} of its directory returned after that. Anything
 * else may be there, be missing, or be there in part.
 *
 * <p>Every method may throw an {@link IOException} that names the path, and those that need room a
 * {@link CacheFullException}. Any thread may call any method.
 */
public interface Disk {
    /**
     * Creates an empty file, open for reading and writing.
     *
     * @throws java.nio.file.FileAlreadyExistsException it is there already
     */
    DiskFile create(Path file) throws IOException;

    /**
     * Opens a file for reading and writing.
     *
     * @throws java.nio.file.NoSuchFileException it is not there
     */
    DiskFile open(Path file) throws IOException;

    boolean exists(Path path) throws IOException;

    /** @throws java.nio.file.NoSuchFileException it is not there */
    long size(Path file) throws IOException;

    /** Deletes a file or an empty directory; false if it was not there. */
    boolean delete(Path path) throws IOException;

    /**
     * Gives a file another name in its directory, in place of the file that has it: whoever looks finds one or
     * the other, also after a power loss.
     *
     * @throws java.nio.file.NoSuchFileException it is not there
     */
    void rename(Path file, Path newName) throws IOException;

    /** The paths in a directory, sorted; none if it is not there. */
    List<Path> list(Path directory) throws IOException;

    void createDirectories(Path directory) throws IOException;

    /** On return the names in this directory survive power loss. Never retry it after a failure. */
    void syncDirectory(Path directory) throws IOException;

    /** Room on the file system of a directory, in bytes, as this process may use it. */
    long freeBytes(Path directory) throws IOException;
}
