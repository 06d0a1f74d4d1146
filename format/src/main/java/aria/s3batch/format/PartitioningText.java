package aria.s3batch.format;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * The SQL after a table's columns that says how it is partitioned, as the server writes it into a {@link
 * FrmImage}: UTF-8, {@code ENGINE = S3} (or another) with one space on each side behind every partition, and nowhere
 * when all is said by a number of partitions alone. In quotes the same letters are a value, a name or a
 * comment.
 */
final class PartitioningText {
    private static final byte[] ENGINE = "ENGINE = ".getBytes(StandardCharsets.US_ASCII);

    private PartitioningText() {}

    /**
     * The same with every engine outside of quotes changed.
     *
     * @param from the name that all of them have
     * @throws DamagedTableException a quote is not closed, or a partition is in another engine
     */
    static byte[] withEngine(byte[] text, byte[] from, byte[] to, String place)
            throws DamagedTableException {
        var out = new ByteArrayOutputStream(text.length + 64);
        int at = 0;
        while (at < text.length) {
            int end = at + 1;
            if (text[at] == '\'' || text[at] == '"' || text[at] == '`') {
                end = quoteEnd(text, at, place);
            } else if (startsWith(ENGINE, text, at)) {
                int nameAt = at + ENGINE.length;
                end = nameAt + from.length;
                if (!startsWith(from, text, nameAt) || end < text.length && isOfName(text[end])) {
                    throw new DamagedTableException(
                            place,
                            "ENGINE = %s at byte %d of the partitioning"
                                    .formatted(new String(from, StandardCharsets.US_ASCII), at),
                            "another engine");
                }
                out.writeBytes(ENGINE);
                out.writeBytes(to);
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
