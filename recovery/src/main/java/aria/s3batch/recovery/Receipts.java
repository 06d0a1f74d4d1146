package aria.s3batch.recovery;

import aria.s3batch.diskcache.Disk;
import aria.s3batch.diskcache.DiskFile;
import aria.s3batch.format.BatchId;
import aria.s3batch.format.ObjectNames;
import aria.s3batch.format.TableName;

import com.fasterxml.jackson.core.JsonEncoding;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Instant;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Receipts of batches that have ended: a file {@code BATCH.json} each, which is there as a whole or not at all.
 * Safe for use by many threads. Nothing here reads them, and nothing is deleted.
 *
 * <pre>
 * receipt       1, the format; more fields may come, none changes its meaning
 * batch         its id
 * state         "APPLIED", or "DISCARDED": given up after it was committed
 * user          who asked for the commit, by the daemon's socket; null: not known
 * endedBy       "daemon": the process that committed it; "recovery": a later one, or `recover`;
 *               "recovery from bucket": another host
 * forced        whether an operator let it overwrite what others had written
 * keepUndo      whether it was to be kept undoable
 * begunAt, committedAt, endedAt      ISO 8601, UTC
 * readers, durability                as in `commit`
 * tables        those that it changed, each: table, rowsBefore, rowsAfter (by the header), objectsWritten,
 *               objectsCreated, objectsDeleted (blocks; 0 of what was discarded before it was written)
 * objects       each: table, object, action ("written", "created", "deleted"; "left" if it was discarded
 *               before), etagBefore, etagAfter, crc32cBefore, crc32cAfter
 * </pre>
 *
 * ETags and checksums (CRC-32C of the object as it is stored, eight hexadecimal digits) are null where nothing
 * was or is. {@code crc32cBefore} is null, too, where the block was not read, or in a compressed table was
 * read before the commit, or a crash lost the note of it. Tables come before objects, so that who wants the
 * summary need not read the rest.
 *
 * <p>A receipt tells, and nothing depends on it. So where the disk does not take one, that is logged and kept
 * for {@link #problem}, and the batch ends all the same.
 */
public final class Receipts {
    private static final Logger log = LoggerFactory.getLogger(Receipts.class);
    private static final JsonFactory JSON = new JsonFactory();

    /** Written to the disk at once. */
    private static final int BUFFER_BYTES = 64 << 10;

    private final Disk disk;
    private final Path dir;
    private volatile boolean made;
    private volatile @Nullable String problem;

    /**
     * @param dir made when it is needed
     */
    public Receipts(Disk disk, Path dir) {
        this.disk = disk;
        this.dir = dir;
    }

    /** Why the last receipt could not be written; empty if it was, or there was none. */
    public Optional<String> problem() {
        return Optional.ofNullable(problem);
    }

    public static Path file(Path dir, BatchId batch) {
        return dir.resolve(batch + ".json");
    }

    /**
     * Writes the receipt of a batch, durable on return unless {@link #problem} says otherwise. May be repeated.
     *
     * @param batch has ended
     * @param journal has not forgotten it
     * @throws IOException the journal cannot be read
     */
    void write(BatchRecord batch, CommitJournal journal) throws IOException {
        assert batch.state() == BatchRecord.State.ENDED : batch.state();
        Path file = file(dir, batch.id());
        Path unfinished = dir.resolve(batch.id() + ".unfinished");
        try {
            onDisk(
                    () -> {
                        makeDirectory();
                        disk.delete(unfinished); // of a process that was killed
                    });
            write(unfinished, batch, journal);
            onDisk(
                    () -> {
                        disk.rename(unfinished, file);
                        disk.syncDirectory(dir);
                    });
            problem = null;
        } catch (DiskFailure e) {
            made = false; // somebody may have moved it away
            problem =
                    "the receipt of batch %s could not be written: %s"
                            .formatted(batch.id(), e.getMessage());
            log.atWarn()
                    .addKeyValue("batch", batch.id())
                    .addKeyValue("file", file)
                    .addKeyValue("cause", e.getMessage())
                    .log("the receipt cannot be written; the batch itself is not touched by that");
        }
    }

    /** A process that made it may have been killed before its name was durable. */
    private void makeDirectory() throws IOException {
        if (made) {
            return;
        }
        disk.createDirectories(dir);
        Path parent = dir.getParent();
        if (parent != null) {
            disk.syncDirectory(parent);
        }
        made = true;
    }

    /** What fails of it is no more than a receipt. */
    private static final class DiskFailure extends IOException {
        private static final long serialVersionUID = 1L;

        DiskFailure(IOException cause) {
            super(cause.getMessage(), cause);
        }
    }

    private interface DiskStep {
        void run() throws IOException;
    }

    private static void onDisk(DiskStep step) throws DiskFailure {
        try {
            step.run();
        } catch (IOException e) {
            throw new DiskFailure(e);
        }
    }

    private void write(Path path, BatchRecord batch, CommitJournal journal) throws IOException {
        var out = new Outgoing(path);
        try (JsonGenerator json = JSON.createGenerator(out, JsonEncoding.UTF8)) {
            json.setPrettyPrinter(
                    new DefaultPrettyPrinter()
                            .withArrayIndenter(new DefaultIndenter("", "\n"))
                            .withObjectIndenter(DefaultPrettyPrinter.NopIndenter.instance));
            new Writing(json, batch, journal).write();
            json.writeRaw('\n');
            json.flush();
            out.sync();
        } finally {
            out.close();
        }
    }

    /** A file that is written from its start to its end. */
    private final class Outgoing extends OutputStream {
        private final DiskFile file;
        private final ByteBuffer buffer = ByteBuffer.allocate(BUFFER_BYTES);
        private long written;

        Outgoing(Path path) throws DiskFailure {
            try {
                file = disk.create(path);
            } catch (IOException e) {
                throw new DiskFailure(e);
            }
        }

        @Override
        public void write(int b) throws IOException {
            write(new byte[] {(byte) b}, 0, 1);
        }

        @Override
        public void write(byte[] bytes, int offset, int length) throws IOException {
            for (int done = 0; done < length; ) {
                int part = Math.min(buffer.remaining(), length - done);
                buffer.put(bytes, offset + done, part);
                done += part;
                if (!buffer.hasRemaining()) {
                    drain();
                }
            }
        }

        private void drain() throws DiskFailure {
            onDisk(
                    () -> {
                        int length = buffer.flip().remaining();
                        file.write(buffer, written);
                        written += length;
                        buffer.clear();
                    });
        }

        void sync() throws DiskFailure {
            drain();
            onDisk(file::sync);
        }

        @Override
        public void close() throws DiskFailure {
            onDisk(file::close);
        }
    }

    /** One receipt, table by table: at no time are the blocks of two tables in memory. */
    private static final class Writing {
        private final JsonGenerator json;
        private final BatchRecord batch;
        private final CommitJournal journal;

        Writing(JsonGenerator json, BatchRecord batch, CommitJournal journal) {
            this.json = json;
            this.batch = batch;
            this.journal = journal;
        }

        void write() throws IOException {
            json.writeStartObject();
            json.writeNumberField("receipt", 1);
            json.writeStringField("batch", batch.id().toString());
            json.writeStringField("state", isDiscarded() ? "DISCARDED" : "APPLIED");
            text("user", batch.user().isEmpty() ? null : batch.user());
            json.writeStringField("endedBy", endedBy());
            json.writeBooleanField("forced", batch.force());
            json.writeBooleanField("keepUndo", batch.keepUndo());
            json.writeStringField("begunAt", batch.id().begunAt().toString());
            json.writeStringField("committedAt", time(batch.committedAtMillis()));
            json.writeStringField("endedAt", time(batch.endedAtMillis()));
            json.writeStringField("readers", batch.readers().word());
            json.writeStringField(
                    "durability", (batch.hasCopy() ? Durability.BUCKET : Durability.LOCAL).word());
            json.writeArrayFieldStart("tables");
            for (int i = 0; i < batch.tables().size(); i++) {
                summary(i);
            }
            json.writeEndArray();
            json.writeArrayFieldStart("objects");
            for (int i = 0; i < batch.tables().size(); i++) {
                objects(i);
            }
            json.writeEndArray();
            json.writeEndObject();
        }

        private boolean isDiscarded() {
            return batch.reason().equals(Applier.DISCARDED);
        }

        private String endedBy() {
            if (batch.rescued()) {
                return "recovery from bucket";
            }
            return batch.recovered() ? "recovery" : "daemon";
        }

        private static String time(long millis) {
            return Instant.ofEpochMilli(millis).toString();
        }

        private void text(String field, @Nullable String value) throws IOException {
            if (value == null) {
                json.writeNullField(field);
            } else {
                json.writeStringField(field, value);
            }
        }

        private void crc(String field, @Nullable Integer crc) throws IOException {
            text(field, crc == null ? null : HexFormat.of().toHexDigits(crc));
        }

        private static String action(TableRecord table, BlockRecord block) {
            if (table.deletes(block)) {
                return "deleted";
            }
            return block.baseEtag() == null ? "created" : "written";
        }

        private void summary(int number) throws IOException {
            TableRecord table = batch.tables().get(number);
            List<BlockRecord> blocks = journal.blocks(batch.id(), number);
            if (!table.headerChanged() && blocks.isEmpty()) {
                return;
            }
            Map<String, DoneObject> done = journal.objectsDone(batch.id(), number);
            int written = 0;
            int created = 0;
            int deleted = 0;
            for (BlockRecord block : blocks) {
                if (done.containsKey(block.block().toString())) {
                    switch (action(table, block)) {
                        case "written" -> written++;
                        case "created" -> created++;
                        default -> deleted++;
                    }
                }
            }
            json.writeStartObject();
            json.writeStringField("table", table.base().table().display());
            json.writeNumberField("rowsBefore", table.base().header().records());
            json.writeNumberField("rowsAfter", table.header().records());
            json.writeNumberField("objectsWritten", written);
            json.writeNumberField("objectsCreated", created);
            json.writeNumberField("objectsDeleted", deleted);
            json.writeEndObject();
        }

        private void objects(int number) throws IOException {
            TableRecord table = batch.tables().get(number);
            List<BlockRecord> blocks = journal.blocks(batch.id(), number);
            if (!table.headerChanged() && blocks.isEmpty()) {
                return;
            }
            TableName name = table.base().table();
            Map<String, DoneObject> done = journal.objectsDone(batch.id(), number);
            for (BlockRecord block : blocks) {
                object(
                        name,
                        block.block().toString(),
                        action(table, block),
                        block.baseEtag(),
                        null,
                        done.get(block.block().toString()));
            }
            if (batch.readers() == Readers.FENCE || table.headerChanged()) {
                object(
                        name,
                        ObjectNames.HEADER,
                        "written",
                        table.base().headerEtag(),
                        Crc32c.of(table.base().header().bytes()),
                        with(done.get(ObjectNames.HEADER), table.header().bytes()));
            }
            DoneObject frm = done.get(DefinitionWork.FRM);
            if (frm != null) { // once for all partitions: the first of them has taken note of it
                for (DefinitionRecord definition : batch.definitions()) {
                    if (definition.table().equals(name.base())) {
                        object(
                                definition.table(),
                                DefinitionWork.FRM,
                                "written",
                                definition.frmEtag(),
                                Crc32c.of(definition.frm()),
                                with(frm, definition.renewed()));
                    }
                }
            }
        }

        private static @Nullable DoneObject with(@Nullable DoneObject done, byte[] body) {
            return done == null ? null : new DoneObject(done.etag(), Crc32c.of(body), null);
        }

        private void object(
                TableName table,
                String object,
                String action,
                @Nullable String etagBefore,
                @Nullable Integer crcBefore,
                @Nullable DoneObject done)
                throws IOException {
            json.writeStartObject();
            json.writeStringField("table", table.display());
            json.writeStringField("object", object);
            json.writeStringField("action", done == null ? "left" : action);
            text("etagBefore", etagBefore);
            text("etagAfter", done == null || done.etag().isEmpty() ? null : done.etag());
            crc("crc32cBefore", crcBefore != null || done == null ? crcBefore : done.baseCrc32c());
            crc("crc32cAfter", done == null ? null : done.crc32c());
            json.writeEndObject();
        }
    }
}
