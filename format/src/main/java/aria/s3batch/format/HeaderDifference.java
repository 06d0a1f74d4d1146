package aria.s3batch.format;

import org.jspecify.annotations.Nullable;

/**
 * One place in which two headers differ, in words.
 *
 * @param field the field, or null for bytes that belong to none: definitions of keys and columns, the
 *     zeros after them, or all after the file header when the two have different numbers of keys
 * @param name {@code key_root[2]}, {@code definitions of keys and columns}
 * @param index which of a repeated field, else 0
 * @param offset of the first byte, in the header
 * @param before value in words
 * @param after value in words
 */
public record HeaderDifference(
        @Nullable HeaderField field,
        String name,
        int index,
        int offset,
        String before,
        String after) {
    @Override
    public String toString() {
        return name + ": " + before + " -> " + after;
    }
}
