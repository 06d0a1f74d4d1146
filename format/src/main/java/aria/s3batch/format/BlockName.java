package aria.s3batch.format;

/**
 * Which block of a table: {@code data/000003} is the third object of the .MAD. Ordered as apply writes
 * them: the index file before the data file, then by number.
 *
 * @param number counted from 1, as in the object's key
 */
public record BlockName(TableFile file, long number) implements Comparable<BlockName> {
    public BlockName {
        if (number < 1) {
            throw new IllegalArgumentException("block numbers start at 1: " + number);
        }
    }

    @Override
    public int compareTo(BlockName other) {
        int byFile = file.compareTo(other.file);
        return byFile != 0 ? byFile : Long.compare(number, other.number);
    }

    /** The key below the table's prefix: at least six digits, longer from block 1000000 on. */
    @Override
    public String toString() {
        return "%s/%06d".formatted(file.key(), number);
    }
}
