package aria.s3batch.format;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * The list of partitions beside the definition of a partitioned table: a {@code .par} file, and the object
 * {@code par}. Little-endian, checked against MariaDB 10.11: <pre>
 * offset  size type  field       meaning
 *      0     4 u32   words       32-bit words that the checksum covers: all up to connections
 *      4     4 u32   checksum    makes the XOR of these words 0
 *      8     4 u32   partitions  n: the leaves, so each sub-partition is one
 *     12     n u8[]  engines     41 S3, 42 Aria; zero to a multiple of 4, to offset N
 *      N     4 u32   nameBytes   bytes of names, filling not counted
 *    N+4     -  -    names       n names, each with a zero byte behind it; zero to a multiple of 4
 *      -     -  -    connections u32 length, and that many bytes, for each partition (one for all its
 *                                sub-partitions); to the end of the file</pre>
 *
 * Names are as in file names. That of a sub-partition is the partition's, {@code #SP#}, and its own; those
 * of one partition follow one another.
 *
 * An immutable value. {@link #parse} refuses what it could not write back byte for byte.
 */
public final class ParImage {
    private static final int CHECKSUM_OFFSET = 4;
    private static final int COUNT_OFFSET = 8;
    private static final int ENGINES_OFFSET = 12;
    private static final int BYTES_MIN = 12;

    private final byte[] bytes;
    private final String place;
    private final List<String> partitions;

    private ParImage(byte[] bytes, String place, List<String> partitions) {
        this.bytes = bytes;
        this.place = place;
        this.partitions = partitions;
    }

    /**
     * Reads a whole file.
     *
     * @param place the object or file, for the message
     * @throws DamagedTableException not a list of partitions as MariaDB writes it, to the last byte
     */
    public static ParImage parse(byte[] par, String place) throws DamagedTableException {
        if (par.length < BYTES_MIN) {
            throw new DamagedTableException(
                    place, BYTES_MIN + " bytes or more", par.length + " bytes");
        }
        ByteBuffer in = ByteBuffer.wrap(par).order(ByteOrder.LITTLE_ENDIAN);
        long words = Integer.toUnsignedLong(in.getInt(0));
        if (words < BYTES_MIN / 4 || words > par.length / 4) {
            throw new DamagedTableException(
                    place,
                    "a length of %d to %d words in bytes 0-3"
                            .formatted(BYTES_MIN / 4, par.length / 4),
                    words + " words");
        }
        int checkedBytes = (int) (4 * words);
        int xor = xor(in, checkedBytes);
        if (xor != 0) {
            int stored = in.getInt(CHECKSUM_OFFSET);
            throw new DamagedTableException(
                    place,
                    "checksum %08x in bytes 4-7".formatted(stored ^ xor),
                    "%08x".formatted(stored));
        }
        long count = Integer.toUnsignedLong(in.getInt(COUNT_OFFSET));
        if (count < 1 || count > checkedBytes - ENGINES_OFFSET) {
            throw new DamagedTableException(
                    place,
                    "1 to %d partitions".formatted(checkedBytes - ENGINES_OFFSET),
                    "" + count);
        }
        return new Reader(par, place, in, checkedBytes, (int) count).read();
    }

    /** What lies behind the three fixed fields, read once, forwards. */
    private static final class Reader {
        private final byte[] par;
        private final String place;
        private final ByteBuffer in;
        private final int checkedBytes;
        private final int count;

        Reader(byte[] par, String place, ByteBuffer in, int checkedBytes, int count) {
            this.par = par;
            this.place = place;
            this.in = in;
            this.checkedBytes = checkedBytes;
            this.count = count;
        }

        ParImage read() throws DamagedTableException {
            in.limit(checkedBytes);
            in.position(ENGINES_OFFSET + count);
            fill("engines");
            if (in.remaining() < 4) {
                throw damaged("the length of the names at " + in.position(), "the end");
            }
            long nameBytes = Integer.toUnsignedLong(in.getInt());
            if (nameBytes > in.remaining()) {
                throw damaged(
                        "names of up to %d bytes".formatted(in.remaining()), nameBytes + " bytes");
            }
            List<String> names = names((int) nameBytes);
            fill("names");
            if (in.hasRemaining()) {
                throw damaged(
                        "%d words".formatted(in.position() / 4),
                        "%d in bytes 0-3".formatted(checkedBytes / 4));
            }
            in.limit(par.length);
            connections(names.stream().map(ParImage::partitionOf).distinct().count());
            return new ParImage(par.clone(), place, names);
        }

        private void fill(String what) throws DamagedTableException {
            while (in.position() % 4 != 0) {
                int at = in.position();
                if (!in.hasRemaining()) {
                    throw damaged(what + " filled up to a multiple of 4", "the end at " + at);
                }
                if (in.get() != 0) {
                    throw damaged("0 behind the %s at %d".formatted(what, at), "" + par[at]);
                }
            }
        }

        private List<String> names(int nameBytes) throws DamagedTableException {
            int end = in.position() + nameBytes;
            var names = new ArrayList<String>();
            int from = in.position();
            for (int at = from; at < end; at++) {
                if (par[at] == 0) {
                    names.add(new String(par, from, at - from, StandardCharsets.UTF_8));
                    from = at + 1;
                }
            }
            if (from != end) {
                throw damaged("a zero byte behind the name at " + from, "none up to " + end);
            }
            if (names.size() != count) {
                throw damaged(count + " names of partitions", "" + names.size());
            }
            in.position(end);
            return List.copyOf(names);
        }

        private void connections(long partitions) throws DamagedTableException {
            for (int i = 0; i < partitions; i++) {
                int at = in.position();
                long length =
                        in.remaining() < 4 ? Long.MAX_VALUE : Integer.toUnsignedLong(in.getInt());
                if (length > in.remaining()) {
                    throw damaged(
                            "the connection of partition %d at %d".formatted(i, at),
                            "the end of the file");
                }
                in.position(in.position() + (int) length);
            }
            if (in.hasRemaining()) {
                throw damaged("the end of the file at " + in.position(), par.length + " bytes");
            }
        }

        private DamagedTableException damaged(String expected, String found) {
            return new DamagedTableException(place, expected, found);
        }
    }

    private static String partitionOf(String name) {
        int sub = name.indexOf("#SP#");
        return sub < 0 ? name : name.substring(0, sub);
    }

    private static int xor(ByteBuffer in, int length) {
        int xor = 0;
        for (int at = 0; at < length; at += 4) {
            xor ^= in.getInt(at);
        }
        return xor;
    }

    /** The same partitions in the Aria engine. Those that are there already stay. */
    public ParImage toAria() throws DamagedTableException {
        return toEngine(FrmImage.ENGINE_ARIA, "engine 41 (S3) of partition ");
    }

    /** The same partitions in the S3 engine. Those that are there already stay. */
    public ParImage toS3() throws DamagedTableException {
        return toEngine(FrmImage.ENGINE_S3, "engine 42 (Aria) of partition ");
    }

    private ParImage toEngine(int engine, String expected) throws DamagedTableException {
        byte[] changed = bytes.clone();
        for (int at = ENGINES_OFFSET; at < ENGINES_OFFSET + partitions.size(); at++) {
            if (changed[at] != FrmImage.ENGINE_S3 && changed[at] != FrmImage.ENGINE_ARIA) {
                throw new DamagedTableException(
                        place,
                        expected + partitions.get(at - ENGINES_OFFSET),
                        "" + (changed[at] & 0xff));
            }
            changed[at] = (byte) engine;
        }
        ByteBuffer out = ByteBuffer.wrap(changed).order(ByteOrder.LITTLE_ENDIAN);
        int checkedBytes = 4 * out.getInt(0);
        out.putInt(CHECKSUM_OFFSET, out.getInt(CHECKSUM_OFFSET) ^ xor(out, checkedBytes));
        return new ParImage(changed, place, partitions);
    }

    /**
     * The names of the partitions in the order of the file, as they stand in file names ({@code p0}, or
     * {@code p0#SP#s1} for a sub-partition).
     */
    public List<String> partitions() {
        return partitions;
    }

    /** The engine of each partition, in the same order: 41 S3, 42 Aria. */
    public List<Integer> engines() {
        var engines = new ArrayList<Integer>();
        for (int i = 0; i < partitions.size(); i++) {
            engines.add(bytes[ENGINES_OFFSET + i] & 0xff);
        }
        return engines;
    }

    /** The file: a copy. */
    public byte[] bytes() {
        return bytes.clone();
    }
}
