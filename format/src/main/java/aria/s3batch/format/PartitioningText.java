package aria.s3batch.format;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * The SQL after a table's columns that says how it is partitioned, as the server writes it into a {@link
 * FrmImage}: UTF-8, {@code ENGINE = S3} with one space on each side behind every partition, and nowhere
 * when all is said by a number of partitions alone. In quotes the same letters are a value, a name or a
 * comment.
 */
final class PartitioningText {
    private static final byte[] ENGINE = "ENGINE = ".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] S3 = {'S', '3'};
    private static final byte[] ARIA = {'A', 'r', 'i', 'a'};

    private PartitioningText() {}

    /**
     * The same with every {@code ENGINE = S3} outside of quotes changed.
     *
     * @throws DamagedTableException a quote is not closed, or a partition is in another engine
     */
    static byte[] toAria(byte[] text, String place) throws DamagedTableException {
        var out = new ByteArrayOutputStream(text.length + 64);
        int at = 0;
        while (at < text.length) {
            int end = at + 1;
            if (text[at] == '\'' || text[at] == '"' || text[at] == '`') {
                end = quoteEnd(text, at, place);
            } else if (startsWith(ENGINE, text, at)) {
                int nameAt = at + ENGINE.length;
                end = nameAt + S3.length;
                if (!startsWith(S3, text, nameAt) || end < text.length && isOfName(text[end])) {
                    throw new DamagedTableException(
                            place,
                            "ENGINE = S3 at byte %d of the partitioning".formatted(at),
                            "another engine");
                }
                out.writeBytes(ENGINE);
                out.writeBytes(ARIA);
                at = end;
                continue;
            }
            out.write(text, at, end - at);
            at = end;
        }
        return out.toByteArray();
    }

    /** A quote doubled within quotes ends them and begins them again, which is the same here. */
    private static int quoteEnd(byte[] text, int from, String place) throws DamagedTableException {
        byte quote = text[from];
        for (int at = from + 1; at < text.length; at++) {
            if (text[at] == quote) {
                return at + 1;
            }
            if (text[at] == '\\' && quote != '`') {
                at++; // written by the server under any sql_mode
            }
        }
        throw new DamagedTableException(
                place,
                "an end of the quote at byte %d of the partitioning".formatted(from),
                "none in its " + text.length + " bytes");
    }

    private static boolean startsWith(byte[] prefix, byte[] text, int at) {
        int end = at + prefix.length;
        return end <= text.length && Arrays.equals(prefix, 0, prefix.length, text, at, end);
    }

    private static boolean isOfName(byte letter) {
        return Character.isLetterOrDigit(letter) || letter == '_';
    }
}
