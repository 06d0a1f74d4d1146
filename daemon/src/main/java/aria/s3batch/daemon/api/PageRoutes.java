package aria.s3batch.daemon.api;

import aria.s3batch.daemon.BatchConductor;
import aria.s3batch.format.BatchId;
import aria.s3batch.format.PageVerifier;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableGeometry;
import aria.s3batch.format.TableName;
import aria.s3batch.recovery.OpenTable;

import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.util.Fields;
import org.jspecify.annotations.Nullable;

import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.concurrent.Semaphore;

/** Routes about the pages of one table in a batch: read, stage, truncate. */
public final class PageRoutes {
    private static final int BYTES_MAX = 16 << 20;

    /** Bodies and answers in memory at a time, in KiB: four of the largest. */
    private static final int KIB_IN_MEMORY = 4 * BYTES_MAX / 1024;

    private final BatchConductor conductor;
    private final Semaphore memory = new Semaphore(KIB_IN_MEMORY, true);

    /** A table of a batch, as it stands in the path, decoded from percent-encoding. */
    record Target(String batch, String database, String table) {
        BatchId id() {
            return BatchId.parse(batch);
        }

        TableName name() {
            return new TableName(database, table);
        }
    }

    public PageRoutes(BatchConductor conductor) {
        this.conductor = conductor;
    }

    Routes.Reply table(Target target) throws Exception {
        OpenTable table = conductor.table(target.id(), target.name()).get();
        TableGeometry geometry = table.base().geometry();
        return Routes.Reply.json(
                200,
                new TableDocument(
                        target.name().display(),
                        geometry.pageBytes(),
                        geometry.blockBytes(),
                        geometry.keystart(),
                        geometry.compressed(),
                        table.cache().pages(),
                        table.reader().blocksFetched(),
                        file(table, TableFile.INDEX),
                        file(table, TableFile.DATA)));
    }

    private static TableDocument.FileDocument file(OpenTable table, TableFile file) {
        return new TableDocument.FileDocument(
                table.cache().length(file), table.base().header().fileLength(file));
    }

    Routes.Reply read(Target target, String fileKey, Request request) throws Exception {
        TableFile file = TableFile.ofKey(fileKey);
        Fields query = Request.extractQueryParameters(request);
        OpenTable table = conductor.table(target.id(), target.name()).get();
        int pageBytes = table.base().geometry().pageBytes();
        @Nullable Long page = number(query, "page");
        @Nullable Long offset = number(query, "offset");
        if ((page == null) == (offset == null)) {
            throw new IllegalArgumentException("say either page or offset");
        }
        long count =
                page == null
                        ? orElse(number(query, "length"), 1)
                        : orElse(number(query, "count"), 1);
        long bytes = page == null ? count : bytes("count", count, pageBytes);
        long from = page == null ? orElse(offset, 0) : bytes("page", page, pageBytes);
        if (bytes < 1 || bytes > BYTES_MAX) {
            throw new IllegalArgumentException(
                    bytes + " bytes: read at least 1 and at most " + BYTES_MAX + " at a time");
        }
        long end = table.cache().length(file);
        if (from >= end) {
            throw new IllegalArgumentException(
                    "the %s file of %s ends at byte %d (page %d); asked for byte %d"
                            .formatted(
                                    file.key(),
                                    target.name().display(),
                                    end,
                                    end / pageBytes - 1,
                                    from));
        }
        int kib = reserve(bytes + fetchBytes(table));
        boolean replied = false;
        try {
            ByteBuffer into = ByteBuffer.allocate((int) Math.min(bytes, end - from));
            table.cache().read(file, from, into);
            byte[] body = into.hasRemaining() ? slice(into) : into.array();
            replied = true;
            return new Routes.Reply(
                    200, "application/octet-stream", body, () -> memory.release(kib));
        } finally {
            if (!replied) {
                memory.release(kib);
            }
        }
    }

    private static byte[] slice(ByteBuffer read) {
        byte[] bytes = new byte[read.position()];
        read.flip().get(bytes);
        return bytes;
    }

    Routes.Reply stage(Target target, String fileKey, Request request) throws Exception {
        TableFile file = TableFile.ofKey(fileKey);
        Fields query = Request.extractQueryParameters(request);
        @Nullable Long page = number(query, "page");
        @Nullable Long offset = number(query, "offset");
        if ((page == null) == (offset == null)) {
            throw new IllegalArgumentException("say either page or offset");
        }
        OpenTable table = conductor.table(target.id(), target.name()).get();
        long length = request.getLength() < 0 ? BYTES_MAX : request.getLength();
        int kib = reserve(length + (offset == null ? 0 : fetchBytes(table)));
        try {
            byte[] body = Routes.body(request, BYTES_MAX);
            if (body.length == 0) {
                throw new IllegalArgumentException("an empty body: there is nothing to stage");
            }
            if (page != null) {
                verify(table, file, page, body);
                conductor
                        .stagePages(target.id(), target.name(), file, page, ByteBuffer.wrap(body))
                        .get();
            } else {
                // The conductor need not wait for S3 then.
                table.cache().warm(file, orElse(offset, 0), body.length);
                conductor
                        .stageBytes(
                                target.id(),
                                target.name(),
                                file,
                                orElse(offset, 0),
                                ByteBuffer.wrap(body))
                        .get();
            }
            return Routes.Reply.DONE;
        } finally {
            memory.release(kib);
        }
    }

    /** Whole images of one page size, each with the checksum that Aria gives it. */
    private static void verify(OpenTable table, TableFile file, long page, byte[] body) {
        TableGeometry geometry = table.base().geometry();
        int pageBytes = geometry.pageBytes();
        if (body.length % pageBytes != 0) {
            throw new IllegalArgumentException(
                    "%d bytes are no whole number of pages of %d. Nothing was staged"
                            .formatted(body.length, pageBytes));
        }
        Optional<String> problem = PageVerifier.of(geometry).firstProblem(file, page, body);
        if (problem.isPresent()) {
            throw new IllegalArgumentException(problem.get() + ". Nothing was staged");
        }
    }

    Routes.Reply truncate(Target target, String fileKey, Request request) throws Exception {
        TableFile file = TableFile.ofKey(fileKey);
        @Nullable Long bytes = number(Request.extractQueryParameters(request), "bytes");
        if (bytes == null) {
            throw new IllegalArgumentException("say the new length: ?bytes=N");
        }
        conductor.truncate(target.id(), target.name(), file, bytes).get();
        return Routes.Reply.DONE;
    }

    /** What reading one block from S3 takes: the object, and its decoded bytes. */
    private static long fetchBytes(OpenTable table) {
        return 2L * table.base().geometry().blockBytes();
    }

    private int reserve(long bytes) throws InterruptedException {
        int kib = (int) Math.min(KIB_IN_MEMORY, Math.ceilDiv(bytes, 1024L));
        memory.acquire(kib);
        return kib;
    }

    private static long bytes(String name, long pages, int pageBytes) {
        if (pages > Long.MAX_VALUE / pageBytes) {
            throw new IllegalArgumentException(name + "=" + pages + " is more than any file has");
        }
        return pages * pageBytes;
    }

    private static long orElse(@Nullable Long value, long otherwise) {
        return value == null ? otherwise : value;
    }

    private static @Nullable Long number(Fields query, String name) {
        String text = query.getValue(name);
        if (text == null) {
            return null;
        }
        try {
            long value = Long.parseLong(text);
            if (value >= 0) {
                return value;
            }
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException(name + "='" + text + "' is not a number", e);
        }
        throw new IllegalArgumentException(name + "=" + text + " is negative");
    }
}
