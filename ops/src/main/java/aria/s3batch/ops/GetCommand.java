package aria.s3batch.ops;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;

@Command(
        name = "get",
        description = {
            "Write pages to stdout as the batch sees them: staged pages over those in S3.",
            "",
            "They are bytes, and are not written to a terminal: send them to a file or a pipe, or"
                + " use --json (Base64, one string a page). Past the end of the file there are no"
                + " pages: fewer are written than asked for, and stderr says so."
        })
final class GetCommand extends DaemonVerb {
    /** Of one request. */
    private static final int SLICE_BYTES = 4 << 20;

    /** A document is made in memory. */
    private static final int JSON_PAGE_BYTES_MAX = 16 << 20;

    @Mixin final PageArguments at = new PageArguments();

    @Option(names = "--count", paramLabel = "K", description = "How many pages; 1 by default.")
    long count = 1;

    /** The result with --json. */
    private record Pages(
            String batch,
            String table,
            String file,
            long page,
            int pageBytes,
            List<String> pages) {}

    @Override
    void checkArguments() throws ProblemException {
        at.check();
        if (count < 1) {
            throw ProblemException.usage("--count %d: 1 or more".formatted(count));
        }
        if (!output.json && output.streams().outIsTerminal()) {
            throw ProblemException.usage(
                    "pages are bytes and stdout is a terminal: redirect it to a file, or use"
                            + " --json");
        }
    }

    @Override
    void run(DaemonClient daemon) throws ProblemException {
        String batch = batchId(at.batch);
        int pageBytes = daemon.table(batch, at.table).pageBytes();
        if (output.json && count > JSON_PAGE_BYTES_MAX / pageBytes) {
            throw ProblemException.usage(
                    "--count %d: with --json at most %d pages"
                            .formatted(count, JSON_PAGE_BYTES_MAX / pageBytes));
        }
        var encoded = new ArrayList<String>();
        long got = 0;
        while (got < count) {
            long asked = Math.min(count - got, SLICE_BYTES / pageBytes);
            byte[] slice = daemon.pages(batch, at.table, at.file, at.page + got, asked);
            write(slice, pageBytes, encoded);
            got += slice.length / pageBytes;
            if (slice.length < asked * pageBytes) {
                output.say(
                        "the file ends at page %d: %d of %d pages written"
                                .formatted(at.page + got, got, count));
                break;
            }
        }
        if (output.json) {
            output.document(
                    new Pages(
                            batch, at.table.display(), at.file.key(), at.page, pageBytes, encoded));
        }
    }

    private void write(byte[] slice, int pageBytes, List<String> encoded) {
        if (!output.json) {
            output.out().write(slice, 0, slice.length);
            return;
        }
        for (int from = 0; from < slice.length; from += pageBytes) {
            byte[] page = Arrays.copyOfRange(slice, from, Math.min(slice.length, from + pageBytes));
            encoded.add(Base64.getEncoder().encodeToString(page));
        }
    }
}
