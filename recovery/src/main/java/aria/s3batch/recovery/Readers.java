package aria.s3batch.recovery;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** What servers that read a table see of a batch while it is applied, and how they notice that it was. */
public enum Readers {
    /**
     * New statements get an error while the batch is applied, and the new rows after it: {@code frm} and
     * {@code aria} are away meanwhile.
     */
    FENCE(1),

    /**
     * A server that has the table open notices with its next statement after the batch. Until then it sees a
     * mixture, if it reads at all.
     */
    REFRESH(2),

    /** The definition stays as it is: servers need {@code FLUSH TABLES}. */
    NONE(3);

    private final int code;

    Readers(int code) {
        this.code = code;
    }

    /** As in the journal. */
    int code() {
        return code;
    }

    /** As in options and documents: {@code fence}. */
    public String word() {
        return name().toLowerCase(Locale.ROOT);
    }

    /**
     * @throws IllegalArgumentException it is none of the words
     */
    public static Readers ofWord(String word) {
        for (Readers readers : values()) {
            if (readers.word().equals(word)) {
                return readers;
            }
        }
        throw new IllegalArgumentException("readers '%s': use %s".formatted(word, words()));
    }

    /** All of them, for messages. */
    public static String words() {
        return Arrays.stream(values()).map(Readers::word).collect(Collectors.joining(", "));
    }
}
