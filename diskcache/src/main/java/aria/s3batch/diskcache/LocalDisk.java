package aria.s3batch.diskcache;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/** The real disk. */
public final class LocalDisk implements Disk {
    private static final FileAttribute<Set<PosixFilePermission>> OWNER_AND_GROUP =
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwxr-x---"));

    @Override
    public DiskFile create(Path file) throws IOException {
        try {
            return LocalDiskFile.create(file);
        } catch (IOException e) {
            throw fullOr(e, file, 1);
        }
    }

    @Override
    public DiskFile open(Path file) throws IOException {
        return LocalDiskFile.open(file);
    }

    /** Not {@link Files#exists}: that takes a disk that fails for one that has no such file. */
    @Override
    public boolean exists(Path path) throws IOException {
        try {
            Files.readAttributes(path, BasicFileAttributes.class);
            return true;
        } catch (NoSuchFileException e) {
            return false;
        }
    }

    @Override
    public long size(Path file) throws IOException {
        return Files.size(file);
    }

    @Override
    public boolean delete(Path path) throws IOException {
        return Files.deleteIfExists(path);
    }

    @Override
    public void rename(Path file, Path newName) throws IOException {
        try {
            Files.move(file, newName, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            throw fullOr(e, newName, 1);
        }
    }

    @Override
    public List<Path> list(Path directory) throws IOException {
        try (Stream<Path> paths = Files.list(directory)) {
            return paths.sorted().toList();
        } catch (NoSuchFileException e) {
            return List.of();
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }

    /** For who may use the daemon, its user and its group: staged pages are rows of the table. */
    @Override
    public void createDirectories(Path directory) throws IOException {
        try {
            Files.createDirectories(directory, OWNER_AND_GROUP);
        } catch (IOException e) {
            throw fullOr(e, directory, 1);
        }
    }

    /** Linux syncs a directory through a descriptor opened for reading. */
    @Override
    public void syncDirectory(Path directory) throws IOException {
        if (!Files.isDirectory(directory)) {
            throw new NotDirectoryException(directory.toString());
        }
        try (FileChannel names = FileChannel.open(directory, StandardOpenOption.READ)) {
            names.force(true);
        }
    }

    @Override
    public long freeBytes(Path directory) throws IOException {
        FileStore store = Files.getFileStore(directory);
        return store.getUsableSpace();
    }

    /**
     * What an error means: a full disk, or itself. The system's text is translated on some hosts, so the
     * room that is left is asked for as well.
     */
    static IOException fullOr(IOException error, Path path, long neededBytes) {
        String text = String.valueOf(error.getMessage());
        boolean full =
                text.contains("No space left on device") || text.contains("Disk quota exceeded");
        if (!full && !(error instanceof java.nio.file.FileSystemException)) {
            full = hasLessThan(path, neededBytes);
        }
        return full
                ? new CacheFullException(
                        "the disk of "
                                + path
                                + " is full: nothing that was staged is lost; free space there, or"
                                + " commit or abort batches, then stage again",
                        error)
                : error;
    }

    private static boolean hasLessThan(Path path, long neededBytes) {
        Path directory = path.toAbsolutePath().getParent();
        return directory != null && directory.toFile().getUsableSpace() < neededBytes;
    }
}
