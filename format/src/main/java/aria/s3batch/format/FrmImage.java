package aria.s3batch.format;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The definition of a table: a {@code .frm} file, and the object {@code frm}. Little-endian, checked
 * against MariaDB 10.11: <pre>
 * offset  size type  field        meaning
 *      0     2 -     magic        fe 01
 *      2     1 u8    format       10, or 11 with expressions
 *      3     1 u8    engine       41 S3, 42 Aria, 20 partitions: see byte 61
 *      4     2 u16   extra2Bytes  E
 *      6     2 u16   keysAt       64 + E + 4
 *     10     4 u32   fileBytes    all of the file, at most 1 MiB
 *     14     2 u16   keysBytes    K; ffff: see 47
 *     16     2 u16   recordBytes  R
 *     47     4 u32   keysBytes    K, whatever its size
 *     55     4 u32   extraBytes   X
 *     61     1 u8    partEngine   engine of the partitions, 0 if there are none
 *     64     E -     extra2       (u8 type, u8 length, or 0 and u16 length from 256, value) until it ends
 *  64+E      4 u32   formAt       keysAt + K + R + X
 *      -     K -     keys
 *      -     R -     record       the default row
 *      -     X -     extra        u16 length, connection; u16 length, engine name; u32 length, text of
 *                                 the partitioning, 0, u8 automatic; parser names, each with 0 behind
 *                                 it; u16 length, comment, if byte 46 of the form is ff
 *      -   288 -     form         below, offsets from formAt
 *      -     - -     columns      to the end of the file: 17 bytes a column, names, values of ENUM and
 *                                 SET, comments, expressions
 *
 *  +  0      2 u16   formBytes    of form and columns together
 *  + 46      1 u8    comment      its length, the comment behind it; or ff
 *  +258      2 u16   columns      number of columns
 *  +260      2 u16   screens      0, bytes before the names
 *  +268      2 u16   nameBytes
 *  +274      2 u16   valueBytes
 *  +284      2 u16   commentBytes
 *  +286      2 u16   expressionBytes</pre>
 *
 * Types in {@code extra2}: 0 version of the definition, 16 bytes, new with each CREATE and ALTER, and what
 * servers compare to see that a table has changed; 1 engine of the partitions by name. Other types pass
 * through.
 *
 * <p>The engine is said by number and by name, and the server goes by the name where they differ: changing
 * one of them alone makes no other engine.
 *
 * <p>An immutable value. {@link #parse} takes the file apart and puts it together again: what does not
 * come out byte for byte is refused, so that a length changed here is changed everywhere it stands.
 */
public final class FrmImage {
    /** A version of the definition. */
    public static final int VERSION_BYTES = 16;

    static final byte ENGINE_PARTITION = 20;
    static final byte ENGINE_S3 = 41;
    static final byte ENGINE_ARIA = 42;

    /** Longer files are not read by the server. */
    private static final int FILE_BYTES_MAX = 1 << 20;

    private static final int HEAD_BYTES = 64;
    private static final int FORM_BYTES = 288;
    private static final int COLUMN_BYTES = 17;
    private static final int EXTRA2_VERSION = 0;
    private static final int EXTRA2_PARTITION_ENGINE = 1;
    private static final byte[] S3 = {'S', '3'};
    private static final byte[] ARIA = {'A', 'r', 'i', 'a'};
    private static final byte[] PARTITION = "partition".getBytes(StandardCharsets.US_ASCII);

    private final String place;
    private final Sections sections;
    private final byte[] bytes;

    private FrmImage(String place, Sections sections, byte[] bytes) {
        this.place = place;
        this.sections = sections;
        this.bytes = bytes;
    }

    @SuppressWarnings("ArrayRecordComponent") // private, never compared; the arrays are not changed
    private record Extra2(int type, byte[] value) {
        int bytes() {
            return (value.length < 256 ? 2 : 4) + value.length;
        }
    }

    /**
     * The parts of the file. Lengths and positions in {@code head} are those of the file it was read from;
     * {@link #build} replaces them.
     */
    @SuppressWarnings("ArrayRecordComponent") // private, never compared; the arrays are not changed
    private record Sections(
            byte[] head,
            List<Extra2> extra2,
            byte[] keys,
            byte[] record,
            byte[] connection,
            byte[] engine,
            byte[] partitioning,
            byte automatic,
            byte[] parsersAndComment,
            byte[] form) {
        int extra2Bytes() {
            return extra2.stream().mapToInt(Extra2::bytes).sum();
        }

        int extraBytes() {
            return 2
                    + connection.length
                    + 2
                    + engine.length
                    + 4
                    + partitioning.length
                    + 2
                    + parsersAndComment.length;
        }

        /** The file, with every length and position worked out anew. */
        byte[] build() {
            int keysAt = HEAD_BYTES + extra2Bytes() + 4;
            int formAt = keysAt + keys.length + record.length + extraBytes();
            ByteBuffer out =
                    ByteBuffer.allocate(formAt + form.length).order(ByteOrder.LITTLE_ENDIAN);
            out.put(head);
            for (Extra2 value : extra2) {
                out.put((byte) value.type);
                if (value.value.length < 256) {
                    out.put((byte) value.value.length);
                } else {
                    out.put((byte) 0).putShort((short) value.value.length);
                }
                out.put(value.value);
            }
            out.putInt(formAt).put(keys).put(record);
            out.putShort((short) connection.length).put(connection);
            out.putShort((short) engine.length).put(engine);
            out.putInt(partitioning.length).put(partitioning).put((byte) 0).put(automatic);
            out.put(parsersAndComment).put(form);
            out.putShort(4, (short) extra2Bytes()).putShort(6, (short) keysAt);
            out.putInt(10, out.capacity());
            out.putShort(14, (short) Math.min(keys.length, 0xffff))
                    .putShort(16, (short) record.length);
            out.putInt(47, keys.length).putInt(55, extraBytes());
            return out.array();
        }
    }

    /**
     * Reads a whole file.
     *
     * @param place the object or file, for the message
     * @throws DamagedTableException not a definition as MariaDB writes it, to the last byte
     */
    public static FrmImage parse(byte[] frm, String place) throws DamagedTableException {
        var sections = new Reader(frm, place).read();
        byte[] rebuilt = sections.build();
        int mismatch = Arrays.mismatch(rebuilt, frm);
        if (mismatch >= 0) {
            throw new DamagedTableException(
                    place,
                    "a definition that comes out the same when put together again",
                    "another byte at " + mismatch);
        }
        return new FrmImage(place, sections, rebuilt);
    }

    /** Takes the file apart from its front to its end. */
    private static final class Reader {
        private final byte[] frm;
        private final String place;
        private final ByteBuffer in;

        Reader(byte[] frm, String place) {
            this.frm = frm;
            this.place = place;
            this.in = ByteBuffer.wrap(frm).order(ByteOrder.LITTLE_ENDIAN);
        }

        Sections read() throws DamagedTableException {
            if (frm.length < HEAD_BYTES || frm.length > FILE_BYTES_MAX) {
                throw damaged(
                        "%d to %d bytes".formatted(HEAD_BYTES, FILE_BYTES_MAX),
                        frm.length + " bytes");
            }
            if (u16(0) != 0x01fe) {
                throw damaged(
                        "fe01 at its start, as in a binary .frm",
                        "%02x%02x".formatted(frm[0], frm[1]));
            }
            expect("the length of the file in bytes 10-13", frm.length, u32(10));
            int extra2Bytes = u16(4);
            expect("the position of the keys in bytes 6-7", HEAD_BYTES + extra2Bytes + 4, u16(6));
            long keysBytes = u16(14) == 0xffff ? u32(47) : u16(14);
            long recordBytes = u16(16);
            long extraBytes = u32(55);
            byte[] head = take("head", HEAD_BYTES);
            List<Extra2> extra2 = extra2(take("extra2", extra2Bytes));
            long formAt = HEAD_BYTES + extra2Bytes + 4L + keysBytes + recordBytes + extraBytes;
            expect("the position of the form at " + in.position(), formAt, u32Next("formAt"));
            byte[] keys = take("keys", keysBytes);
            byte[] record = take("default row", recordBytes);
            int extraAt = in.position();
            byte[] connection = take("connection", u16Next("connection"));
            byte[] engine = take("engine name", u16Next("engine name"));
            byte[] partitioning = take("partitioning", u32Next("partitioning"));
            byte[] ends = take("end of the partitioning", 2);
            expect("the byte behind the partitioning", 0, ends[0]);
            byte[] tail = take("extra segment", extraAt + extraBytes - in.position());
            byte[] form = take("form", frm.length - in.position());
            checkForm(form);
            checkTail(tail, (form[46] & 0xff) == 0xff);
            return new Sections(
                    head,
                    extra2,
                    keys,
                    record,
                    connection,
                    engine,
                    partitioning,
                    ends[1],
                    tail,
                    form);
        }

        private List<Extra2> extra2(byte[] segment) throws DamagedTableException {
            ByteBuffer list = ByteBuffer.wrap(segment).order(ByteOrder.LITTLE_ENDIAN);
            List<Extra2> extra2 = new ArrayList<>();
            boolean version = false;
            while (list.hasRemaining()) {
                int at = HEAD_BYTES + list.position();
                int type = list.get() & 0xff;
                int length = list.hasRemaining() ? list.get() & 0xff : 0;
                if (length == 0) {
                    length = list.remaining() < 2 ? 0 : Short.toUnsignedInt(list.getShort());
                    if (length < 256) {
                        throw damaged("a length from 256 in the value at " + at, "" + length);
                    }
                }
                if (length > list.remaining()) {
                    throw damaged(
                            "up to %d bytes in the value at %d".formatted(list.remaining(), at),
                            length + " bytes");
                }
                byte[] value = new byte[length];
                list.get(value);
                extra2.add(new Extra2(type, value));
                if (type == EXTRA2_VERSION) {
                    if (version) {
                        throw damaged("one version", "another at " + at);
                    }
                    expect("the length of the version at " + at, VERSION_BYTES, length);
                    version = true;
                }
            }
            if (!version) {
                throw damaged("a version (type 0) in bytes 64-" + (in.position() - 1), "none");
            }
            return extra2;
        }

        private void checkForm(byte[] form) throws DamagedTableException {
            if (form.length < FORM_BYTES) {
                throw damaged(
                        "a form of %d bytes or more".formatted(FORM_BYTES), form.length + " bytes");
            }
            ByteBuffer fields = ByteBuffer.wrap(form).order(ByteOrder.LITTLE_ENDIAN);
            expect(
                    "the length of form and columns in its bytes 0-1",
                    form.length,
                    Short.toUnsignedInt(fields.getShort(0)));
            int length = FORM_BYTES + COLUMN_BYTES * Short.toUnsignedInt(fields.getShort(258));
            for (int at : new int[] {260, 268, 274, 284, 286}) {
                length += Short.toUnsignedInt(fields.getShort(at));
            }
            expect("the length of form and columns, added up", form.length, length);
        }

        /** Parser names and comment are not told apart: neither is ever changed. */
        private void checkTail(byte[] tail, boolean comment) throws DamagedTableException {
            int at = 0;
            while (at < tail.length) {
                boolean lengthFits =
                        at + 2 <= tail.length
                                && at + 2 + (tail[at] & 0xff | (tail[at + 1] & 0xff) << 8)
                                        == tail.length;
                if (comment && lengthFits) {
                    return;
                }
                while (at < tail.length && tail[at] != 0) {
                    at++;
                }
                at++;
            }
            if (comment || at > tail.length) {
                throw damaged(
                        comment
                                ? "the comment at the end of the extra segment"
                                : "a zero byte at the end of the parser names",
                        "another end");
            }
        }

        private int u16(int offset) {
            return Short.toUnsignedInt(in.getShort(offset));
        }

        private long u32(int offset) {
            return Integer.toUnsignedLong(in.getInt(offset));
        }

        private int u16Next(String what) throws DamagedTableException {
            return Short.toUnsignedInt(
                    ByteBuffer.wrap(take(what, 2)).order(ByteOrder.LITTLE_ENDIAN).getShort());
        }

        private long u32Next(String what) throws DamagedTableException {
            return Integer.toUnsignedLong(
                    ByteBuffer.wrap(take(what, 4)).order(ByteOrder.LITTLE_ENDIAN).getInt());
        }

        private byte[] take(String what, long length) throws DamagedTableException {
            if (length < 0 || length > in.remaining()) {
                throw damaged(
                        "%s of up to %d bytes at %d".formatted(what, in.remaining(), in.position()),
                        length + " bytes");
            }
            byte[] section = new byte[(int) length];
            in.get(section);
            return section;
        }

        private void expect(String what, long expected, long found) throws DamagedTableException {
            if (expected != found) {
                throw damaged(expected + " as " + what, "" + found);
            }
        }

        private DamagedTableException damaged(String expected, String found) {
            return new DamagedTableException(place, expected, found);
        }
    }

    /** Whether the table's rows are in partitions, which a {@link ParImage} lists. */
    public boolean isPartitioned() {
        return sections.head[3] == ENGINE_PARTITION;
    }

    /**
     * The same table in the Aria engine, for the files that the S3 objects are when put together. The
     * version stays.
     *
     * @throws DamagedTableException the table is not in the S3 engine, number and name
     */
    public FrmImage toAria() throws DamagedTableException {
        return isPartitioned() ? partitionedToAria() : plainToAria();
    }

    private FrmImage plainToAria() throws DamagedTableException {
        expectEngine("engine", sections.head[3], sections.engine);
        byte[] head = sections.head.clone();
        head[3] = ENGINE_ARIA;
        return with(head, sections.extra2, ARIA, sections.partitioning);
    }

    private FrmImage partitionedToAria() throws DamagedTableException {
        if (!Arrays.equals(sections.engine, PARTITION)) {
            throw damagedEngine(
                    "engine", ENGINE_PARTITION, PARTITION, sections.head[3], sections.engine);
        }
        byte[] byName =
                sections.extra2.stream()
                        .filter(value -> value.type == EXTRA2_PARTITION_ENGINE)
                        .map(Extra2::value)
                        .findFirst()
                        .orElse(new byte[0]);
        expectEngine("engine of partitions", sections.head[61], byName);
        byte[] head = sections.head.clone();
        head[61] = ENGINE_ARIA;
        List<Extra2> extra2 =
                sections.extra2.stream()
                        .map(v -> v.type == EXTRA2_PARTITION_ENGINE ? new Extra2(v.type, ARIA) : v)
                        .toList();
        return with(
                head,
                extra2,
                sections.engine,
                PartitioningText.toAria(sections.partitioning, place));
    }

    private void expectEngine(String what, byte number, byte[] name) throws DamagedTableException {
        if (number != ENGINE_S3 || !Arrays.equals(name, S3)) {
            throw damagedEngine(what, ENGINE_S3, S3, number, name);
        }
    }

    private DamagedTableException damagedEngine(
            String what, byte expected, byte[] expectedName, byte number, byte[] name) {
        return new DamagedTableException(
                place,
                "%s %d, %s".formatted(what, expected, text(expectedName)),
                "%d, %s".formatted(number & 0xff, text(name)));
    }

    private static String text(byte[] utf8) {
        return utf8.length == 0 ? "no name" : new String(utf8, StandardCharsets.UTF_8);
    }

    private FrmImage with(byte[] head, List<Extra2> extra2, byte[] engine, byte[] partitioning)
            throws DamagedTableException {
        var changed =
                new Sections(
                        head,
                        extra2,
                        sections.keys,
                        sections.record,
                        sections.connection,
                        engine,
                        partitioning,
                        sections.automatic,
                        sections.parsersAndComment,
                        sections.form);
        return parse(
                changed.build(), place); // the longer names may be more than the lengths can say
    }

    /** The version of the definition: a copy. */
    public byte[] version() {
        for (Extra2 value : sections.extra2) {
            if (value.type == EXTRA2_VERSION) {
                return value.value.clone();
            }
        }
        throw new AssertionError("no version: " + place);
    }

    /**
     * This definition under another version: nothing else changes, no length either.
     *
     * @param version 16 bytes, any; random ones will be new
     */
    public FrmImage withVersion(byte[] version) {
        if (version.length != VERSION_BYTES) {
            throw new IllegalArgumentException("a version of " + version.length + " bytes");
        }
        List<Extra2> extra2 =
                sections.extra2.stream()
                        .map(
                                v ->
                                        v.type == EXTRA2_VERSION
                                                ? new Extra2(v.type, version.clone())
                                                : v)
                        .toList();
        try {
            return with(sections.head, extra2, sections.engine, sections.partitioning);
        } catch (DamagedTableException e) {
            throw new AssertionError(e);
        }
    }

    /** The file: a copy. */
    public byte[] bytes() {
        return bytes.clone();
    }
}
