package aria.s3batch.ops;

import aria.s3batch.format.TableName;

import org.jspecify.annotations.Nullable;

import java.nio.file.Files;
import java.nio.file.Path;

/**
 * What an {@code inspect} argument names: a file that is there, or else a table in the bucket.
 *
 * @param table null if it is a file
 */
record TableOrFile(Path file, @Nullable TableName table) {
    static TableOrFile of(String text) throws ProblemException {
        Path path = Path.of(text);
        if (Files.isRegularFile(path)) {
            return new TableOrFile(path, null);
        }
        try {
            return new TableOrFile(path, TableName.parse(text));
        } catch (IllegalArgumentException e) {
            throw ProblemException.usage(
                    "'%s' is neither a file that is there nor a table: %s"
                            .formatted(text, e.getMessage()));
        }
    }
}
