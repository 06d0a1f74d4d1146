package aria.s3batch.ops;

import aria.s3batch.daemon.api.TableDocument;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;

@Command(
        name = "put",
        description = {
            "Stage page images in an open batch: one or more whole pages, in order, from a file or"
                    + " stdin.",
            "",
            "Each page must have its checksum. The last page of a file and pages past its end may"
                    + " be put: the header, which is pages of the index file too, must say the new"
                    + " length at commit."
        })
final class PutCommand extends DaemonVerb {
    /** Of one request. */
    private static final int SLICE_BYTES = 4 << 20;

    @Mixin final PageArguments at = new PageArguments();

    @Parameters(
            index = "2",
            paramLabel = "FILE|-",
            description = "Page images without anything around them; - is stdin.")
    String source = "";

    /** The result: what was staged. */
    private record Staged(String batch, String table, String file, long page, long pages) {}

    @Override
    void checkArguments() throws ProblemException {
        at.check();
    }

    @Override
    void run(DaemonClient daemon) throws ProblemException, IOException {
        String batch = batchId(at.batch);
        try (InputStream images = open()) {
            TableDocument table = daemon.table(batch, at.table);
            if (!source.equals("-")) {
                checkLength(Files.size(Path.of(source)), table.pageBytes());
            }
            long pages = stage(daemon, batch, images, table.pageBytes());
            output.result(
                    new Staged(batch, at.table.display(), at.file.key(), at.page, pages),
                    () ->
                            output.say(
                                    "staged %d pages from %s".formatted(pages, at.place(at.page))));
        }
    }

    private InputStream open() throws IOException {
        return source.equals("-")
                ? output.streams().in()
                : new BufferedInputStream(Files.newInputStream(Path.of(source)));
    }

    private long stage(DaemonClient daemon, String batch, InputStream images, int pageBytes)
            throws ProblemException, IOException {
        byte[] slice = new byte[SLICE_BYTES - SLICE_BYTES % pageBytes];
        long staged = 0;
        while (true) {
            int length = images.readNBytes(slice, 0, slice.length);
            if (length == 0 && staged > 0) {
                return staged;
            }
            if (length == 0 || length % pageBytes != 0) {
                throw wrongLength(
                        staged * pageBytes + length,
                        pageBytes,
                        staged == 0
                                ? "nothing was staged"
                                : "%d pages before that are staged".formatted(staged));
            }
            daemon.put(
                    batch, at.table, at.file, at.page + staged, ByteBuffer.wrap(slice, 0, length));
            staged += length / pageBytes;
        }
    }

    private void checkLength(long bytes, int pageBytes) throws ProblemException {
        if (bytes == 0 || bytes % pageBytes != 0) {
            throw wrongLength(bytes, pageBytes, "nothing was staged");
        }
    }

    private ProblemException wrongLength(long bytes, int pageBytes, String staged) {
        return ProblemException.usage(
                "%s has %d bytes; pages of %s have %d each, and whole ones are needed; %s"
                        .formatted(
                                source.equals("-") ? "stdin" : source,
                                bytes,
                                at.table.display(),
                                pageBytes,
                                staged));
    }
}
