package aria.s3batch.format;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.function.BiConsumer;

/**
 * A {@code .frm} taken apart, so that it can be put together again with other parts. Little-endian,
 * checked against MariaDB 10.11: <pre>
 * offset  size type  field        meaning
 *      0     2 -     magic        fe 01
 *      2     1 u8    format       10, or 11 with expressions
 *      3     1 u8    engine       41 S3, 42 Aria, 20 partitions: see byte 61
 *      4     2 u16   extra2Bytes  E
 *      6     2 u16   keysAt       64 + E + 4
 *     10     4 u32   fileBytes    all of the file, at most 1 MiB
 *     14     2 u16   keysBytes    K, or ffff if it is more
 *     16     2 u16   recordBytes  R
 *     47     4 u32   keysBytes    K
 *     51     4 u32   server       that wrote it: 101119 is 10.11.19
 *     55     4 u32   extraBytes   X
 *     61     1 u8    partEngine   engine of the partitions, 0 if there are none
 *     64     E -     extra2       values up to its end: u8 type, u8 length (or 0, and a u16 length from
 *                                 256), bytes
 *  64+E      4 u32   formAt       keysAt + K + R + X
 *      -     K -     keys
 *      -     R -     record       the default row
 *      -     X -     extra        u16 length, connection; u16 length, engine name; u32 length,
 *                                 partitioning, 0, u8 automatic; parser names, each with 0 behind it;
 *                                 u16 length, comment, if byte 46 of the form is ff
 *      -   288 -     form         below, offsets from formAt
 *      -     - -     columns      17 bytes each, names, values of ENUM and SET, comments, expressions;
 *                                 to the end of the file
 *
 *  +  0      2 u16   formBytes    of form and columns together
 *  + 46      1 u8    comment      its length, the comment behind it; or ff
 *  +258      2 u16   columns      how many
 *  +260      2 u16   screenBytes  0
 *  +268      2 u16   nameBytes
 *  +274      2 u16   valueBytes
 *  +284      2 u16   commentBytes
 *  +286      2 u16   expressionBytes</pre>
 *
 * Types in {@code extra2}: 0 version of the definition, 16 bytes; 1 engine of the partitions by name; 128
 * options of the engine. What is in keys, record, columns and other types passes through unread.
 *
 * <p>Immutable: nobody changes the arrays.
 */
final class FrmSections {
    static final int EXTRA2_VERSION = 0;
    static final int EXTRA2_PARTITION_ENGINE = 1;
    static final int VERSION_BYTES = 16;

    private static final int HEAD_BYTES = 64;
    private static final int ENGINE_OFFSET = 3;
    private static final int PARTITION_ENGINE_OFFSET = 61;
    private static final int FILE_BYTES_MAX = 1 << 20; // the server reads no further
    private static final int FORM_BYTES = 288;
    private static final int COLUMN_BYTES = 17;
    private static final int COMMENT_OFFSET = 46;
    private static final int COMMENT_ELSEWHERE = 0xff;

    private final byte[] head; // its lengths and positions are those of the file it came from
    private final List<Extra2> extra2;
    private final byte[] keys;
    private final byte[] record;
    private final byte[] connection;
    private final byte[] engineName;
    private final byte[] partitioning;
    private final byte automatic;
    private final byte[] parsersAndComment;
    private final byte[] form;

    private FrmSections(
            byte[] head,
            List<Extra2> extra2,
            byte[] keys,
            byte[] record,
            byte[] connection,
            byte[] engineName,
            byte[] partitioning,
            byte automatic,
            byte[] parsersAndComment,
            byte[] form) {
        this.head = head;
        this.extra2 = extra2;
        this.keys = keys;
        this.record = record;
        this.connection = connection;
        this.engineName = engineName;
        this.partitioning = partitioning;
        this.automatic = automatic;
        this.parsersAndComment = parsersAndComment;
        this.form = form;
    }

    @SuppressWarnings("ArrayRecordComponent") // never compared, and the array is not changed
    private record Extra2(int type, byte[] value) {
        int bytes() {
            return (value.length < 256 ? 2 : 4) + value.length;
        }
    }

    int engine() {
        return head[ENGINE_OFFSET] & 0xff;
    }

    byte[] engineName() {
        return engineName;
    }

    int partitionEngine() {
        return head[PARTITION_ENGINE_OFFSET] & 0xff;
    }

    byte[] partitioning() {
        return partitioning;
    }

    /** The value of that type; empty if there is none. */
    byte[] extra2(int type) {
        return extra2.stream()
                .filter(value -> value.type == type)
                .map(Extra2::value)
                .findFirst()
                .orElse(new byte[0]);
    }

    FrmSections withEngine(int engine, byte[] name) {
        return with(withHead(ENGINE_OFFSET, engine), extra2, name, partitioning);
    }

    FrmSections withPartitionEngine(int engine, byte[] name, byte[] newPartitioning) {
        return with(
                withHead(PARTITION_ENGINE_OFFSET, engine),
                withExtra2(EXTRA2_PARTITION_ENGINE, name).extra2,
                engineName,
                newPartitioning);
    }

    FrmSections withExtra2(int type, byte[] value) {
        List<Extra2> changed =
                extra2.stream()
                        .map(old -> old.type == type ? new Extra2(type, value) : old)
                        .toList();
        return with(head, changed, engineName, partitioning);
    }

    private byte[] withHead(int offset, int value) {
        byte[] changed = head.clone();
        changed[offset] = (byte) value;
        return changed;
    }

    private FrmSections with(
            byte[] newHead, List<Extra2> newExtra2, byte[] newEngineName, byte[] newPartitioning) {
        return new FrmSections(
                newHead,
                newExtra2,
                keys,
                record,
                connection,
                newEngineName,
                newPartitioning,
                automatic,
                parsersAndComment,
                form);
    }

    private int extra2Bytes() {
        return extra2.stream().mapToInt(Extra2::bytes).sum();
    }

    private int extraBytes() {
        return 2
                + connection.length
                + 2
                + engineName.length
                + 4
                + partitioning.length
                + 2
                + parsersAndComment.length;
    }

    /**
     * The file, every length and position worked out anew. One that is too long for its field is cut off:
     * reading the file again finds that out.
     */
    byte[] build() {
        int keysAt = HEAD_BYTES + extra2Bytes() + 4;
        int formAt = keysAt + keys.length + record.length + extraBytes();
        ByteBuffer out = ByteBuffer.allocate(formAt + form.length).order(ByteOrder.LITTLE_ENDIAN);
        out.put(head);
        out.putShort(4, (short) extra2Bytes());
        out.putShort(6, (short) keysAt);
        out.putInt(10, out.capacity());
        out.putShort(14, (short) Math.min(keys.length, 0xffff));
        out.putShort(16, (short) record.length);
        out.putInt(47, keys.length);
        out.putInt(55, extraBytes());
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
        out.putShort((short) engineName.length).put(engineName);
        out.putInt(partitioning.length).put(partitioning).put((byte) 0).put(automatic);
        out.put(parsersAndComment).put(form);
        return out.array();
    }

    /**
     * Takes a file apart.
     *
     * @param told what the file says, by name and in words, up to the first damage
     */
    static FrmSections read(byte[] frm, String place, BiConsumer<String, String> told)
            throws DamagedTableException {
        return new Reader(frm, place, told).read();
    }

    /** Reads from front to end, once. */
    private static final class Reader {
        private final byte[] frm;
        private final String place;
        private final BiConsumer<String, String> told;
        private final ByteBuffer in;

        Reader(byte[] frm, String place, BiConsumer<String, String> told) {
            this.frm = frm;
            this.place = place;
            this.told = told;
            this.in = ByteBuffer.wrap(frm).order(ByteOrder.LITTLE_ENDIAN);
        }

        FrmSections read() throws DamagedTableException {
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
            byte[] head = take("head", HEAD_BYTES);
            told.accept("format", "" + frm[2]);
            told.accept("engine", engine(ENGINE_OFFSET));
            told.accept("engine of partitions", engine(PARTITION_ENGINE_OFFSET));
            told.accept("server", "" + u32(51));
            expect("bytes of the file in bytes 10-13", frm.length, u32(10));
            int extra2Bytes = u16(4);
            expect("the position of the keys in bytes 6-7", HEAD_BYTES + extra2Bytes + 4, u16(6));
            long keysBytes = u16(14) == 0xffff ? u32(47) : u16(14);
            int recordBytes = u16(16);
            long extraBytes = u32(55);
            List<Extra2> extra2 = extra2(extra2Bytes);
            long formAt = u16(6) + keysBytes + recordBytes + extraBytes;
            expect("the position of the form at " + in.position(), formAt, u32(in.position()));
            in.position(in.position() + 4);
            byte[] keys = take("keys", keysBytes);
            byte[] record = take("default row", recordBytes);
            told.accept("default row", recordBytes + " bytes");
            byte[] connection = takeU16("connection");
            byte[] engineName = takeU16("engine name");
            byte[] partitioning = take("partitioning", takeU32("length of the partitioning"));
            told.accept("partitioning", text(partitioning));
            byte[] ending = take("end of the partitioning", 2);
            expect("the byte behind the partitioning", 0, ending[0]);
            byte[] parsersAndComment = take("parser names and comment", formAt - in.position());
            byte[] form = take("form", frm.length - in.position());
            checkForm(form);
            checkEnd(parsersAndComment, form);
            return new FrmSections(
                    head,
                    extra2,
                    keys,
                    record,
                    connection,
                    engineName,
                    partitioning,
                    ending[1],
                    parsersAndComment,
                    form);
        }

        private List<Extra2> extra2(int segmentBytes) throws DamagedTableException {
            int end = HEAD_BYTES + segmentBytes;
            if (end + 4 > frm.length) {
                throw damaged("extra2 up to %d at most".formatted(frm.length - 4), "" + end);
            }
            List<Extra2> values = new ArrayList<>();
            int versions = 0;
            while (in.position() < end) {
                int at = in.position();
                int type = in.get() & 0xff;
                int length = in.get() & 0xff; // inside the file: 4 bytes follow the segment
                if (length == 0) {
                    length = Short.toUnsignedInt(in.getShort());
                    if (length < 256) {
                        throw damaged("a length from 256 in the value at " + at, "" + length);
                    }
                }
                if (in.position() + length > end) {
                    throw damaged(
                            "a value at %d that ends at %d or before".formatted(at, end),
                            "" + (in.position() + length));
                }
                byte[] value = take("value", length);
                values.add(new Extra2(type, value));
                switch (type) {
                    case EXTRA2_VERSION -> {
                        expect("bytes of the version at " + at, VERSION_BYTES, length);
                        told.accept("version", HexFormat.of().formatHex(value));
                        versions++;
                    }
                    case EXTRA2_PARTITION_ENGINE ->
                            told.accept("engine name of partitions", text(value));
                    default -> told.accept("extra2 " + type, length + " bytes");
                }
            }
            expect("the number of versions (type 0) in extra2", 1, versions);
            return values;
        }

        private void checkForm(byte[] form) throws DamagedTableException {
            if (form.length < FORM_BYTES) {
                throw damaged(
                        "a form of %d bytes or more".formatted(FORM_BYTES), form.length + " bytes");
            }
            ByteBuffer fields = ByteBuffer.wrap(form).order(ByteOrder.LITTLE_ENDIAN);
            int columns = Short.toUnsignedInt(fields.getShort(258));
            told.accept("columns", "" + columns);
            expect(
                    "bytes of form and columns in its bytes 0-1",
                    form.length,
                    Short.toUnsignedInt(fields.getShort(0)));
            int length = FORM_BYTES + COLUMN_BYTES * columns;
            for (int offset : new int[] {260, 268, 274, 284, 286}) {
                length += Short.toUnsignedInt(fields.getShort(offset));
            }
            expect("bytes of form and columns, added up", form.length, length);
        }

        /**
         * How many parser names there are is said by the keys, which are not read: the comment is what fits
         * behind any number of them.
         */
        private void checkEnd(byte[] end, byte[] form) throws DamagedTableException {
            int inForm = form[COMMENT_OFFSET] & 0xff;
            if (inForm != COMMENT_ELSEWHERE) {
                told.accept("comment", text(form, COMMENT_OFFSET + 1, inForm));
                if (end.length > 0 && end[end.length - 1] != 0) {
                    throw damaged("0 behind the last parser name", "" + end[end.length - 1]);
                }
                return;
            }
            ByteBuffer lengths = ByteBuffer.wrap(end).order(ByteOrder.LITTLE_ENDIAN);
            for (int at = 0; at + 2 <= end.length; at++) {
                boolean behindName = at == 0 || end[at - 1] == 0;
                int length = Short.toUnsignedInt(lengths.getShort(at));
                if (behindName && at + 2 + length == end.length) {
                    told.accept("comment", text(end, at + 2, length));
                    return;
                }
            }
            throw damaged(
                    "a comment that ends at " + (frm.length - form.length),
                    end.length + " bytes that are none");
        }

        private String engine(int offset) {
            int engine = frm[offset] & 0xff;
            return switch (engine) {
                case FrmImage.ENGINE_PARTITION -> engine + " partitions";
                case FrmImage.ENGINE_S3 -> engine + " S3";
                case FrmImage.ENGINE_ARIA -> engine + " Aria";
                default -> "" + engine;
            };
        }

        private int u16(int offset) {
            return Short.toUnsignedInt(in.getShort(offset));
        }

        private long u32(int offset) {
            return Integer.toUnsignedLong(in.getInt(offset));
        }

        private byte[] takeU16(String what) throws DamagedTableException {
            byte[] length = take("length of the " + what, 2);
            byte[] text = take(what, length[0] & 0xff | (length[1] & 0xff) << 8);
            told.accept(what, text(text));
            return text;
        }

        private long takeU32(String what) throws DamagedTableException {
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
                throw damaged("%d as %s".formatted(expected, what), "" + found);
            }
        }

        private DamagedTableException damaged(String expected, String found) {
            return new DamagedTableException(place, expected, found);
        }

        private static String text(byte[] utf8) {
            return text(utf8, 0, utf8.length);
        }

        private static String text(byte[] utf8, int from, int length) {
            return new String(utf8, from, length, StandardCharsets.UTF_8).strip();
        }
    }
}
