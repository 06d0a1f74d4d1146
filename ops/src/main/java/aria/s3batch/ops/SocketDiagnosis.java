package aria.s3batch.ops;

import aria.s3batch.daemon.api.Problem;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFileAttributes;

/** Why the daemon's socket does not let a client in, in words that say what to do. */
final class SocketDiagnosis {
    private SocketDiagnosis() {}

    /**
     * @param cause what the connection attempt ended with
     */
    static ProblemException of(Path socket, Throwable cause) {
        try {
            Path found = socket.toRealPath();
            if (!Files.isWritable(found)) {
                return forbidden(socket, socket, cause);
            }
            return notRunning(socket, "nothing listens there: it has ended", cause);
        } catch (NoSuchFileException e) {
            return notRunning(socket, "no such socket", cause);
        } catch (AccessDeniedException e) {
            Path parent = socket.toAbsolutePath().getParent();
            return forbidden(socket, parent == null ? socket : parent, cause);
        } catch (IOException e) {
            return notRunning(socket, e.toString(), cause);
        }
    }

    private static NoAnswerException notRunning(Path socket, String found, Throwable cause) {
        return new NoAnswerException(
                "aria_s3_batchd is not running (tried %s: %s). Start it: systemctl start aria_s3_batchd, or"
                                .formatted(socket, found)
                        + " aria_s3_batchd; if it uses another socket, name it with --socket=PATH"
                        + " or --defaults-file=FILE",
                false,
                cause);
    }

    private static ProblemException forbidden(Path socket, Path closed, Throwable cause) {
        String group;
        try {
            group =
                    Files.readAttributes(
                                    closed, PosixFileAttributes.class, LinkOption.NOFOLLOW_LINKS)
                            .group()
                            .getName();
        } catch (IOException e) {
            group = "of its directory";
        }
        return new ProblemException(
                Problem.of(
                        Problem.Kind.FORBIDDEN,
                        "not allowed to use %s: be root, the daemon's user, or a member of the group %s"
                                .formatted(socket, group)),
                cause);
    }
}
