package aria.s3batch.ops;

import aria.s3batch.recovery.Durability;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;

/** {@code --durability}: what a batch survives once it is committed. */
final class DurabilityOption {
    @Option(
            names = "--durability",
            paramLabel = "MODE",
            converter = Word.class,
            description = {
                "local: a committed batch survives crashes and power loss of its host.",
                "bucket: the loss of the host, too: a copy of the batch is written into the bucket"
                        + " before the commit is answered, see `aria_s3_batch recover --help`.",
                "Without it, as the daemon's option durability says, which is local if it says"
                        + " nothing."
            })
    @Nullable Durability durability;

    /** As the daemon takes it; null if it is not given. */
    @Nullable String word() {
        return durability == null ? null : durability.word();
    }

    /** Called by picocli, which takes the message of its exception for the user. */
    static final class Word implements ITypeConverter<Durability> {
        @Override
        public Durability convert(String word) {
            return Durability.ofWord(word);
        }
    }
}
