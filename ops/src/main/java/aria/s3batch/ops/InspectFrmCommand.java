package aria.s3batch.ops;

import aria.s3batch.daemon.api.Problem;
import aria.s3batch.format.DamagedTableException;
import aria.s3batch.format.FrmImage;
import aria.s3batch.format.ObjectNames;
import aria.s3batch.format.ParImage;
import aria.s3batch.format.TableName;
import aria.s3batch.s3block.StoredObject;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

@Command(
        name = "frm",
        description = {
            "Show what a table's definition says of its engine, version and partitions, and the"
                + " list of partitions; of a table in the bucket, a local .frm, or a saved object"
                + " frm. The list is the .par, or the object par, beside it."
        })
final class InspectFrmCommand extends BucketVerb {
    @Parameters(
            paramLabel = "TABLE|FILE",
            description = "db.table, or db/table as in the bucket; or a file.")
    String source = "";

    /**
     * The result with --json.
     *
     * @param par null for a table without partitions, or if there is no list
     */
    private record DefinitionDocument(FieldDocument frm, @Nullable FieldDocument par) {}

    /** A file, or an object. */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    private record Content(String place, byte[] bytes) {
        static Optional<Content> of(Path file) throws IOException {
            return Files.isRegularFile(file)
                    ? Optional.of(new Content(file.toString(), Files.readAllBytes(file)))
                    : Optional.empty();
        }
    }

    @Override
    int run() throws ProblemException, IOException {
        TableOrFile from = TableOrFile.of(source);
        TableName named = from.table();
        if (named == null) {
            Path file = from.file();
            return show(Content.of(file).orElseThrow(), Content.of(parBeside(file)).orElse(null));
        }
        TableName table = named.base();
        var names = new ObjectNames(table);
        return inBucket(
                store -> {
                    byte[] frm =
                            store.get(names.frm())
                                    .map(StoredObject::body)
                                    .orElseThrow(
                                            () ->
                                                    InspectHeaderCommand.noSuchTable(
                                                            table, names.frm()));
                    Content par =
                            store.get(names.par())
                                    .map(object -> new Content(names.par(), object.body()))
                                    .orElse(null);
                    return show(new Content(names.frm(), frm), par);
                });
    }

    private static Path parBeside(Path frm) {
        String name = frm.toAbsolutePath().getFileName().toString();
        return frm.resolveSibling(name.replaceFirst("frm$", "") + "par");
    }

    private int show(Content frm, @Nullable Content par) {
        Map<String, Object> words = new LinkedHashMap<>();
        String damage = null;
        try {
            var definition = FrmImage.parse(frm.bytes(), frm.place(), words::put);
            if (definition.isPartitioned() && par == null) {
                output.say("aria_s3_batch: no list of partitions beside " + frm.place());
            }
        } catch (DamagedTableException e) {
            damage = e.getMessage();
        }
        var definition = new FieldDocument(frm.place(), frm.bytes().length, damage, words);
        FieldDocument partitions = par == null ? null : read(par);
        output.result(
                new DefinitionDocument(definition, partitions),
                () -> {
                    definition.print(output.out(), frm.bytes());
                    if (par != null && partitions != null) {
                        partitions.print(output.out(), par.bytes());
                    }
                });
        return exitCode(definition, partitions);
    }

    private static FieldDocument read(Content par) {
        try {
            ParImage list = ParImage.parse(par.bytes(), par.place());
            Map<String, Object> words = new LinkedHashMap<>();
            words.put("partitions", list.partitions());
            words.put("engines", list.engines());
            return new FieldDocument(par.place(), par.bytes().length, null, words);
        } catch (DamagedTableException e) {
            return new FieldDocument(par.place(), par.bytes().length, e.getMessage(), Map.of());
        }
    }

    private int exitCode(@Nullable FieldDocument... shown) {
        int exitCode = 0;
        for (FieldDocument file : shown) {
            if (file != null && file.damage() != null) {
                output.say("aria_s3_batch: " + file.damage());
                exitCode = Problem.Kind.QUARANTINED.exitCode();
            }
        }
        return exitCode;
    }
}
