package aria.s3batch.format;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A table as the bucket names it: both parts in MariaDB's file-name encoding, {@code #P#} of a
 * partition literal. A name that was made is safe as a key and as a file name: no slash, no dot.
 *
 * @param database the folder of the database
 * @param table the folder of the table, or of one partition of it
 */
public record TableName(String database, String table) implements Comparable<TableName> {
    /**
     * Longest {@link #path}: a key has 1024 bytes, and ours put folder, batch and object around a table's. A server makes
     * names of at most 64 characters a part.
     */
    private static final int PATH_CHARS_MAX = 950;

    private static final String PARTITION = "#P#";

    /** Base table, partition, sub-partition: the separators are literal, the names between encoded. */
    private static final Pattern PARTS =
            Pattern.compile("([^#]+)(?:(#P#)([^#]+)(?:(#SP#)([^#]+))?)?");

    /** Where a name as SQL shows it is cut into parts that are encoded by themselves. */
    private static final Pattern SEPARATOR = Pattern.compile("#S?P#");

    /**
     * @throws IllegalArgumentException a part is not in file-name encoding, or both are longer than a key
     */
    public TableName {
        refuseLonger(database.length() + 1 + table.length());
        FileNameEncoding.decode(database);
        decodeTable(table);
    }

    private static void refuseLonger(int chars) {
        if (chars > PATH_CHARS_MAX) {
            throw new IllegalArgumentException(
                    "not a table: a name of %d characters, where S3 has room for %d"
                            .formatted(chars, PATH_CHARS_MAX));
        }
    }

    private static String decodeTable(String table) {
        Matcher parts = PARTS.matcher(table);
        if (!parts.matches()) {
            throw new IllegalArgumentException(
                    "not a name in MariaDB's file-name encoding: '" + table + "'");
        }
        StringBuilder name = new StringBuilder();
        for (int group = 1; group <= parts.groupCount() && parts.group(group) != null; group++) {
            boolean separator = group % 2 == 0;
            name.append(
                    separator ? parts.group(group) : FileNameEncoding.decode(parts.group(group)));
        }
        return name.toString();
    }

    /**
     * A table as a user names it: {@code db.table} as SQL shows the names, with or without backticks, or
     * {@code db/table} as in the bucket. {@code #P#} and {@code #SP#} lead to a partition in both.
     *
     * @throws IllegalArgumentException neither; the message says why
     */
    public static TableName parse(String text) {
        refuseLonger(text.length());
        if (!text.startsWith("`") && text.indexOf('/') >= 0) {
            int slash = text.indexOf('/');
            return new TableName(text.substring(0, slash), text.substring(slash + 1));
        }
        SqlName database = SqlName.read(text, 0);
        if (database.end() >= text.length() || text.charAt(database.end()) != '.') {
            throw new IllegalArgumentException(
                    "not a table: '" + text + "' (write db.table, or db/table as in the bucket)");
        }
        SqlName table = SqlName.read(text, database.end() + 1);
        if (table.end() != text.length()) {
            throw new IllegalArgumentException(
                    "not a table: '%s' goes on after db.table at '%s' (quote a name that has a dot with"
                                    .formatted(text, text.substring(table.end()))
                            + " backticks)");
        }
        return new TableName(FileNameEncoding.encode(database.name()), encodeTable(table.name()));
    }

    private static String encodeTable(String name) {
        StringBuilder encoded = new StringBuilder();
        int from = 0;
        for (var match : SEPARATOR.matcher(name).results().toList()) {
            encoded.append(FileNameEncoding.encode(name.substring(from, match.start())));
            encoded.append(match.group());
            from = match.end();
        }
        return encoded.append(FileNameEncoding.encode(name.substring(from))).toString();
    }

    /** One name of a dotted pair, and where it ends in the text. */
    private record SqlName(String name, int end) {
        static SqlName read(String text, int from) {
            if (from >= text.length() || text.charAt(from) != '`') {
                int dot = text.indexOf('.', from);
                int end = dot < 0 ? text.length() : dot;
                return new SqlName(nonEmpty(text, text.substring(from, end)), end);
            }
            StringBuilder name = new StringBuilder();
            for (int i = from + 1; i < text.length(); i++) {
                char c = text.charAt(i);
                if (c != '`') {
                    name.append(c);
                } else if (text.startsWith("``", i)) {
                    name.append('`');
                    i++;
                } else {
                    return new SqlName(nonEmpty(text, name.toString()), i + 1);
                }
            }
            throw new IllegalArgumentException(
                    "not a table: '" + text + "' lacks a closing backtick");
        }

        private static String nonEmpty(String text, String name) {
            if (name.isEmpty()) {
                throw new IllegalArgumentException("not a table: '" + text + "' has an empty name");
            }
            return name;
        }
    }

    /**
     * The name as SQL shows it, which {@link #parse} takes back; with backticks only where it would not be
     * taken back without, and in the form of the bucket where SQL's is ambiguous.
     */
    public String display() {
        String shownDatabase = sqlDatabase();
        String shownTable = sqlTable();
        String plain = shownDatabase + "." + shownTable;
        if (isTakenBack(plain)) {
            return plain;
        }
        String quoted =
                "`%s`.`%s`"
                        .formatted(shownDatabase.replace("`", "``"), shownTable.replace("`", "``"));
        return isTakenBack(quoted) ? quoted : path();
    }

    /** The database as SQL names it, without backticks. */
    public String sqlDatabase() {
        return FileNameEncoding.decode(database);
    }

    /** The table as SQL names it, without backticks and without its database. */
    public String sqlTable() {
        return decodeTable(table);
    }

    private boolean isTakenBack(String text) {
        try {
            return parse(text).equals(this);
        } catch (IllegalArgumentException e) {
            return false; // the answer: it would be refused
        }
    }

    /** Whether this is one partition, or sub-partition, of a table. */
    public boolean isPartition() {
        return table.contains(PARTITION);
    }

    /** The partitioned table, if this is a partition; else this table. */
    public TableName base() {
        return isPartition()
                ? new TableName(database, table.substring(0, table.indexOf(PARTITION)))
                : this;
    }

    /** What the keys of all partitions of this table start with: {@code database/table#P#}. */
    public String partitionPrefix() {
        return base().path() + PARTITION;
    }

    /** {@code database/table}: the key prefix, without a trailing slash. */
    public String path() {
        return database + "/" + table;
    }

    @Override
    public int compareTo(TableName other) {
        return path().compareTo(other.path());
    }
}
