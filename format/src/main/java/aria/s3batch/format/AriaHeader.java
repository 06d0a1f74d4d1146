package aria.s3batch.format;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;

/**
 * The header of a table: the first {@code keystart} bytes of its .MAI, and the whole of its object {@code
 * aria}. An immutable value over its own copy of the bytes; where each field lies is said by {@link
 * HeaderField}. Writing a field changes no other byte.
 *
 * <p>Invariants, checked by {@link #parse}, so that reading a field cannot fail: H1 the magic, and the
 * lengths of state and base info, are those of Aria. H2 {@code base_pos} is what keys and key parts make
 * it. H3 {@code base_pos + 135 <= header_length <= keystart}. H4 {@code keystart} is the length of the
 * bytes and a multiple of the page size, which is a power of two from 1024 to 32768. What the values mean
 * for a batch is not judged here but in {@link HeaderRules}.
 */
public final class AriaHeader {
    /** More than the longest header: as much of a .MAI as {@link #keystartOf} may need to see. */
    public static final int BYTES_MAX = 65536;

    private static final int MAGIC = 0xfefe0903;
    private static final int SHOWN_BYTES = 16;

    private final byte[] bytes;

    private AriaHeader(byte[] bytes) {
        this.bytes = bytes;
    }

    /**
     * Reads a whole header.
     *
     * @param bytes exactly {@code keystart} bytes; copied
     * @param place the object or file, for the message
     * @throws DamagedTableException not a header, or one of another length
     */
    public static AriaHeader parse(byte[] bytes, String place) throws DamagedTableException {
        int keystart = keystartOf(bytes, place);
        if (keystart != bytes.length) {
            throw new DamagedTableException(
                    place,
                    "a header of " + keystart + " bytes (keystart)",
                    bytes.length + " bytes");
        }
        return new AriaHeader(bytes.clone());
    }

    /**
     * The length of the header, from the first bytes of a .MAI.
     *
     * @param prefix the first {@link #BYTES_MAX} bytes of the file, or all of a shorter one
     * @throws DamagedTableException these bytes are not the start of an Aria index file
     */
    public static int keystartOf(byte[] prefix, String place) throws DamagedTableException {
        if (prefix.length < HeaderField.FILE_END) {
            throw new DamagedTableException(
                    place, "an Aria header of 1024 bytes or more", prefix.length + " bytes");
        }
        AriaHeader header = new AriaHeader(prefix);
        int magic = (int) header.get(HeaderField.MAGIC);
        if (magic != MAGIC) {
            throw new DamagedTableException(
                    place, "fefe0903 at its start, as in an Aria .MAI", "%08x".formatted(magic));
        }
        expect(place, header, HeaderField.STATE_INFO_LENGTH, HeaderField.STATE_END);
        expect(place, header, HeaderField.BASE_INFO_LENGTH, HeaderField.BASE_BYTES);
        expect(place, header, HeaderField.BASE_POS, header.basePos());
        int baseEnd = header.basePos() + HeaderField.BASE_BYTES;
        if (baseEnd > prefix.length) {
            throw new DamagedTableException(
                    place, baseEnd + " bytes of header or more", prefix.length + " bytes");
        }
        long pageBytes = header.get(HeaderField.BLOCK_SIZE);
        if (Long.bitCount(pageBytes) != 1 || pageBytes < 1024 || pageBytes > 32768) {
            throw new DamagedTableException(
                    place,
                    "a page size (block_size) of 1024, 2048, ... 32768",
                    String.valueOf(pageBytes));
        }
        long length = header.get(HeaderField.HEADER_LENGTH);
        if (length < baseEnd) {
            throw new DamagedTableException(
                    place, "header_length of " + baseEnd + " or more", String.valueOf(length));
        }
        long keystart = header.get(HeaderField.KEYSTART);
        if (keystart < length || keystart > BYTES_MAX || keystart % pageBytes != 0) {
            throw new DamagedTableException(
                    place,
                    "a keystart of whole pages of %d bytes, from header_length %d to %d"
                            .formatted(pageBytes, length, BYTES_MAX),
                    String.valueOf(keystart));
        }
        return (int) keystart;
    }

    private static void expect(String place, AriaHeader header, HeaderField field, int expected)
            throws DamagedTableException {
        if (header.get(field) != expected) {
            throw new DamagedTableException(
                    place, field.fieldName() + " " + expected, String.valueOf(header.get(field)));
        }
    }

    /** How often the field is there: once, or once for every key or key part. */
    public int count(HeaderField field) {
        return field.count(keys(), keyParts());
    }

    public long get(HeaderField field) {
        return get(field, 0);
    }

    /**
     * Unsigned, but for fields of 8 bytes, where Aria's "none" is -1. {@code rec_per_key} as the bits of a
     * {@code double}.
     *
     * @param index from 0, below {@link #count}
     */
    public long get(HeaderField field, int index) {
        int offset = offset(field, index);
        long value = 0;
        for (int i = 0; i < field.width(); i++) {
            int at = field.littleEndian() ? offset + field.width() - 1 - i : offset + i;
            value = value << 8 | bytes[at] & 0xff;
        }
        return value;
    }

    public AriaHeader with(HeaderField field, long value) {
        return with(field, 0, value);
    }

    /**
     * This header with one value replaced.
     *
     * @throws IllegalArgumentException the value does not fit the field, or would make the header
     *     unreadable
     */
    public AriaHeader with(HeaderField field, int index, long value) {
        int bits = 8 * field.width();
        if (bits < 64 && value >>> bits != 0) {
            throw new IllegalArgumentException(
                    value
                            + " does not fit the "
                            + field.width()
                            + " bytes of "
                            + field.fieldName());
        }
        int offset = offset(field, index);
        byte[] changed = bytes.clone();
        for (int i = 0; i < field.width(); i++) {
            int at = field.littleEndian() ? offset + i : offset + field.width() - 1 - i;
            changed[at] = (byte) (value >>> 8 * i);
        }
        if (!field.shapesHeader()) {
            return new AriaHeader(changed);
        }
        try {
            return parse(changed, "header with " + field.fieldName() + " " + value);
        } catch (DamagedTableException e) {
            throw new IllegalArgumentException(e.getMessage(), e);
        }
    }

    private int offset(HeaderField field, int index) {
        if (index < 0 || index >= count(field)) {
            throw new IndexOutOfBoundsException(
                    "%s[%d]: there are %d".formatted(field.fieldName(), index, count(field)));
        }
        return field.offset(index, keys(), keyParts());
    }

    /** Number of keys: K. */
    public int keys() {
        return bytes[18] & 0xff; // not by get(): offsets of other fields hang on it
    }

    /** Number of key parts over all keys: P. */
    public int keyParts() {
        return (bytes[14] & 0xff) << 8 | bytes[15] & 0xff;
    }

    private int basePos() {
        return HeaderField.STATE_END
                + HeaderField.PER_KEY * keys()
                + HeaderField.PER_KEY_PART * keyParts();
    }

    public int pageBytes() {
        return (int) get(HeaderField.BLOCK_SIZE);
    }

    /** Bytes of the header: offset of the first index page in the .MAI. */
    public int keystart() {
        return bytes.length;
    }

    /** How many openings for writing were not closed; 0 in a clean table. */
    public int openCount() {
        return (int) get(HeaderField.OPEN_COUNT);
    }

    /** The state flags, see {@link StateFlag}. */
    public int changed() {
        return (int) get(HeaderField.CHANGED);
    }

    /** Rows. */
    public long records() {
        return get(HeaderField.RECORDS);
    }

    /** Length of a table file by the header; of the index file with the header counted. */
    public long fileLength(TableFile file) {
        return get(
                file == TableFile.INDEX
                        ? HeaderField.KEY_FILE_LENGTH
                        : HeaderField.DATA_FILE_LENGTH);
    }

    /** {@code s3_block_size} as it was given, not yet rounded to pages; 0 in a local file. */
    public int s3BlockBytes() {
        return (int) get(HeaderField.S3_BLOCK_SIZE);
    }

    /** Whether the blocks carry a {@link BlockFrame}; false in a local file. */
    public boolean compressed() {
        return get(HeaderField.COMPRESSION) != 0;
    }

    public boolean bornTransactional() {
        return get(HeaderField.BORN_TRANSACTIONAL) != 0;
    }

    public boolean encrypted() {
        return (get(HeaderField.EXTRA_OPTIONS) & 1) != 0;
    }

    /** Whether the server writes page checksums. When not, pages carry the "no checksum" value. */
    public boolean pageChecksums() {
        return (get(HeaderField.OPTIONS) & 0x0800) != 0;
    }

    /** Whether rows lie in pages (ROW_FORMAT=PAGE), the only row format that S3 takes. */
    public boolean rowsInPages() {
        return get(HeaderField.DATA_FILE_TYPE) == 3;
    }

    /**
     * The first page number that a pointer of this table cannot reach: no page of the file can have it, or
     * one above it.
     */
    public long pagesEnd(TableFile file) {
        // A row pointer is (page << 8 | row) << 1 in rec_reflength bytes. File lengths are 63-bit
        // numbers.
        long pointerBits =
                file == TableFile.INDEX
                        ? 8 * get(HeaderField.KEY_REFLENGTH)
                        : 8 * get(HeaderField.REC_REFLENGTH) - 9;
        int lengthBits = 63 - Long.numberOfTrailingZeros(pageBytes());
        return 1L << Math.clamp(pointerBits, 0, lengthBits - 1);
    }

    /**
     * How the table is cut into pages and blocks.
     *
     * @throws DamagedTableException there is no usable block size: this is the header of a local file, or
     *     of a table whose S3 engine could not have written it
     */
    public TableGeometry geometry(String place) throws DamagedTableException {
        int blockBytes = s3BlockBytes() - s3BlockBytes() % pageBytes();
        if (s3BlockBytes() == 0) {
            throw new DamagedTableException(
                    place,
                    "an s3_block_size of whole pages below 16 MiB",
                    "0: the header of a local table, or of one made with s3_block_size=16M, which"
                            + " no server can read");
        }
        if (blockBytes == 0) {
            throw new DamagedTableException(
                    place,
                    "an s3_block_size of one page of " + pageBytes() + " bytes or more",
                    String.valueOf(s3BlockBytes()));
        }
        long compression = get(HeaderField.COMPRESSION);
        if (compression > 1) {
            throw new DamagedTableException(
                    place, "compression 0 (none) or 1 (zlib)", String.valueOf(compression));
        }
        return new TableGeometry(pageBytes(), blockBytes, keystart(), compression == 1);
    }

    /** This header as it is in a local .MAI: without the fields that the S3 engine sets. */
    public AriaHeader asLocal() {
        return with(HeaderField.COMPRESSION, 0).with(HeaderField.S3_BLOCK_SIZE, 0);
    }

    /** This header as the object {@code aria} of the table that {@code base} is the header of. */
    public AriaHeader withS3FieldsOf(AriaHeader base) {
        return with(HeaderField.COMPRESSION, base.get(HeaderField.COMPRESSION))
                .with(HeaderField.S3_BLOCK_SIZE, base.get(HeaderField.S3_BLOCK_SIZE));
    }

    /**
     * This header as the object {@code aria} of a table with blocks of that size.
     *
     * @param blockBytes {@code s3_block_size}, below 16 MiB
     */
    public AriaHeader withS3Fields(int blockBytes, boolean compressed) {
        return with(HeaderField.COMPRESSION, compressed ? 1 : 0)
                .with(HeaderField.S3_BLOCK_SIZE, blockBytes);
    }

    /**
     * Everything in which {@code other} differs from this header, in order of offsets; empty if equal. If
     * the two have other numbers of keys or key parts, all after the first 24 bytes is one difference.
     */
    public List<HeaderDifference> differences(AriaHeader other) {
        List<HeaderDifference> differences = new ArrayList<>();
        boolean sameShape = keys() == other.keys() && keyParts() == other.keyParts();
        for (HeaderField field : HeaderField.values()) {
            if (!sameShape && field.region() != HeaderField.Region.FILE) {
                continue;
            }
            for (int i = 0; i < count(field); i++) {
                if (get(field, i) != other.get(field, i)) {
                    String name =
                            field.repeats() ? field.fieldName() + "[" + i + "]" : field.fieldName();
                    differences.add(
                            new HeaderDifference(
                                    field,
                                    name,
                                    i,
                                    offset(field, i),
                                    words(field, i),
                                    other.words(field, i)));
                }
            }
        }
        if (!sameShape) {
            rangeDifference(
                    other,
                    "state and definitions",
                    HeaderField.FILE_END,
                    Integer.MAX_VALUE,
                    differences);
            return differences;
        }
        int definitionsEnd =
                (int)
                        Math.max(
                                get(HeaderField.HEADER_LENGTH),
                                other.get(HeaderField.HEADER_LENGTH));
        int baseEnd = basePos() + HeaderField.BASE_BYTES;
        rangeDifference(
                other, "definitions of keys and columns", baseEnd, definitionsEnd, differences);
        rangeDifference(
                other,
                "bytes after the definitions",
                definitionsEnd,
                Integer.MAX_VALUE,
                differences);
        differences.sort(Comparator.comparingInt(HeaderDifference::offset));
        return differences;
    }

    private void rangeDifference(
            AriaHeader other, String name, int from, int to, List<HeaderDifference> differences) {
        int start = Math.min(from, bytes.length);
        int end = Math.clamp(to, start, bytes.length);
        int otherStart = Math.min(from, other.bytes.length);
        int otherEnd = Math.clamp(to, otherStart, other.bytes.length);
        int mismatch = Arrays.mismatch(bytes, start, end, other.bytes, otherStart, otherEnd);
        if (mismatch >= 0) {
            int at = from + mismatch;
            differences.add(
                    new HeaderDifference(null, name, 0, at, hex(at, end), other.hex(at, otherEnd)));
        }
    }

    private String hex(int from, int to) {
        if (from >= to) {
            return "nothing";
        }
        int end = Math.min(to, from + SHOWN_BYTES);
        return HexFormat.of().formatHex(bytes, from, end) + (end < to ? "..." : "");
    }

    /** A value for people: flags by name, row estimates as decimals, page offsets of "none" as such. */
    public String words(HeaderField field, int index) {
        long value = get(field, index);
        return switch (field) {
            case CHANGED -> StateFlag.words(value);
            case REC_PER_KEY -> String.valueOf(Double.longBitsToDouble(value));
            case KEY_ROOT, KEY_DEL, DELLINK -> value == -1 ? "none" : String.valueOf(value);
            case MAGIC, OPTIONS, UUID, KEY_MAP, EXTRA_OPTIONS -> "0x" + Long.toHexString(value);
            default -> String.valueOf(value);
        };
    }

    /** A copy. */
    public byte[] bytes() {
        return bytes.clone();
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof AriaHeader header && Arrays.equals(bytes, header.bytes);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(bytes);
    }

    @Override
    public String toString() {
        return "AriaHeader[%d keys, %d rows, %s]"
                .formatted(keys(), records(), StateFlag.words(changed()));
    }
}
