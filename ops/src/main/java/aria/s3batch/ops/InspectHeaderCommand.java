package aria.s3batch.ops;

import aria.s3batch.daemon.api.Problem;
import aria.s3batch.format.AriaHeader;
import aria.s3batch.format.DamagedTableException;
import aria.s3batch.format.HeaderField;
import aria.s3batch.format.ObjectNames;
import aria.s3batch.format.TableName;

import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

@Command(
        name = "header",
        description =
                "Show every field of a header, under Aria's own names, flags in words; of a table"
                        + " in the bucket, a local .MAI, or a saved object aria.")
final class InspectHeaderCommand extends BucketVerb {
    @Parameters(
            paramLabel = "TABLE|FILE",
            description = "db.table, or db/table as in the bucket; or a file.")
    String source = "";

    @Override
    int run() throws ProblemException, IOException {
        TableOrFile from = TableOrFile.of(source);
        TableName table = from.table();
        String place;
        byte[] bytes;
        if (table == null) {
            place = from.file().toString();
            try (InputStream in = Files.newInputStream(from.file())) {
                bytes = in.readNBytes(AriaHeader.BYTES_MAX);
            }
        } else {
            place = new ObjectNames(table).header();
            bytes =
                    inBucket(store -> store.get(place))
                            .orElseThrow(() -> noSuchTable(table, place))
                            .body();
        }
        FieldDocument header = read(place, bytes, from);
        output.result(header, () -> header.print(output.out(), bytes));
        String damage = header.damage();
        if (damage == null) {
            return 0;
        }
        output.say("aria_s3_batch: " + damage);
        return Problem.Kind.QUARANTINED.exitCode();
    }

    static ProblemException noSuchTable(TableName table, String key) {
        return ProblemException.of(
                Problem.Kind.NOT_FOUND,
                "no S3 table %s: the bucket has no object %s".formatted(table.display(), key));
    }

    /** An .MAI goes on after its header; a saved object does not. A header that is cut is filled up. */
    private static FieldDocument read(String place, byte[] bytes, TableOrFile from) {
        try {
            int keystart = AriaHeader.keystartOf(bytes, place);
            String damage = null;
            boolean whole =
                    from.table() == null ? bytes.length >= keystart : bytes.length == keystart;
            if (!whole) {
                damage =
                        new DamagedTableException(
                                        place,
                                        keystart + " bytes (keystart)",
                                        bytes.length + " bytes")
                                .getMessage();
            }
            AriaHeader header = AriaHeader.parse(Arrays.copyOf(bytes, keystart), place);
            return new FieldDocument(place, bytes.length, damage, fields(header));
        } catch (DamagedTableException e) {
            return new FieldDocument(place, bytes.length, e.getMessage(), Map.of());
        }
    }

    private static Map<String, Object> fields(AriaHeader header) {
        var fields = new LinkedHashMap<String, Object>();
        for (HeaderField field : HeaderField.values()) {
            List<String> words = new ArrayList<>();
            for (int i = 0; i < header.count(field); i++) {
                words.add(header.words(field, i));
            }
            fields.put(field.fieldName(), words.size() == 1 ? words.getFirst() : words);
        }
        return fields;
    }
}
