package aria.s3batch.format;

/**
 * A table as the bucket names it: both parts in MariaDB's file-name encoding, {@code #P#} of a
 * partition literal.
 */
public record TableName(String database, String table) implements Comparable<TableName> {
    /** {@code database/table}: the key prefix, without a trailing slash. */
    public String path() {
        return database + "/" + table;
    }

    @Override
    public int compareTo(TableName other) {
        return path().compareTo(other.path());
    }
}
