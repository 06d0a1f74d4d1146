package aria.s3batch.format;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.function.BiConsumer;

/**
 * The definition of a table: a {@code .frm} file, and the object {@code frm}. Where what lies is said by
 * {@link FrmSections}.
 *
 * <p>It names the engine by number and by name, and the server goes by the name where they differ: changing
 * one of them alone makes no other engine. A name of another length moves all that lies behind it.
 *
 * <p>The version is new with each CREATE and ALTER, and is what servers compare to see that a table has
 * changed under them.
 *
 * <p>An immutable value. {@link #parse} puts the file together again: one that does not come out byte for
 * byte is refused, so that a length changed here is changed everywhere it stands.
 */
public final class FrmImage {
    /** A version of the definition. */
    public static final int VERSION_BYTES = FrmSections.VERSION_BYTES;

    static final int ENGINE_PARTITION = 20;
    static final int ENGINE_S3 = 41;
    static final int ENGINE_ARIA = 42;

    private static final byte[] S3 = {'S', '3'};
    private static final byte[] ARIA = {'A', 'r', 'i', 'a'};
    private static final byte[] PARTITION = "partition".getBytes(StandardCharsets.US_ASCII);

    private final String place;
    private final FrmSections sections;
    private final byte[] bytes;

    private FrmImage(String place, FrmSections sections, byte[] bytes) {
        this.place = place;
        this.sections = sections;
        this.bytes = bytes;
    }

    /**
     * Reads a whole file.
     *
     * @param place the object or file, for the message
     * @throws DamagedTableException not a definition as MariaDB writes it, to the last byte
     */
    public static FrmImage parse(byte[] frm, String place) throws DamagedTableException {
        return parse(frm, place, (name, words) -> {});
    }

    /**
     * Reads a whole file, and says what is in it.
     *
     * @param told each field by name and in words, in the order of the file; those before the damage, if
     *     there is any
     */
    public static FrmImage parse(byte[] frm, String place, BiConsumer<String, String> told)
            throws DamagedTableException {
        FrmSections sections = FrmSections.read(frm, place, told);
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

    /** Whether the table's rows are in partitions, which a {@link ParImage} lists. */
    public boolean isPartitioned() {
        return sections.engine() == ENGINE_PARTITION;
    }

    /**
     * The same table in the Aria engine: the definition of the local files that its S3 objects are when
     * put together. The version stays. What {@code aria_s3_copy} uploads has the number of S3 and the name of
     * Aria still; servers open it as S3, and it is taken here.
     *
     * @throws DamagedTableException the table is not in the S3 engine, by number and by name
     */
    public FrmImage toAria() throws DamagedTableException {
        return toEngine(ENGINE_S3, S3, ENGINE_ARIA, ARIA);
    }

    /**
     * The same table in the S3 engine: the definition that belongs to the objects that local Aria files are when
     * cut into blocks. The version stays: give it a new one if others know the table already. What {@code
     * aria_s3_copy} downloads has the number of Aria and the name of S3 still, and is taken, too.
     *
     * @throws DamagedTableException the table is not in the Aria engine, by number and by name
     */
    public FrmImage toS3() throws DamagedTableException {
        return toEngine(ENGINE_ARIA, ARIA, ENGINE_S3, S3);
    }

    private FrmImage toEngine(int from, byte[] fromName, int to, byte[] toName)
            throws DamagedTableException {
        byte[] name = sections.engineName();
        if (!isPartitioned()) {
            boolean halfWay = sections.engine() == from && Arrays.equals(name, toName);
            if (!halfWay) {
                expectEngine("engine", from, fromName, sections.engine(), name);
            }
            return image(sections.withEngine(to, toName));
        }
        expectEngine("engine", ENGINE_PARTITION, PARTITION, sections.engine(), name);
        expectEngine(
                "engine of partitions",
                from,
                fromName,
                sections.partitionEngine(),
                sections.extra2(FrmSections.EXTRA2_PARTITION_ENGINE));
        byte[] partitioning =
                PartitioningText.withEngine(sections.partitioning(), fromName, toName, place);
        return image(sections.withPartitionEngine(to, toName, partitioning));
    }

    private void expectEngine(
            String what, int expected, byte[] expectedName, int number, byte[] name)
            throws DamagedTableException {
        if (number != expected || !Arrays.equals(name, expectedName)) {
            throw new DamagedTableException(
                    place,
                    "%s %d named '%s'".formatted(what, expected, text(expectedName)),
                    "%d named '%s'".formatted(number, text(name)));
        }
    }

    private static String text(byte[] utf8) {
        return new String(utf8, StandardCharsets.UTF_8);
    }

    /** Reads it again: the longer names may be more than the lengths can say. */
    private FrmImage image(FrmSections changed) throws DamagedTableException {
        return parse(changed.build(), place + ", changed");
    }

    /** The version of the definition: a copy. */
    public byte[] version() {
        return sections.extra2(FrmSections.EXTRA2_VERSION).clone();
    }

    /**
     * This definition under another version; nothing else changes, no length either.
     *
     * @param version 16 bytes, any; random ones will be new
     */
    public FrmImage withVersion(byte[] version) {
        if (version.length != VERSION_BYTES) {
            throw new IllegalArgumentException("a version of " + version.length + " bytes");
        }
        FrmSections changed = sections.withExtra2(FrmSections.EXTRA2_VERSION, version.clone());
        return new FrmImage(place, changed, changed.build());
    }

    /** The file: a copy. */
    public byte[] bytes() {
        return bytes.clone();
    }
}
