package aria.s3batch.recovery;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32C;

/**
 * The frame around every value in the journal. Big-endian, as keys are. Since format 1; the version counts
 * for each kind since format 4.
 *
 * <pre>
 * offset size type field    meaning
 *      0    2 u16  magic    0xA353
 *      2    1 u8   kind     1 batch, 2 page table of a block, 3 object done, 4 journal format, 5 fence, 6 copy,
 *                          7 undo, 8 undo manifest
 *      3    1 u8   version  of the body: 3 of batch and copy, 2 of object done, 1 of the others; older ones are read
 *      4    n -    body     see {@link RecordCodec}
 *  4 + n    4 u32  crc      CRC-32C of key, then bytes [0, 4 + n)
 * </pre>
 *
 * The key is under the checksum, so a value cannot pass for that of another block.
 */
final class JournalValue {
    private static final int MAGIC = 0xA353;
    private static final int FRAME_BYTES = 8;

    /** What a value holds; stored by code. */
    enum Kind {
        BATCH(1, 3),
        BLOCK(2, 1),
        OBJECT_DONE(3, 2),
        FORMAT(4, 1),
        FENCE(5, 1),
        /** In the bucket, see {@link BucketJournal}. */
        COPY(6, 3),
        /** In the bucket, see {@link UndoSet}. Its batch is of the version of the others. */
        UNDO(7, 3),
        /** Likewise. */
        UNDO_MANIFEST(8, 1);

        private final int code;

        /** In which bodies are written; those of all before are read. */
        private final int version;

        Kind(int code, int version) {
            this.code = code;
            this.version = version;
        }
    }

    /** The body of a value, and its version. */
    static final class Opened extends DataInputStream {
        private final int version;

        Opened(byte[] value, int version) {
            super(new ByteArrayInputStream(value, 4, value.length - FRAME_BYTES));
            this.version = version;
        }

        int version() {
            return version;
        }
    }

    interface Body {
        void writeTo(DataOutputStream out) throws IOException;
    }

    private JournalValue() {}

    static byte[] frame(Kind kind, byte[] key, Body body) throws IOException {
        var bytes = new ByteArrayOutputStream(256);
        var out = new DataOutputStream(bytes);
        out.writeShort(MAGIC);
        out.writeByte(kind.code);
        out.writeByte(kind.version);
        body.writeTo(out);
        out.writeInt(crc(key, bytes.toByteArray(), bytes.size()));
        return bytes.toByteArray();
    }

    /**
     * The body of a value.
     *
     * @throws CorruptJournalException not a value of this kind, under this key
     */
    static Opened open(Kind kind, byte[] key, byte[] value) throws CorruptJournalException {
        String place = "row " + describe(key);
        if (value.length < FRAME_BYTES) {
            throw new CorruptJournalException(place, value.length + " bytes", null);
        }
        ByteBuffer framed = ByteBuffer.wrap(value);
        int stored = framed.getInt(value.length - 4);
        int computed = crc(key, value, value.length - 4);
        if (stored != computed) {
            throw new CorruptJournalException(
                    place, "checksum %08x, computed %08x".formatted(stored, computed), null);
        }
        int magic = framed.getShort(0) & 0xffff;
        int foundKind = framed.get(2) & 0xff;
        int version = framed.get(3) & 0xff;
        if (magic != MAGIC || foundKind != kind.code || version < 1 || version > kind.version) {
            throw new CorruptJournalException(
                    place,
                    "magic %04x, kind %d, version %d".formatted(magic, foundKind, version),
                    null);
        }
        return new Opened(value, version);
    }

    private static int crc(byte[] key, byte[] value, int length) {
        var crc = new CRC32C();
        crc.update(key);
        crc.update(value, 0, length);
        return (int) crc.getValue();
    }

    static String describe(byte[] key) {
        var text = new StringBuilder();
        for (byte b : key) {
            text.append(b > ' ' && b < 127 ? String.valueOf((char) b) : "\\x%02x".formatted(b));
        }
        return text.toString();
    }

    static void writeBytes(DataOutputStream out, byte[] bytes) throws IOException {
        out.writeInt(bytes.length);
        out.write(bytes);
    }

    static byte[] readBytes(DataInputStream in) throws IOException {
        int length = in.readInt();
        if (length < 0 || length > in.available()) {
            throw new IOException(
                    "a length of " + length + " where " + in.available() + " are left");
        }
        return in.readNBytes(length);
    }

    static void writeText(DataOutputStream out, String text) throws IOException {
        writeBytes(out, text.getBytes(StandardCharsets.UTF_8));
    }

    static String readText(DataInputStream in) throws IOException {
        return new String(readBytes(in), StandardCharsets.UTF_8);
    }
}
