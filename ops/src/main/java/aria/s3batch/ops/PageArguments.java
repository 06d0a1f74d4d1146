package aria.s3batch.ops;

import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;

import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Which pages of a batch {@code put} and {@code get} are about. */
final class PageArguments {
    @Parameters(index = "0", paramLabel = "BATCH", description = "Batch id, as begin printed it.")
    String batch = "";

    @SuppressWarnings("NullAway.Init") // required: picocli sets it
    @Parameters(
            index = "1",
            paramLabel = "TABLE",
            description = "db.table, or db/table as in the bucket; one partition as db.table#P#p0.")
    TableName table;

    @SuppressWarnings("NullAway.Init") // required: picocli sets it
    @Option(
            names = "--file",
            required = true,
            paramLabel = "index|data",
            description = "index is the .MAI, header included; data is the .MAD.")
    TableFile file;

    @Option(
            names = "--page",
            required = true,
            paramLabel = "N",
            description = "First page, counted from 0 at the start of that file.")
    long page;

    /** Where messages say that something is: {@code db.t data page 3}. */
    String place(long at) {
        return "%s %s page %d".formatted(table.display(), file.key(), at);
    }

    void check() throws ProblemException {
        if (page < 0) {
            throw ProblemException.usage("--page %d: pages are counted from 0".formatted(page));
        }
    }
}
