package aria.s3batch.ops.sql;

/**
 * One statement of a text.
 *
 * @param text as it was written, comments included, without the delimiter
 * @param line where it starts, from 1
 */
public record SqlStatement(String text, int line) {}
