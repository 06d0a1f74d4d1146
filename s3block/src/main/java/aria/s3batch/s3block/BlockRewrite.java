package aria.s3batch.s3block;

import org.jspecify.annotations.Nullable;

import java.util.Arrays;

/**
 * The new bytes of one block: what is kept of the base, zeros where the file grew, and the staged pages
 * over both. Computes only; one thread, used once.
 *
 * <p>Invariants: R1 {@link #finish} gives exactly {@code newLength} bytes, because the S3 engine serves
 * a block of another length as data of other pages. R2 a byte that no staged page covers is the base's,
 * or zero behind what is kept of it. R3 every overlaid page lies within the block.
 */
public final class BlockRewrite {
    private final int pageBytes;
    private final int newLength;
    private final byte[] bytes;

    /**
     * @param base decoded base block; null if nothing of it is needed. Not changed.
     * @param keptLength so many bytes of the base stay visible: fewer than it has when the file was cut,
     *     and not whole pages when it was cut in a page and has grown again
     * @param newLength decoded bytes of the new block, whole pages
     * @throws IllegalArgumentException these numbers describe no block
     */
    public BlockRewrite(int pageBytes, byte @Nullable [] base, int keptLength, int newLength) {
        this(pageBytes, base, keptLength, newLength, false);
    }

    /** As the constructor, but the base is handed over: it becomes the new block if it is as long. */
    public static BlockRewrite inPlace(int pageBytes, byte[] base, int keptLength, int newLength) {
        return new BlockRewrite(pageBytes, base, keptLength, newLength, true);
    }

    private BlockRewrite(
            int pageBytes, byte @Nullable [] base, int keptLength, int newLength, boolean inPlace) {
        if (newLength <= 0 || newLength % pageBytes != 0) {
            throw new IllegalArgumentException(
                    "a block of " + newLength + " bytes, with pages of " + pageBytes);
        }
        int kept = base == null ? 0 : Math.min(keptLength, newLength);
        if (kept < 0 || base != null && kept > base.length) {
            throw new IllegalArgumentException(
                    "to keep %d bytes of a base block of %s"
                            .formatted(
                                    keptLength,
                                    base == null ? "none" : String.valueOf(base.length)));
        }
        this.pageBytes = pageBytes;
        this.newLength = newLength;
        if (base == null) {
            this.bytes = new byte[newLength];
            return;
        }
        this.bytes = inPlace && base.length == newLength ? base : Arrays.copyOf(base, newLength);
        Arrays.fill(bytes, kept, Math.max(kept, Math.min(base.length, newLength)), (byte) 0);
    }

    /**
     * Puts a staged page in its place.
     *
     * @param pageInBlock counted from 0 at the start of the block
     * @param image its first {@code pageBytes} bytes are copied
     * @throws IllegalArgumentException the page does not lie in the block
     */
    public void overlay(int pageInBlock, byte[] image) {
        overlay(pageInBlock, image, 0);
    }

    /**
     * As {@link #overlay(int, byte[])}, of one among several pages.
     *
     * @param images holds the page at {@code offset}
     */
    public void overlay(int pageInBlock, byte[] images, int offset) {
        long end = (pageInBlock + 1L) * pageBytes;
        if (pageInBlock < 0 || end > newLength) {
            throw new IllegalArgumentException(
                    "page %d of a block of %d bytes, with pages of %d"
                            .formatted(pageInBlock, newLength, pageBytes));
        }
        System.arraycopy(images, offset, bytes, pageInBlock * pageBytes, pageBytes);
    }

    /** The decoded block, ready for its frame. */
    public byte[] finish() {
        if (bytes.length != newLength) {
            throw new AssertionError("block of " + bytes.length + " bytes, not " + newLength);
        }
        return bytes;
    }
}
