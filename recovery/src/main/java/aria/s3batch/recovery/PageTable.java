package aria.s3batch.recovery;

import java.util.Arrays;

/**
 * Where the staged pages of one block lie in the page file, sorted by page. Immutable.
 *
 * <p>Invariants: P1 pages ascend strictly. P2 slots are not negative.
 */
public final class PageTable {
    public static final PageTable EMPTY = new PageTable(new int[0], new int[0], new int[0]);

    private final int[] pageInBlock;
    private final int[] slot;
    private final int[] crc32c;

    private PageTable(int[] pageInBlock, int[] slot, int[] crc32c) {
        this.pageInBlock = pageInBlock;
        this.slot = slot;
        this.crc32c = crc32c;
        for (int i = 0; i < pageInBlock.length; i++) {
            assert i == 0 || pageInBlock[i - 1] < pageInBlock[i] : "P1 at " + i;
            assert slot[i] >= 0 : "P2 at " + i;
        }
    }

    public int size() {
        return pageInBlock.length;
    }

    /** Number of the i-th staged page, counted from the start of its block. */
    public int pageInBlock(int i) {
        return pageInBlock[i];
    }

    /** Slot of the i-th staged page in the table's page file. */
    public int slot(int i) {
        return slot[i];
    }

    /** CRC-32C of the i-th staged page's image, taken when it was staged. */
    public int crc32c(int i) {
        return crc32c[i];
    }

    /** CRC-32Cs of the i-th staged page and of those after it whose slots follow its own, {@code most} at most. */
    int[] crcsOfRun(int i, int most) {
        int end = i + 1;
        while (end < size() && end < i + most && slot[end] == slot[end - 1] + 1) {
            end++;
        }
        return Arrays.copyOfRange(crc32c, i, end);
    }

    /** Whether the first {@code count} pages of the block are all staged. */
    boolean coversFirst(int count) {
        // P1: the count-th page can only be staged at its own place if all before it are
        return count == 0 || size() >= count && pageInBlock[count - 1] == count - 1;
    }

    /** Collects the pages of one block, in ascending order. */
    static final class Builder {
        private int[] pageInBlock = {};
        private int[] slot = {};
        private int[] crc32c = {};
        private int size;

        Builder add(int page, int pageSlot, int pageCrc32c) {
            if (size == slot.length) {
                int room = Math.max(8, size * 2);
                pageInBlock = Arrays.copyOf(pageInBlock, room);
                slot = Arrays.copyOf(slot, room);
                crc32c = Arrays.copyOf(crc32c, room);
            }
            pageInBlock[size] = page;
            slot[size] = pageSlot;
            crc32c[size++] = pageCrc32c;
            return this;
        }

        PageTable build() {
            return size == 0
                    ? EMPTY
                    : new PageTable(
                            Arrays.copyOf(pageInBlock, size),
                            Arrays.copyOf(slot, size),
                            Arrays.copyOf(crc32c, size));
        }
    }
}
