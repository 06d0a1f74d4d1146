package aria.s3batch.ops.demo;

import aria.s3batch.format.AriaHeader;
import aria.s3batch.format.TableFile;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;

/**
 * The table of the demo: 6000 orders as MariaDB 10.11 wrote them to S3, uncompressed, in blocks of 64
 * KiB, and the objects that MariaDB had after the statements of {@link #sql} ran on a local copy. {@code
 * orders.zip} holds the second ones only where they differ.
 */
public final class DemoTable {
    public static final String NAME = "archive.orders";
    static final String PREFIX = "archive/orders/";

    private static final String FRM = PREFIX + "frm";
    private static final int FRM_VERSION_FROM = 66;
    private static final int FRM_VERSION_TO = 82;

    private final SortedMap<String, byte[]> before = new TreeMap<>();
    private final SortedMap<String, byte[]> after;
    private String sql = "";

    private DemoTable(ZipInputStream zip) throws IOException {
        var changed = new TreeMap<String, byte[]>();
        for (ZipEntry file = zip.getNextEntry(); file != null; file = zip.getNextEntry()) {
            String name = file.getName();
            byte[] content = zip.readAllBytes();
            if (name.startsWith("before/")) {
                before.put(name.substring("before/".length()), content);
            } else if (name.startsWith("after/")) {
                changed.put(name.substring("after/".length()), content);
            } else {
                sql = new String(content, StandardCharsets.UTF_8).strip();
            }
        }
        after = new TreeMap<>(before);
        after.putAll(changed);
    }

    public static DemoTable load() throws IOException {
        try (InputStream packed = DemoTable.class.getResourceAsStream("orders.zip")) {
            if (packed == null) {
                throw new AssertionError("orders.zip is not in the jar: broken build");
            }
            return new DemoTable(new ZipInputStream(packed));
        }
    }

    /** The objects before the batch, by key. */
    public SortedMap<String, byte[]> before() {
        return before;
    }

    /** The objects as MariaDB has them after the batch, by key. */
    SortedMap<String, byte[]> after() {
        return after;
    }

    /** What was run on the local copy, one statement a line. */
    String sql() {
        return sql;
    }

    /** Writes {@code orders.MAI} and {@code orders.MAD} as they are after the batch. */
    public void writeLocalCopy(Path directory) throws IOException {
        String headerKey = PREFIX + "aria";
        AriaHeader header = AriaHeader.parse(object(headerKey), headerKey);
        Files.createDirectories(directory);
        Files.write(
                directory.resolve("orders.MAI"),
                concatenation(header.asLocal().bytes(), TableFile.INDEX));
        Files.write(directory.resolve("orders.MAD"), concatenation(new byte[0], TableFile.DATA));
    }

    private byte[] concatenation(byte[] start, TableFile file) {
        String prefix = PREFIX + file.key() + "/";
        var content = new ByteArrayOutputStream();
        content.writeBytes(start);
        after.subMap(prefix, prefix + Character.MAX_VALUE).values().forEach(content::writeBytes);
        return content.toByteArray();
    }

    private byte[] object(String key) {
        byte[] object = after.get(key);
        if (object == null) {
            throw new AssertionError("orders.zip has no " + key);
        }
        return object;
    }

    /**
     * An object in the form in which two must be equal: all of it, but the table version in {@code frm},
     * which a writer renews so that servers look again.
     */
    static byte[] comparable(String key, byte[] object) {
        if (!key.equals(FRM)) {
            return object;
        }
        byte[] masked = object.clone();
        Arrays.fill(masked, FRM_VERSION_FROM, FRM_VERSION_TO, (byte) 0);
        return masked;
    }
}
