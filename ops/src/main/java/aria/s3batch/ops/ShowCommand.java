package aria.s3batch.ops;

import aria.s3batch.daemon.api.Problem;
import aria.s3batch.format.BatchId;

import com.fasterxml.jackson.databind.JsonNode;

import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

@Command(
        name = "show",
        description = {
            "Show the receipt of a batch that has ended: who committed it and when, rows before and"
                    + " after, and each object that it wrote or deleted with ETag and CRC-32C"
                    + " before and after. Needs no daemon.",
            "",
            "A CRC-32C before is known only of blocks that were read while they were applied; it"
                    + " is that of the object as it is stored, and so in its metadata as"
                    + " aria-s3-crc32c, if a batch wrote it."
        })
final class ShowCommand extends ReceiptVerb {
    @Parameters(paramLabel = "BATCH", description = "Batch id, as begin printed it.")
    String batch = "";

    @Override
    int run(Path dir) throws ProblemException, IOException {
        BatchId id;
        try {
            id = BatchId.parse(batch);
        } catch (IllegalArgumentException e) {
            throw ProblemException.usage(String.valueOf(e.getMessage()));
        }
        try (ReceiptReader whole = ReceiptReader.open(dir, id);
                ReceiptReader receipt = ReceiptReader.open(dir, id)) {
            whole.head(); // found damaged before the first line of it is on stdout
            whole.objects(object -> {});
            if (output.json) {
                receipt.copy(output.out());
            } else {
                print(receipt.head());
                receipt.objects(this::printObject);
            }
            return 0;
        } catch (NoSuchFileException e) {
            throw new ProblemException(
                    Problem.of(
                            Problem.Kind.NOT_FOUND,
                            "no receipt of batch %1$s in %2$s: it has not ended (aria_s3_batch status %1$s), or was aborted before its commit, or ended on another host"
                                    .formatted(id, dir),
                            id.toString(),
                            null),
                    e);
        }
    }

    private void print(JsonNode head) {
        String[] lines = {
            "batch     %s %s".formatted(head.path("batch").asText(), head.path("state").asText()),
            "begun     %s".formatted(head.path("begunAt").asText()),
            "committed %s, by %s".formatted(head.path("committedAt").asText(), user(head)),
            "ended     %s, by %s"
                    .formatted(head.path("endedAt").asText(), head.path("endedBy").asText()),
            "readers   %s, durability %s%s"
                    .formatted(
                            head.path("readers").asText(),
                            head.path("durability").asText(),
                            head.path("forced").asBoolean()
                                    ? ", forced over what others had written"
                                    : "")
        };
        for (String line : lines) {
            output.out().println(line);
        }
        for (JsonNode table : head.path("tables")) {
            output.out().println(inWords(table));
        }
    }

    private void printObject(JsonNode object) {
        output.out()
                .println(
                        "  %s %s %s"
                                .formatted(
                                        object.path("table").asText(),
                                        object.path("object").asText(),
                                        object.path("action").asText()));
        version("before", object.path("etagBefore"), object.path("crc32cBefore"));
        version("after ", object.path("etagAfter"), object.path("crc32cAfter"));
    }

    private void version(String when, JsonNode etag, JsonNode crc) {
        if (!etag.isNull()) {
            output.out()
                    .println(
                            "    %s %s crc32c %s"
                                    .formatted(when, etag.asText(), crc.asText("not known")));
        }
    }
}
