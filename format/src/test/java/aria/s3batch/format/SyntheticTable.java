package aria.s3batch.format;

import java.util.Arrays;
import java.util.Random;
import java.util.SortedMap;

/**
 * A made-up table of any size, for tests that need more blocks, other block sizes or odder lengths than the
 * {@link Fixture}s have. Header and all pages pass {@link HeaderRules} and {@link PageVerifier}; what the
 * pages hold is noise and letters by turns, so that zlib makes some blocks smaller and others not. A server
 * would find no rows in it.
 *
 * <p>Immutable; arrays are not copied.
 */
public final class SyntheticTable {
    private static final Fixture MODEL = Fixture.of("plain");

    /** Bytes of a page, as in every fixture. */
    public static final int PAGE_BYTES = 8192;

    /** Of a letter, which zlib makes small, and of noise, which it does not: half of the pages each. */
    private static final int LETTER_PAGES_OF = 2;

    private final TableName name;
    private final AriaHeader header;
    private final byte[] index;
    private final byte[] data;

    private SyntheticTable(TableName name, AriaHeader header, byte[] index, byte[] data) {
        this.name = name;
        this.header = header;
        this.index = index;
        this.data = data;
    }

    /**
     * @param indexPages not counting the one page of the header; may be 0
     * @param dataPages at least 1
     * @param seed of the content of the pages
     */
    public static SyntheticTable of(
            TableName name,
            int blockBytes,
            boolean compressed,
            int indexPages,
            int dataPages,
            long seed) {
        AriaHeader header =
                MODEL.headerBefore(MODEL.table())
                        .with(HeaderField.S3_BLOCK_SIZE, blockBytes)
                        .with(HeaderField.COMPRESSION, compressed ? 1 : 0);
        return new SyntheticTable(name, header, header.asLocal().bytes(), new byte[0])
                .resized(indexPages, dataPages, seed);
    }

    /** Cut, or made longer by new pages; the other pages stay, the header says the new lengths. */
    public SyntheticTable resized(int indexPages, int dataPages, long seed) {
        byte[] newIndex = resized(TableFile.INDEX, index, 1 + indexPages, seed);
        byte[] newData = resized(TableFile.DATA, data, dataPages, seed);
        AriaHeader newHeader =
                header.with(HeaderField.KEY_FILE_LENGTH, newIndex.length)
                        .with(HeaderField.DATA_FILE_LENGTH, newData.length)
                        .with(HeaderField.KEY_ROOT, indexPages == 0 ? -1 : PAGE_BYTES)
                        .with(HeaderField.KEY_DEL, -1)
                        .with(HeaderField.RECORDS, dataPages);
        byte[] local = newHeader.asLocal().bytes();
        System.arraycopy(local, 0, newIndex, 0, local.length);
        return new SyntheticTable(name, newHeader, newIndex, newData);
    }

    private static byte[] resized(TableFile file, byte[] content, int pages, long seed) {
        byte[] resized = Arrays.copyOf(content, Math.multiplyExact(pages, PAGE_BYTES));
        for (int page = content.length / PAGE_BYTES; page < pages; page++) {
            System.arraycopy(page(file, page, seed), 0, resized, page * PAGE_BYTES, PAGE_BYTES);
        }
        return resized;
    }

    /** With one page replaced by {@link #page} of another seed; not for pages of the header. */
    public SyntheticTable withPage(TableFile file, int page, long seed) {
        byte[] newIndex = index.clone();
        byte[] newData = data.clone();
        byte[] content = file == TableFile.INDEX ? newIndex : newData;
        System.arraycopy(page(file, page, seed), 0, content, page * PAGE_BYTES, PAGE_BYTES);
        return new SyntheticTable(name, header, newIndex, newData);
    }

    /** A whole page with its checksum: bitmap, rows, or an index leaf. The same for the same arguments. */
    public static byte[] page(TableFile file, long page, long seed) {
        Random random = new Random(seed * 31 + page * 7 + file.name().length());
        byte[] image = new byte[PAGE_BYTES];
        if (random.nextInt(LETTER_PAGES_OF) == 0) {
            Arrays.fill(image, (byte) ('a' + random.nextInt(26)));
        } else {
            random.nextBytes(image);
        }
        int covered = PAGE_BYTES - PageChecksum.BYTES;
        if (file == TableFile.DATA && BitmapPage.isBitmap(page, PAGE_BYTES)) {
            allInUse(image, random);
        }
        if (file == TableFile.INDEX) {
            covered = PAGE_BYTES / 2;
            image[0] = 0; // key 0
            image[1] = 0; // leaf
            image[2] = (byte) (covered >>> 8);
            image[3] = (byte) covered;
        } else if (!BitmapPage.isBitmap(page, PAGE_BYTES)) {
            Arrays.fill(image, 0, 7, (byte) 0); // LSN
            image[7] = 1; // head
        }
        int checksum = PageChecksum.of(image, 0, covered, page);
        for (int i = 0; i < PageChecksum.BYTES; i++) {
            image[PAGE_BYTES - PageChecksum.BYTES + i] = (byte) (checksum >>> 8 * i);
        }
        return image;
    }

    /** Damage of a page that its bitmap calls empty is nobody's business: there are none. */
    private static void allInUse(byte[] bitmap, Random random) {
        for (int i = 0; i + 3 <= bitmap.length; i += 3) {
            int bitsOfEight = 0;
            for (int page = 0; page < 8; page++) {
                bitsOfEight |= 1 + random.nextInt(7) << 3 * page;
            }
            bitmap[i] = (byte) bitsOfEight;
            bitmap[i + 1] = (byte) (bitsOfEight >>> 8);
            bitmap[i + 2] = (byte) (bitsOfEight >>> 16);
        }
    }

    public TableName name() {
        return name;
    }

    /** As in S3. */
    public AriaHeader header() {
        return header;
    }

    /** A table file as a server without S3 would have it. */
    public byte[] local(TableFile file) {
        return file == TableFile.INDEX ? index : data;
    }

    /** Everything in the bucket: header, blocks, and the frm of a real table. */
    public SortedMap<String, byte[]> objects() {
        SortedMap<String, byte[]> objects = Fixture.cut(name, header, index, data);
        byte[] frm = MODEL.before().get(new ObjectNames(MODEL.table()).frm());
        if (frm == null) {
            throw new AssertionError("the model has no frm");
        }
        objects.put(new ObjectNames(name).frm(), frm);
        return objects;
    }
}
