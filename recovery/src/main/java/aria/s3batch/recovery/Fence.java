package aria.s3batch.recovery;

/**
 * How far the fence of a batch is up: whether {@code frm} and {@code aria} of its tables may be absent
 * because of it. Kept in the journal, stored by {@link #code}.
 *
 * <pre>
 * DOWN -> RISING -> UP -> (the batch ends)
 *   ^--- lowered --'
 * </pre>
 */
public enum Fence {
    /** Both are there, as far as this batch goes. */
    DOWN(0),

    /** Both may be gone; no block has been written since. */
    RISING(1),

    /** Both were gone, and blocks may have been written. */
    UP(2);

    private final int code;

    Fence(int code) {
        this.code = code;
    }

    int code() {
        return code;
    }
}
