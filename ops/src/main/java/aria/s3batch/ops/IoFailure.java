package aria.s3batch.ops;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;

/** The JDK's file exceptions as sentences: some carry a path for a message and nothing else. */
final class IoFailure {
    private IoFailure() {}

    static String inWords(IOException failure) {
        return switch (failure) {
            case NoSuchFileException e -> e.getFile() + ": no such file or directory";
            case AccessDeniedException e -> e.getFile() + ": permission denied";
            case FileSystemException e -> e.getFile() + ": " + e.getReason();
            default -> words(failure);
        };
    }

    /** The message, or the kind of exception where there is none. */
    static String words(Exception failure) {
        String message = failure.getMessage();
        return message == null ? failure.toString() : message;
    }
}
