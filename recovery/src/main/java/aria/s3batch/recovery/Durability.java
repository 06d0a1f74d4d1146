package aria.s3batch.recovery;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** What a batch survives once its commit is answered. */
public enum Durability {
    /** Crashes and power loss of its host: it is on the host's disk. */
    LOCAL,

    /** The loss of its host, too: a copy of it is in the bucket, see {@link BucketJournal}. */
    BUCKET;

    /** As in options and documents: {@code bucket}. */
    public String word() {
        return name().toLowerCase(Locale.ROOT);
    }

    /**
     * @throws IllegalArgumentException it is none of the words
     */
    public static Durability ofWord(String word) {
        for (Durability durability : values()) {
            if (durability.word().equals(word)) {
                return durability;
            }
        }
        throw new IllegalArgumentException("durability '%s': use %s".formatted(word, words()));
    }

    /** All of them, for messages. */
    public static String words() {
        return Arrays.stream(values()).map(Durability::word).collect(Collectors.joining(", "));
    }
}
