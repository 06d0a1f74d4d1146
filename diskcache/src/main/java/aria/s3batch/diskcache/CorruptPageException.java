package aria.s3batch.diskcache;

import java.nio.file.Path;

/** A slot whose CRC32C is not the one recorded when its page was staged. */
public final class CorruptPageException extends DamagedPageFileException {
    private static final long serialVersionUID = 1L;

    private final int slot;

    CorruptPageException(Path file, int slot, long offset, int expected, int found) {
        super(
                file,
                offset,
                "CRC32C of slot " + slot,
                "%08x".formatted(expected),
                "%08x".formatted(found));
        this.slot = slot;
    }

    public int slot() {
        return slot;
    }
}
