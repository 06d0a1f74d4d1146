package aria.s3batch.ops;

import aria.s3batch.daemon.api.Problem;
import aria.s3batch.diskcache.DamagedPageFileException;
import aria.s3batch.diskcache.LocalDisk;
import aria.s3batch.diskcache.PageFile;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;

@Command(
        name = "cache",
        description = {
            "Show a page file of the daemon's cache directory: batch, table, slots.",
            "",
            "Which page a slot holds is said by the journal, and by nothing before commit."
        })
final class InspectCacheCommand extends Verb {
    private static final int SHOWN_BYTES = 64;

    @Parameters(paramLabel = "FILE", description = "A page file below cache-dir.")
    @SuppressWarnings("NullAway.Init") // required: picocli sets it
    Path file;

    /**
     * The result with --json. What is damaged is null, and {@code start} then shows the first bytes in hex.
     *
     * @param slots whole ones in the file; bytes beyond the last are {@code tailBytes}
     */
    private record PageFileDocument(
            String file,
            long bytes,
            @Nullable String batch,
            @Nullable String table,
            @Nullable Integer pageBytes,
            @Nullable Integer slots,
            @Nullable Long tailBytes,
            @Nullable String damage,
            @Nullable String start) {}

    @Override
    int run() throws IOException {
        PageFileDocument found;
        try (PageFile pages = PageFile.open(new LocalDisk(), file)) {
            long bytes = Files.size(file);
            found =
                    new PageFileDocument(
                            file.toString(),
                            bytes,
                            pages.batch().toString(),
                            pages.table().display(),
                            pages.pageBytes(),
                            pages.slots(),
                            bytes % pages.pageBytes(),
                            null,
                            null);
        } catch (DamagedPageFileException e) {
            found = damaged(IoFailure.words(e));
        }
        PageFileDocument document = found;
        output.result(document, () -> print(document));
        String damage = document.damage();
        if (damage == null) {
            return 0;
        }
        output.say("aria_s3_batch: " + damage);
        return Problem.Kind.QUARANTINED.exitCode();
    }

    private PageFileDocument damaged(String damage) throws IOException {
        try (InputStream in = Files.newInputStream(file)) {
            String start = HexFormat.of().formatHex(in.readNBytes(SHOWN_BYTES));
            return new PageFileDocument(
                    file.toString(), Files.size(file), null, null, null, null, null, damage, start);
        }
    }

    private void print(PageFileDocument found) {
        PrintStream out = output.out();
        if (found.damage() != null) {
            out.println("%d bytes, starting with %s".formatted(found.bytes(), found.start()));
            return;
        }
        out.println("batch      " + found.batch());
        out.println("table      " + found.table());
        out.println("page size  " + found.pageBytes());
        out.println("slots      " + found.slots());
        out.println(
                "bytes      %d, %d after the last whole slot"
                        .formatted(found.bytes(), found.tailBytes()));
    }
}
