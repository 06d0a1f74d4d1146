package aria.s3batch.ops;

import aria.s3batch.daemon.api.Problem;
import aria.s3batch.format.AriaHeader;
import aria.s3batch.format.BlockName;
import aria.s3batch.format.ObjectNames;
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
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

@Command(
        name = "block",
        description = {
            "Show what is in a block: frame, lengths, kinds of its pages, checksums.",
            "",
            "Of a table in the bucket: inspect block db.table data/000001. Of a saved object:"
                + " inspect block DIR/data/000001, where DIR/aria is its header, or with --header"
                + " and the block's name."
        })
final class InspectBlockCommand extends BucketVerb {
    private static final Pattern BLOCK =
            Pattern.compile("(?:.*/)?(index|data)/0*([1-9][0-9]{0,17})");

    @Parameters(
            index = "0",
            paramLabel = "TABLE|FILE",
            description = "db.table, or db/table as in the bucket; or a file.")
    String source = "";

    @Parameters(
            index = "1",
            arity = "0..1",
            paramLabel = "BLOCK",
            description =
                    "index/NNNNNN or data/NNNNNN; of a file by default what its path ends with.")
    @Nullable String name;

    @Option(
            names = "--header",
            paramLabel = "FILE",
            description = "The saved object aria of the table, for a block that is a file.")
    @Nullable Path headerFile;

    @Override
    int run() throws ProblemException, IOException {
        TableOrFile from = TableOrFile.of(source);
        TableName table = from.table();
        BlockName block = block(name != null ? name : table == null ? source : "");
        BlockContent content =
                table == null
                        ? read(from.file().toAbsolutePath(), block)
                        : inBucket(store -> read(store, new ObjectNames(table), block));
        output.result(content, () -> print(content));
        String damage = content.damage();
        if (damage == null) {
            return 0;
        }
        output.say("aria_s3_batch: " + damage);
        return Problem.Kind.QUARANTINED.exitCode();
    }

    private BlockName block(String text) throws ProblemException {
        Matcher matcher = BLOCK.matcher(text);
        if (!matcher.matches()) {
            throw ProblemException.usage(
                    "which block of %s? Add its name: index/NNNNNN or data/NNNNNN"
                            .formatted(source));
        }
        return new BlockName(TableFile.ofKey(matcher.group(1)), Long.parseLong(matcher.group(2)));
    }

    private BlockContent read(Path file, BlockName block) throws ProblemException, IOException {
        Path beside = file.resolveSibling("../aria").normalize();
        Path header = headerFile != null ? headerFile : beside;
        if (!Files.isRegularFile(header)) {
            throw ProblemException.usage(
                    "no file %s: name the table's saved object aria with --header=FILE"
                            .formatted(header));
        }
        return content(
                file.toString(),
                readObject(file),
                block,
                AriaHeader.parse(readObject(header), header.toString()));
    }

    private static byte[] readObject(Path file) throws IOException {
        try (InputStream in = Files.newInputStream(file)) {
            return in.readNBytes(ObjectStore.OBJECT_BYTES_MAX);
        }
    }

    private static BlockContent read(ObjectStore store, ObjectNames names, BlockName block)
            throws ProblemException, IOException {
        String aria = names.header();
        byte[] header =
                store.get(aria)
                        .orElseThrow(() -> InspectHeaderCommand.noSuchTable(names.table(), aria))
                        .body();
        String key = names.block(block);
        byte[] object =
                store.get(key)
                        .orElseThrow(
                                () ->
                                        ProblemException.of(
                                                Problem.Kind.NOT_FOUND,
                                                "no object %s in the bucket".formatted(key)))
                        .body();
        return content(key, object, block, AriaHeader.parse(header, aria));
    }

    private static BlockContent content(
            String place, byte[] object, BlockName block, AriaHeader header) throws IOException {
        TableGeometry geometry = header.geometry(place);
        int expected = geometry.blockLength(block, header.fileLength(block.file()));
        return BlockContent.of(place, object, block, geometry, expected);
    }

    private void print(BlockContent content) {
        PrintStream out = output.out();
        out.println("object    %s, %d bytes".formatted(content.place(), content.bytes()));
        Integer flag = content.flag();
        if (flag != null) {
            String meaning =
                    switch (flag) {
                        case 0 -> "0, stored as it is";
                        case 1 -> "1, zlib";
                        default -> flag + ", which is none";
                    };
            out.println(
                    "frame     flag %s; length field %d".formatted(meaning, content.frameLength()));
        }
        out.println(
                "block     %d bytes; %d by the header"
                        .formatted(content.length(), content.expectedLength()));
        for (BlockContent.Pages pages : content.pages()) {
            String numbers =
                    pages.from() == pages.to()
                            ? "page " + pages.from()
                            : "pages %d-%d".formatted(pages.from(), pages.to());
            String problem = pages.problem();
            out.println(
                    "%-20s %-17s %s"
                            .formatted(numbers, pages.kind(), problem == null ? "ok" : problem));
        }
    }
}
