package aria.s3batch.ops;

import aria.s3batch.daemon.api.Problem;
import aria.s3batch.format.AriaHeader;
import aria.s3batch.format.BitmapPage;
import aria.s3batch.format.BlockName;
import aria.s3batch.format.DataPage;
import aria.s3batch.format.ObjectNames;
import aria.s3batch.format.PageChecksum;
import aria.s3batch.format.PageKind;
import aria.s3batch.format.PageVerifier;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableGeometry;
import aria.s3batch.format.TableName;
import aria.s3batch.s3block.ObjectStore;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

@Command(
        name = "page",
        description = {
            "Show what a page is: kind, LSN, rows, free bytes, checksum; of a table in the bucket,"
                    + " or of a local .MAI or .MAD.",
            "",
            "Of a local .MAD the .MAI beside it says how large its pages are, or --header. Rows"
                    + " themselves are not shown: aria_s3_batch get has a page's bytes."
        })
final class InspectPageCommand extends BucketVerb {
    private static final Pattern LOCAL = Pattern.compile("(.*)\\.(MAI|MAD)");

    @Parameters(
            paramLabel = "TABLE|FILE",
            description = "db.table, or db/table as in the bucket; or a file.")
    String source = "";

    @Option(
            names = "--file",
            paramLabel = "index|data",
            description =
                    "index is the .MAI, header included; data is the .MAD. By default what a FILE's"
                            + " name ends with.")
    @Nullable TableFile file;

    @Option(
            names = "--page",
            required = true,
            paramLabel = "N",
            description = "Counted from 0 at the start of that file.")
    long page;

    @Option(
            names = "--header",
            paramLabel = "FILE",
            description = "A .MAI or a saved object aria, for a FILE that has none beside it.")
    @Nullable Path headerFile;

    /**
     * A page, or what there is of it.
     *
     * @param place the object or file
     * @param block null where it is in none
     * @param image shorter than a page where the file, or what can be read of it, ends
     */
    @SuppressWarnings("ArrayRecordComponent") // made and read in this class, compared by nobody
    private record Found(
            String place,
            TableGeometry geometry,
            TableFile file,
            @Nullable BlockName block,
            byte[] image) {}

    @Override
    int run() throws ProblemException, IOException {
        if (page < 0 || page > Long.MAX_VALUE >> 16) {
            throw ProblemException.usage("--page %d: pages are counted from 0".formatted(page));
        }
        TableOrFile from = TableOrFile.of(source);
        TableName table = from.table();
        Found found;
        if (table == null) {
            found = read(from.file());
        } else if (file == null) {
            throw ProblemException.usage("--file is missing: index or data");
        } else {
            TableFile named = file;
            found = inBucket(store -> read(store, new ObjectNames(table), named));
        }
        FieldDocument document = document(found);
        output.result(document, () -> document.print(output.out(), found.image()));
        String damage = document.damage();
        if (damage == null) {
            return 0;
        }
        output.say("aria_s3_batch: " + damage);
        return Problem.Kind.QUARANTINED.exitCode();
    }

    private Found read(ObjectStore store, ObjectNames names, TableFile of)
            throws ProblemException, IOException {
        String aria = names.header();
        byte[] header =
                store.get(aria)
                        .orElseThrow(() -> InspectHeaderCommand.noSuchTable(names.table(), aria))
                        .body();
        AriaHeader parsed = AriaHeader.parse(header, aria);
        TableGeometry geometry = parsed.geometry(aria);
        if (geometry.isHeaderPage(of, page)) {
            return new Found(aria, geometry, of, null, slice(header, page, geometry));
        }
        BlockName block = geometry.blockOf(of, page);
        if (page * geometry.pageBytes() >= parsed.fileLength(of)) {
            throw ProblemException.of(
                    Problem.Kind.NOT_FOUND,
                    "%s of %s has no page %d: it ends after %d"
                            .formatted(
                                    of.key(),
                                    names.table().display(),
                                    page,
                                    parsed.fileLength(of) / geometry.pageBytes()));
        }
        String key = names.block(block);
        byte[] object =
                store.get(key)
                        .orElseThrow(
                                () ->
                                        ProblemException.of(
                                                Problem.Kind.QUARANTINED,
                                                "the bucket has no object %s, in which page %d of %s is"
                                                        .formatted(key, page, of.key())))
                        .body();
        byte[] content = BlockContent.content(object, geometry);
        return new Found(
                key,
                geometry,
                of,
                block,
                slice(content, page - geometry.firstPage(block), geometry));
    }

    /** What there is of a page in a part of a file. */
    private static byte[] slice(byte[] bytes, long number, TableGeometry geometry) {
        long from = Math.min(bytes.length, number * geometry.pageBytes());
        long to = Math.min(bytes.length, from + geometry.pageBytes());
        return Arrays.copyOfRange(bytes, (int) from, (int) to);
    }

    private Found read(Path local) throws ProblemException, IOException {
        Matcher name = LOCAL.matcher(local.toString());
        boolean isNamed = name.matches();
        TableFile of = file;
        if (of == null) {
            if (!isNamed) {
                throw ProblemException.usage(
                        "is %s an .MAI or an .MAD? Say --file=index or --file=data"
                                .formatted(local));
            }
            of = name.group(2).equals("MAI") ? TableFile.INDEX : TableFile.DATA;
        }
        Path header = headerFile;
        if (header == null) {
            header =
                    of == TableFile.INDEX
                            ? local
                            : Path.of((isNamed ? name.group(1) : local.toString()) + ".MAI");
        }
        if (!Files.isRegularFile(header)) {
            throw ProblemException.usage(
                    "no file %s, which would say how large a page is: name the table's .MAI or saved object aria with --header=FILE"
                            .formatted(header));
        }
        TableGeometry geometry = geometry(header);
        int pageBytes = geometry.pageBytes();
        ByteBuffer image = ByteBuffer.allocate(pageBytes);
        try (SeekableByteChannel channel = Files.newByteChannel(local)) {
            if (page * pageBytes >= channel.size()) {
                throw ProblemException.of(
                        Problem.Kind.NOT_FOUND,
                        "%s has no page %d: it ends after %d"
                                .formatted(local, page, Math.ceilDiv(channel.size(), pageBytes)));
            }
            channel.position(page * pageBytes);
            while (image.hasRemaining() && channel.read(image) >= 0) {
                // until the page is whole or the file ends
            }
        }
        return new Found(
                local.toString(),
                geometry,
                of,
                null,
                Arrays.copyOf(image.array(), image.position()));
    }

    private static TableGeometry geometry(Path header) throws IOException {
        String place = header.toString();
        byte[] bytes;
        try (InputStream in = Files.newInputStream(header)) {
            bytes = in.readNBytes(AriaHeader.BYTES_MAX);
        }
        int keystart = AriaHeader.keystartOf(bytes, place);
        AriaHeader parsed = AriaHeader.parse(Arrays.copyOf(bytes, keystart), place);
        // Of a local table no block size is said, nor needed.
        return new TableGeometry(parsed.pageBytes(), parsed.pageBytes(), keystart, false);
    }

    private FieldDocument document(Found found) {
        byte[] image = found.image();
        TableGeometry geometry = found.geometry();
        if (image.length < geometry.pageBytes()) {
            String damage =
                    "%s is damaged: of page %d of %s there are %d bytes; %d are expected"
                            .formatted(
                                    found.place(),
                                    page,
                                    found.file().key(),
                                    image.length,
                                    geometry.pageBytes());
            return new FieldDocument(found.place(), image.length, damage, Map.of());
        }
        int headerPages = geometry.headerPages();
        PageKind kind =
                PageKind.of(found.file(), page, image, 0, geometry.pageBytes(), headerPages);
        String problem =
                PageVerifier.of(geometry).problemInBase(found.file(), page, image, 0).orElse(null);
        var fields = new LinkedHashMap<String, Object>();
        fields.put("file", found.file().key());
        fields.put("page", page);
        BlockName block = found.block();
        if (block != null) {
            fields.put("block", block.toString());
        }
        fields.put("kind", inWords(kind));
        fields.putAll(content(kind, image));
        fields.put("checksum", checksum(kind, image, problem));
        return new FieldDocument(
                found.place(),
                image.length,
                problem == null ? null : found.place() + " is damaged: " + problem,
                fields);
    }

    private static String inWords(PageKind kind) {
        return switch (kind) {
            case HEADER -> "part of the header: aria_s3_batch inspect header shows it";
            case BITMAP -> "bitmap: which of the pages after it are in use";
            case INDEX_NODE -> "index node: keys, and the pages below them";
            case INDEX_LEAF -> "index leaf: keys, and where their rows are";
            case INDEX_FREE -> "index page in the list of free pages";
            case DATA_UNALLOCATED -> "data page that never held a row";
            case HEAD -> "rows, or their first parts (head page)";
            case TAIL -> "last parts of rows (tail page)";
            case BLOB -> "part of one row (blob page)";
            case ZERO -> "all zero: never written";
            case UNKNOWN -> "of a type that Aria does not have";
        };
    }

    private Map<String, Object> content(PageKind kind, byte[] image) {
        var fields = new LinkedHashMap<String, Object>();
        switch (kind) {
            case HEAD, TAIL -> {
                DataPage data = DataPage.of(image, 0, image.length);
                fields.put("lsn", DataPage.lsn(image, 0));
                fields.put("rows", data.rows());
                fields.put("directory entries", data.entries());
                fields.put("row bytes", data.rowBytes());
                fields.put("free bytes", data.freeBytes());
            }
            case BLOB, DATA_UNALLOCATED, UNKNOWN -> fields.put("lsn", DataPage.lsn(image, 0));
            case INDEX_NODE, INDEX_LEAF -> {
                fields.put("key", image[0] & 0xff);
                fields.put("used bytes", (image[2] & 0xff) << 8 | image[3] & 0xff);
            }
            case BITMAP -> {
                int[] pages = new int[8];
                for (long at = page + 1; at < page + BitmapPage.stride(image.length); at++) {
                    pages[BitmapPage.bits(image, 0, at, image.length)]++;
                }
                fields.put("pages with rows", pages[1] + pages[2] + pages[3] + pages[4]);
                fields.put("pages with tails or blobs", pages[5] + pages[6] + pages[7]);
                fields.put("pages not in use", pages[0]);
            }
            case HEADER, INDEX_FREE, ZERO -> {}
        }
        return fields;
    }

    private static String checksum(PageKind kind, byte[] image, @Nullable String problem) {
        if (kind == PageKind.HEADER || kind == PageKind.ZERO) {
            return "none, as such pages have none";
        }
        int found =
                ByteBuffer.wrap(image)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .getInt(image.length - PageChecksum.BYTES);
        if (problem != null) {
            return "%08x: WRONG, %s".formatted(found, problem);
        }
        int none = kind == PageKind.BITMAP ? PageChecksum.NONE_BITMAP : PageChecksum.NONE;
        return found == none
                ? "none: written by a table without page checksums"
                : kind == PageKind.DATA_UNALLOCATED
                        ? "%08x, which nobody looks at".formatted(found)
                        : "%08x, right".formatted(found);
    }
}
