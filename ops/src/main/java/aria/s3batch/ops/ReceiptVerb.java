package aria.s3batch.ops;

import aria.s3batch.daemon.api.Problem;

import com.fasterxml.jackson.databind.JsonNode;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Path;

/** A verb that reads receipts, as files: with or without a daemon, as whoever may read their folder. */
abstract class ReceiptVerb extends Verb {
    @Mixin final SettingsOptions settings = new SettingsOptions();

    @Option(
            names = "--receipt-dir",
            paramLabel = "DIR",
            description =
                    "The folder of the receipts; by default what the option files say in"
                            + " [aria_s3_batchd], else receipts below cache-dir.")
    @Nullable Path receiptDir;

    abstract int run(Path dir) throws ProblemException, IOException;

    @Override
    final int run() throws ProblemException, IOException {
        Path dir = receiptDir == null ? settings.receiptDir() : receiptDir;
        try {
            return run(dir);
        } catch (AccessDeniedException e) {
            throw new ProblemException(
                    Problem.of(
                            Problem.Kind.FORBIDDEN,
                            "%s: permission denied. Receipts are files, for those who may read their folder: ask as root or as the daemon's user, or let receipt-dir name a folder that your group may read"
                                    .formatted(e.getFile())),
                    e);
        } catch (DamagedReceiptException e) {
            throw new ProblemException(Problem.of(Problem.Kind.QUARANTINED, IoFailure.words(e)), e);
        }
    }

    /** A line on a table. */
    static String inWords(JsonNode table) {
        return "%s: %d rows before, %d after; blocks: %d written, %d created, %d deleted"
                .formatted(
                        table.path("table").asText(),
                        table.path("rowsBefore").asLong(),
                        table.path("rowsAfter").asLong(),
                        table.path("objectsWritten").asLong(),
                        table.path("objectsCreated").asLong(),
                        table.path("objectsDeleted").asLong());
    }

    static String user(JsonNode head) {
        return head.path("user").asText("an unknown user");
    }
}
