package aria.s3batch.format;

import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The keys of a table's objects in the bucket. A partition has its own header and blocks; definition
 * ({@code frm}) and partition list ({@code par}) are those of the partitioned table.
 */
public record ObjectNames(TableName table) {
    /** The name of the header's object below the table's prefix. */
    public static final String HEADER = "aria";

    private static final Pattern BLOCK = Pattern.compile("(index|data)/([0-9]{6,18})");

    /** {@code database/table/}: what all keys of this table, or partition, start with. */
    public String prefix() {
        return table.path() + "/";
    }

    /** The header. */
    public String header() {
        return prefix() + HEADER;
    }

    /** The table definition; for a partition, that of its table. */
    public String frm() {
        return table.base().path() + "/frm";
    }

    /** The list of partitions; there only if the table is partitioned. */
    public String par() {
        return table.base().path() + "/par";
    }

    public String block(BlockName block) {
        return prefix() + block;
    }

    /**
     * The block that a key names: the reverse of {@link #block}. Empty for any other key, also for one
     * that only looks like a block, such as {@code data/0000001}: no server would ever read it.
     */
    public Optional<BlockName> blockOf(String key) {
        if (!key.startsWith(prefix())) {
            return Optional.empty();
        }
        Matcher matcher = BLOCK.matcher(key.substring(prefix().length()));
        if (!matcher.matches()) {
            return Optional.empty();
        }
        long number = Long.parseLong(matcher.group(2));
        if (number == 0) {
            return Optional.empty();
        }
        BlockName block = new BlockName(TableFile.ofKey(matcher.group(1)), number);
        return block(block).equals(key) ? Optional.of(block) : Optional.empty();
    }
}
