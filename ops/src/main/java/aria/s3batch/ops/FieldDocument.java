package aria.s3batch.ops;

import org.jspecify.annotations.Nullable;

import java.io.PrintStream;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * What {@code inspect} shows of a file that is a list of fields.
 *
 * @param place the object or file
 * @param damage null if all of it can be read; fields are shown all the same where they can be
 * @param fields in words, in the order of the file; a list where a field is there more than once
 */
record FieldDocument(String place, int bytes, @Nullable String damage, Map<String, Object> fields) {
    private static final int SHOWN_BYTES = 64;
    private static final int NAME_COLUMNS = 28;

    /** Fields, line by line; in hexadecimal digits what has none. */
    void print(PrintStream out, byte[] content) {
        if (fields.isEmpty()) {
            int shown = Math.min(SHOWN_BYTES, content.length);
            out.println(
                    "%d bytes, starting with %s"
                            .formatted(
                                    content.length, HexFormat.of().formatHex(content, 0, shown)));
            return;
        }
        fields.forEach((name, value) -> out.println(line(name, value)));
    }

    private static String line(String name, Object value) {
        String words =
                value instanceof List<?> list
                        ? list.stream().map(String::valueOf).collect(Collectors.joining(" "))
                        : String.valueOf(value);
        String indent = "\n" + " ".repeat(NAME_COLUMNS + 1);
        return "%-28s %s".formatted(name, words.replace("\n", indent));
    }
}
