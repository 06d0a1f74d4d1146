package aria.s3batch.ops;

import aria.s3batch.recovery.Readers;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;

/** {@code --readers}: what servers that read the tables see while a batch is applied. */
final class ReadersOption {
    @Option(
            names = "--readers",
            paramLabel = "MODE",
            converter = Word.class,
            description = {
                "fence: new statements on the tables get error 1146 while the batch is applied, and"
                        + " the new rows after it.",
                "refresh: servers notice the new rows with their next statement; who reads"
                        + " meanwhile sees a mixture.",
                "none: as refresh, but servers that have a table open need FLUSH TABLES.",
                "Without it, as the daemon's option readers says, which is fence if it says"
                        + " nothing."
            })
    @Nullable Readers readers;

    /** As the daemon takes it; null if it is not given. */
    @Nullable String word() {
        return readers == null ? null : readers.word();
    }

    /** Called by picocli, which takes the message of its exception for the user. */
    static final class Word implements ITypeConverter<Readers> {
        @Override
        public Readers convert(String word) {
            return Readers.ofWord(word);
        }
    }
}
