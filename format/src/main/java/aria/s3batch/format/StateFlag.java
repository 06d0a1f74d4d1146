package aria.s3batch.format;

import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/** A bit of the header field {@code changed}. Aria's names and values, checked against MariaDB 10.11. */
public enum StateFlag {
    CHANGED(1),
    CRASHED(2),
    CRASHED_ON_REPAIR(4),
    NOT_ANALYZED(8),
    NOT_OPTIMIZED_KEYS(16),
    NOT_SORTED_PAGES(32),
    NOT_OPTIMIZED_ROWS(64),
    NOT_ZEROFILLED(128),
    NOT_MOVABLE(256),
    MOVED(512),
    IN_REPAIR(1024),
    CRASHED_PRINTED(2048),
    DATA_FILE_FULL(4096);

    private final int bit;

    StateFlag(int bit) {
        this.bit = bit;
    }

    /** Whether a server would refuse or repair the table, so that it must not be committed. */
    public boolean meansDamage() {
        return this == CRASHED
                || this == CRASHED_ON_REPAIR
                || this == IN_REPAIR
                || this == CRASHED_PRINTED;
    }

    /** The flags that are set in a value of {@code changed}; bits without a name are left out. */
    public static List<StateFlag> in(long changed) {
        return Arrays.stream(values()).filter(flag -> (changed & flag.bit) != 0).toList();
    }

    /** {@code CHANGED|NOT_ANALYZED}; bits without a name in hex; {@code none} for 0. */
    public static String words(long changed) {
        String named = in(changed).stream().map(Enum::name).collect(Collectors.joining("|"));
        long unnamed = changed;
        for (StateFlag flag : values()) {
            unnamed &= ~flag.bit;
        }
        if (unnamed == 0) {
            return named.isEmpty() ? "none" : named;
        }
        return (named.isEmpty() ? "" : named + "|") + "0x" + Long.toHexString(unnamed);
    }
}
