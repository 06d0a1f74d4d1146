package aria.s3batch.ops.sql;

/**
 * A row of {@code SHOW WARNINGS}.
 *
 * @param level Note, Warning or Error
 */
public record SqlWarning(String level, int code, String message) {}
