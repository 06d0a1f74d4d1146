package aria.s3batch.ops;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Locale;
import java.util.zip.GZIPOutputStream;

/**
 * A .tar.gz of plain files, in the ustar format of POSIX.1: <pre>
 * offset size field, in ASCII; numbers in octal digits, ended by a NUL
 *      0  100 name                   148    8 sum of the bytes of the header, itself as blanks
 *    100    8 mode                   156    1 type: 0, a file
 *    108   16 user, group            257    8 "ustar", NUL, "00"
 *    124   12 size                   265      names of user and group
 *    136   12 time, in seconds</pre>
 *
 * <p>Header and content each fill blocks of 512 bytes; two of zeros are the end.
 */
final class Tarball implements AutoCloseable {
    private static final int BLOCK = 512;
    private static final int NAME_BYTES = 100;

    private final GZIPOutputStream out;
    private final Instant time;

    /**
     * @param time that all files carry
     */
    Tarball(OutputStream out, Instant time) throws IOException {
        this.out = new GZIPOutputStream(out);
        this.time = time;
    }

    /**
     * @param name at most 100 bytes
     */
    void add(String name, byte[] content) throws IOException {
        byte[] header = new byte[BLOCK];
        byte[] bytes = name.getBytes(StandardCharsets.UTF_8);
        if (bytes.length > NAME_BYTES) {
            throw new IllegalArgumentException("name of more than 100 bytes: " + name);
        }
        System.arraycopy(bytes, 0, header, 0, bytes.length);
        put(header, 100, "0000600\0");
        put(header, 108, "0000000\0" + "0000000\0");
        put(header, 124, octal(content.length));
        put(header, 136, octal(time.getEpochSecond()));
        put(header, 148, " ".repeat(8));
        put(header, 156, "0");
        put(header, 257, "ustar\0" + "00");
        int sum = 0;
        for (byte each : header) {
            sum += each & 0xff;
        }
        put(header, 148, String.format(Locale.ROOT, "%06o\0 ", sum));
        out.write(header);
        out.write(content);
        out.write(new byte[Math.floorMod(-content.length, BLOCK)]);
    }

    private static String octal(long number) {
        return String.format(Locale.ROOT, "%011o\0", number);
    }

    private static void put(byte[] header, int offset, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
        System.arraycopy(bytes, 0, header, offset, bytes.length);
    }

    @Override
    public void close() throws IOException {
        out.write(new byte[2 * BLOCK]);
        out.close();
    }
}
