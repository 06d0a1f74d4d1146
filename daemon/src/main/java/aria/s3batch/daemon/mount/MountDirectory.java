package aria.s3batch.daemon.mount;

import aria.s3batch.daemon.BatchException;
import aria.s3batch.daemon.api.Problem;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.UserPrincipal;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * A directory that may be mounted over.
 *
 * @param path absolute, without symbolic links
 * @param uid of its owner, to whom the files will belong
 * @param gid of its group
 * @param databaseOptions its {@code db.opt}, shown in the mount, too: a server reads the default character
 *     set of a database there
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
record MountDirectory(Path path, int uid, int gid, Optional<byte[]> databaseOptions) {
    static final String DATABASE_OPTIONS = "db.opt";
    private static final int DATABASE_OPTIONS_BYTES_MAX = 4096;

    /**
     * Looks at a directory.
     *
     * @param peer who asks: root may mount anywhere, others over directories that are theirs, so that
     *     nobody replaces what others look at
     * @throws BatchException it may not be mounted over; the message says why
     */
    static MountDirectory check(Path directory, UserPrincipal peer) throws IOException {
        if (!directory.isAbsolute()) {
            throw new BatchException(
                    Problem.Kind.USAGE, "%s is not an absolute path".formatted(directory));
        }
        Path path;
        try {
            path = directory.toRealPath();
        } catch (NoSuchFileException e) {
            throw new BatchException(
                    Problem.Kind.NOT_FOUND,
                    "there is no directory %s: make it first".formatted(directory));
        }
        var attributes =
                Files.readAttributes(path, PosixFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
        if (!attributes.isDirectory()) {
            throw refused(directory, "it is no directory");
        }
        if (!peer.getName().equals("root") && !attributes.owner().equals(peer)) {
            throw new BatchException(
                    Problem.Kind.FORBIDDEN,
                    "user %s may not mount over %s, which belongs to %s: its owner and root may"
                            .formatted(peer.getName(), directory, attributes.owner().getName()));
        }
        if (KernelMounts.isMountPoint(path)) {
            throw refused(directory, "something is mounted there already");
        }
        List<Path> found;
        try (Stream<Path> list = Files.list(path)) {
            found = list.toList();
        }
        for (Path each : found) {
            if (!each.endsWith(DATABASE_OPTIONS)) {
                throw refused(
                        directory,
                        "it must be empty, but for a db.opt, and has " + each.getFileName());
            }
        }
        return new MountDirectory(
                path,
                (int) Files.getAttribute(path, "unix:uid", LinkOption.NOFOLLOW_LINKS),
                (int) Files.getAttribute(path, "unix:gid", LinkOption.NOFOLLOW_LINKS),
                found.isEmpty()
                        ? Optional.empty()
                        : databaseOptions(found.getFirst(), attributes.owner()));
    }

    /** Only a file of the directory's owner: the mount must not show what the owner cannot read. */
    private static Optional<byte[]> databaseOptions(Path file, UserPrincipal owner)
            throws IOException {
        var attributes =
                Files.readAttributes(file, PosixFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
        if (!attributes.isRegularFile() || !attributes.owner().equals(owner)) {
            return Optional.empty();
        }
        try (InputStream in = Files.newInputStream(file, LinkOption.NOFOLLOW_LINKS)) {
            return Optional.of(in.readNBytes(DATABASE_OPTIONS_BYTES_MAX));
        }
    }

    private static BatchException refused(Path directory, String why) {
        return new BatchException(
                Problem.Kind.REFUSED,
                "cannot mount at %s: %s. Nothing was changed".formatted(directory, why));
    }
}
