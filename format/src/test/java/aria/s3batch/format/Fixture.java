package aria.s3batch.format;

import java.io.IOException;
import java.io.InputStream;
import java.io.StringReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;

/**
 * A real table as MariaDB 10.11 wrote it to S3, and what became of it by a known SQL batch. Kept in
 * {@code fixtures/NAME.zip}: the objects before, the local files after. The local files before and the
 * objects after are made of them by {@link #cut} and its reverse, which give what MariaDB's own {@code
 * aria_s3_copy} gives, byte for byte (but for the zlib version).
 *
 * <p>Immutable, but arrays are not copied: clone what you change.
 */
public final class Fixture {
    private final String name;
    private final Properties facts = new Properties();
    private final SortedMap<String, byte[]> files = new TreeMap<>();

    private Fixture(String name) {
        this.name = name;
        try (ZipInputStream zip = new ZipInputStream(resource("fixtures/" + name + ".zip"))) {
            for (ZipEntry file = zip.getNextEntry(); file != null; file = zip.getNextEntry()) {
                files.put(file.getName(), zip.readAllBytes());
            }
            facts.load(new StringReader(text("fixture.properties")));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static InputStream resource(String path) {
        InputStream stream = Fixture.class.getClassLoader().getResourceAsStream(path);
        if (stream == null) {
            throw new IllegalArgumentException("no such test resource: " + path);
        }
        return stream;
    }

    /** All twelve. They take about 15 MiB of heap: hold on to one at a time where that matters. */
    public static List<Fixture> all() {
        return names().stream().map(Fixture::of).toList();
    }

    /** {@code plain zlib blobs idx empty trunc nocrc part sp@002d@0k@0020x noidx def4m wide}. */
    public static List<String> names() {
        try (InputStream list = resource("fixtures/fixtures.list")) {
            return new String(list.readAllBytes(), StandardCharsets.UTF_8).lines().toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The fixture of that name, read anew. */
    public static Fixture of(String name) {
        return new Fixture(name);
    }

    /** The table's name in the bucket, without the database. */
    public String name() {
        return name;
    }

    /** What is special about it. */
    public String note() {
        return fact("note");
    }

    public String database() {
        return fact("database");
    }

    /** The table as a user names it: the base of all {@link #units}. */
    public TableName table() {
        return units().getFirst().base();
    }

    /** The table, or its partitions. */
    public List<TableName> units() {
        return Arrays.stream(fact("units").split(" ", -1))
                .map(unit -> new TableName(database(), unit))
                .toList();
    }

    public boolean compressed() {
        return Boolean.parseBoolean(fact("compressed"));
    }

    /** The statement that made the table, as a local one. */
    public String createTable() {
        return text("create.sql");
    }

    /** The batch: statements separated by semicolon and newline. */
    public String sql() {
        return text("batch.sql");
    }

    public long rowsBefore() {
        return Long.parseLong(fact("rows.before"));
    }

    public long rowsAfter() {
        return Long.parseLong(fact("rows.after"));
    }

    /** {@code CHECKSUM TABLE}. */
    public String checksumBefore() {
        return fact("checksum.before");
    }

    /** {@code CHECKSUM TABLE}. */
    public String checksumAfter() {
        return fact("checksum.after");
    }

    private String fact(String key) {
        String value = facts.getProperty(key);
        if (value == null) {
            throw new AssertionError("fixture " + name + " has no " + key);
        }
        return value;
    }

    private String text(String file) {
        return new String(file(file), StandardCharsets.UTF_8);
    }

    private byte[] file(String path) {
        byte[] content = files.get(path);
        if (content == null) {
            throw new AssertionError("fixture " + name + " has no " + path);
        }
        return content;
    }

    /** Everything in the bucket before the batch: key to object, with frm and par. */
    public SortedMap<String, byte[]> before() {
        SortedMap<String, byte[]> objects = new TreeMap<>();
        files.forEach(
                (path, content) -> {
                    if (path.startsWith("before/")) {
                        objects.put(path.substring("before/".length()), content);
                    }
                });
        return objects;
    }

    /** The object of that key before the batch. */
    public byte[] before(String key) {
        return file("before/" + key);
    }

    /**
     * Everything in the bucket after the batch, as MariaDB has it; frm and par are those of before. Of
     * compressed tables compare what the objects decode to.
     */
    public SortedMap<String, byte[]> after() {
        SortedMap<String, byte[]> objects = new TreeMap<>();
        before().forEach(
                        (key, object) -> {
                            if (key.endsWith("/frm") || key.endsWith("/par")) {
                                objects.put(key, object);
                            }
                        });
        for (TableName unit : units()) {
            objects.putAll(
                    cut(
                            unit,
                            headerBefore(unit),
                            local(unit, TableFile.INDEX, true),
                            local(unit, TableFile.DATA, true)));
        }
        return objects;
    }

    /** The object {@code aria} before the batch. */
    public AriaHeader headerBefore(TableName unit) {
        String key = new ObjectNames(unit).header();
        return header(before(key), key);
    }

    /** The first bytes of the local index file after the batch, with the S3 fields zero. */
    public AriaHeader localHeaderAfter(TableName unit) {
        byte[] index = local(unit, TableFile.INDEX, true);
        int keystart = headerBefore(unit).keystart();
        return header(Arrays.copyOf(index, keystart), unit + ".MAI");
    }

    /** A file of the local copy of the table before, or after, the batch ran on it. */
    public byte[] local(TableName unit, TableFile file, boolean after) {
        return after
                ? file("after/" + unit.table() + "." + file.extension())
                : assemble(unit, file, before());
    }

    /** The local file of the table that the objects are: the reverse of {@link #cut}. */
    public static byte[] assemble(TableName unit, TableFile file, Map<String, byte[]> objects) {
        ObjectNames names = new ObjectNames(unit);
        AriaHeader header = header(object(objects, names.header()), names.header());
        try {
            TableGeometry geometry = header.geometry(names.header());
            long length = header.fileLength(file);
            byte[] content = new byte[Math.toIntExact(length)];
            if (file == TableFile.INDEX) {
                System.arraycopy(header.asLocal().bytes(), 0, content, 0, header.keystart());
            }
            for (long n = 1; n <= geometry.blockCount(file, length); n++) {
                BlockName block = new BlockName(file, n);
                String key = names.block(block);
                byte[] decoded =
                        BlockFrame.decode(
                                object(objects, key),
                                geometry.blockLength(block, length),
                                geometry.compressed(),
                                key);
                System.arraycopy(
                        decoded, 0, content, (int) geometry.offsetOf(block), decoded.length);
            }
            return content;
        } catch (DamagedTableException e) {
            throw new AssertionError(e);
        }
    }

    private static byte[] object(Map<String, byte[]> objects, String key) {
        byte[] object = objects.get(key);
        if (object == null) {
            throw new AssertionError("no object " + key);
        }
        return object;
    }

    /**
     * The objects of a local table, as the server would upload it: header and blocks, no frm.
     *
     * @param s3 where compression and block size are taken from
     * @param index the .MAI, as long as its header says
     * @param data the .MAD
     */
    public static SortedMap<String, byte[]> cut(
            TableName unit, AriaHeader s3, byte[] index, byte[] data) {
        ObjectNames names = new ObjectNames(unit);
        SortedMap<String, byte[]> objects = new TreeMap<>();
        try {
            AriaHeader header =
                    header(Arrays.copyOf(index, s3.keystart()), names.header()).withS3FieldsOf(s3);
            TableGeometry geometry = header.geometry(names.header());
            objects.put(names.header(), header.bytes());
            for (TableFile file : TableFile.values()) {
                byte[] content = file == TableFile.INDEX ? index : data;
                if (content.length != header.fileLength(file)) {
                    throw new AssertionError(
                            unit + "." + file.extension() + " is of another length");
                }
                for (BlockName block : blocks(geometry, file, content.length)) {
                    int from = (int) geometry.offsetOf(block);
                    int length = geometry.blockLength(block, content.length);
                    byte[] bytes = Arrays.copyOfRange(content, from, from + length);
                    objects.put(
                            names.block(block),
                            BlockFrame.encode(bytes, length, geometry.compressed()));
                }
            }
            return objects;
        } catch (DamagedTableException e) {
            throw new AssertionError(e);
        }
    }

    private static List<BlockName> blocks(TableGeometry geometry, TableFile file, long length) {
        List<BlockName> blocks = new ArrayList<>();
        for (long n = 1; n <= geometry.blockCount(file, length); n++) {
            blocks.add(new BlockName(file, n));
        }
        return blocks;
    }

    private static AriaHeader header(byte[] bytes, String place) {
        try {
            return AriaHeader.parse(bytes, place);
        } catch (DamagedTableException e) {
            throw new AssertionError(e);
        }
    }

    @Override
    public String toString() {
        return name;
    }
}
