package aria.s3batch.format;

import java.util.Arrays;
import java.util.zip.DataFormatException;
import java.util.zip.Deflater;
import java.util.zip.Inflater;

/**
 * How the bytes of a block become an object. In a table without compression the object is the block. In
 * a compressed one every object starts with a frame, little-endian, checked against MariaDB 10.11: <pre>
 * offset size type field       meaning
 *      0    1 u8   flag        1 zlib stream follows, 0 the block follows as it is
 *      1    3 u24  length      flag 1: bytes of the block; flag 0: 0, and ignored by readers
 *      4    -  -   payload     RFC 1950 stream, or the block; ends with the object</pre>
 *
 * The server believes whatever it decodes, even a block that is too short or too long, and then answers
 * queries with wrong rows. So {@link #decode} is stricter than the server: the block has exactly the
 * length that the header of the table gives it, the length field says the same, and nothing follows the
 * stream. MariaDB itself writes no other objects.
 *
 * <p>Stateless; any thread.
 */
public final class BlockFrame {
    /** Bytes before the payload of an object of a compressed table. */
    public static final int HEADER_BYTES = 4;

    private static final int FLAG_RAW = 0;
    private static final int FLAG_ZLIB = 1;
    private static final int LEVEL = 6; // what the server uses

    /** While zlib has arrays of the heap, no thread can collect garbage: no longer than a few milliseconds. */
    private static final int DEFLATED_AT_ONCE = 64 << 10;

    private BlockFrame() {}

    /**
     * The object for a block. By MariaDB's rule a block that zlib does not make smaller is stored as it
     * is.
     *
     * @param block holds the block in its first {@code length} bytes; not changed
     * @return a new array, or {@code block} itself when it is the object
     */
    public static byte[] encode(byte[] block, int length, boolean compressed) {
        if (length < 1 || length > block.length || length > TableGeometry.BLOCK_BYTES_MAX) {
            throw new IllegalArgumentException(
                    "block of " + length + " bytes in an array of " + block.length);
        }
        if (!compressed) {
            return length == block.length ? block : Arrays.copyOf(block, length);
        }
        byte[] object = new byte[HEADER_BYTES + length];
        int deflated = deflate(block, length, object);
        if (deflated < length) {
            object[0] = FLAG_ZLIB;
            object[1] = (byte) length;
            object[2] = (byte) (length >>> 8);
            object[3] = (byte) (length >>> 16);
            return Arrays.copyOf(object, HEADER_BYTES + deflated);
        }
        Arrays.fill(object, 0, HEADER_BYTES, (byte) 0); // flag raw, length 0
        System.arraycopy(block, 0, object, HEADER_BYTES, length);
        return object;
    }

    /** Returns the bytes written after the frame header, or {@code length} if they would not be fewer. */
    private static int deflate(byte[] block, int length, byte[] object) {
        Deflater deflater = new Deflater(LEVEL);
        try {
            deflater.setInput(block, 0, length);
            deflater.finish();
            int deflated = 0;
            while (!deflater.finished()) {
                if (deflated >= length) {
                    return length;
                }
                int room = Math.min(DEFLATED_AT_ONCE, length - deflated);
                deflated += deflater.deflate(object, HEADER_BYTES + deflated, room);
            }
            return deflated;
        } finally {
            deflater.end();
        }
    }

    /**
     * The block in an object. At most {@code expectedLength + 1} bytes are inflated, whatever the object
     * claims.
     *
     * @param expectedLength from the header, see {@link TableGeometry#blockLength}
     * @param place the object's key, for the message
     * @return a new array of {@code expectedLength} bytes, or {@code object} itself when not compressed
     * @throws DamagedTableException the object is not exactly such a block
     */
    public static byte[] decode(byte[] object, int expectedLength, boolean compressed, String place)
            throws DamagedTableException {
        if (expectedLength < 1 || expectedLength > TableGeometry.BLOCK_BYTES_MAX) {
            throw new IllegalArgumentException("expected length " + expectedLength);
        }
        if (!compressed) {
            checkLength(expectedLength, object.length, place);
            return object;
        }
        if (object.length < HEADER_BYTES) {
            throw new DamagedTableException(
                    place, "a compression frame of 4 bytes or more", object.length + " bytes");
        }
        int flag = object[0] & 0xff;
        if (flag == FLAG_RAW) {
            checkLength(expectedLength, object.length - HEADER_BYTES, place);
            return Arrays.copyOfRange(object, HEADER_BYTES, object.length);
        }
        if (flag != FLAG_ZLIB) {
            throw new DamagedTableException(
                    place, "compression flag 0 or 1 in byte 0", String.valueOf(flag));
        }
        int length = object[1] & 0xff | (object[2] & 0xff) << 8 | (object[3] & 0xff) << 16;
        if (length != expectedLength) {
            throw new DamagedTableException(
                    place,
                    "a block of " + expectedLength + " bytes",
                    length + " in the length field of its frame");
        }
        return inflate(object, expectedLength, place);
    }

    private static byte[] inflate(byte[] object, int expectedLength, String place)
            throws DamagedTableException {
        byte[] block = new byte[expectedLength];
        Inflater inflater = new Inflater();
        try {
            inflater.setInput(object, HEADER_BYTES, object.length - HEADER_BYTES);
            int inflated = 0;
            while (inflated < expectedLength && !starved(inflater)) {
                inflated += inflater.inflate(block, inflated, expectedLength - inflated);
            }
            // The stream's own checksum is only looked at when its end is reached: ask for one byte
            // more.
            boolean longer = !inflater.finished() && inflater.inflate(new byte[1]) > 0;
            if (longer) {
                throw new DamagedTableException(
                        place, "a block of " + expectedLength + " bytes", "a longer one");
            }
            if (!inflater.finished()) {
                throw new DamagedTableException(
                        place,
                        "a whole zlib stream",
                        "one that breaks off after " + inflated + " bytes of the block");
            }
            checkLength(expectedLength, inflated, place);
            if (inflater.getRemaining() > 0) {
                throw new DamagedTableException(
                        place,
                        "the end of the object after the zlib stream",
                        inflater.getRemaining() + " more bytes");
            }
            return block;
        } catch (DataFormatException e) {
            DamagedTableException damaged =
                    new DamagedTableException(
                            place, "a zlib stream", "bytes that are none (" + e.getMessage() + ")");
            damaged.initCause(e);
            throw damaged;
        } finally {
            inflater.end();
        }
    }

    private static boolean starved(Inflater inflater) {
        return inflater.finished() || inflater.needsInput() || inflater.needsDictionary();
    }

    private static void checkLength(int expected, int found, String place)
            throws DamagedTableException {
        if (found != expected) {
            throw new DamagedTableException(
                    place, "a block of " + expected + " bytes", found + " bytes");
        }
    }
}
