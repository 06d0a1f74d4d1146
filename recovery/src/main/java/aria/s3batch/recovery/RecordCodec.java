package aria.s3batch.recovery;

import static aria.s3batch.recovery.JournalValue.readBytes;
import static aria.s3batch.recovery.JournalValue.readText;
import static aria.s3batch.recovery.JournalValue.writeBytes;
import static aria.s3batch.recovery.JournalValue.writeText;

import aria.s3batch.format.AriaHeader;
import aria.s3batch.format.BatchId;
import aria.s3batch.format.BlockName;
import aria.s3batch.format.TableName;
import aria.s3batch.s3block.BaseTable;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToIntFunction;

/**
 * Bodies of journal values. Big-endian; {@code bytes} and {@code text} are a u32 length, then so many
 * bytes (text in UTF-8). Of what is {@code [2: ...]} a value of version 1 has
 * nothing (format 3), and so on.
 *
 * <pre>
 * batch:  u8 state, u64 committedAtMillis, text reason, u8 force, u8 readers,
 *         text copy in the bucket, u8 rescued,
 *         [2: text user, u64 endedAtMillis, u8 recovered,] [3: u8 keepUndo,]
 *         u16 definitions, then each: text database, text table, bytes frm, text its ETag,
 *         bytes new version (16, or none),
 *         u16 tables, then each: text database, text table, bytes base header, text its ETag,
 *         bytes new header, then for index and data: u64 baseBytes, u64 keptBytes, u64 bytes
 * block:  u8 whether a base ETag follows, text base ETag, u32 pages, then each page:
 *         u16 page in block, u32 slot, u32 CRC-32C
 * done:   text ETag, [2: u8 1 if there is a CRC-32C of what was written, plus 2 if of what was replaced,
 *         u32 the one, u32 the other; 0 where there is none]
 * fence:  u8 0 down, 1 rising, 2 up
 * format: u32 4
 * </pre>
 */
final class RecordCodec {
    private RecordCodec() {}

    static void write(BatchRecord batch, DataOutputStream out) throws IOException {
        out.writeByte(batch.state().code());
        out.writeLong(batch.committedAtMillis());
        writeText(out, batch.reason());
        out.writeBoolean(batch.force());
        out.writeByte(batch.readers().code());
        writeText(out, batch.copy());
        out.writeBoolean(batch.rescued());
        writeText(out, batch.user());
        out.writeLong(batch.endedAtMillis());
        out.writeBoolean(batch.recovered());
        out.writeBoolean(batch.keepUndo());
        out.writeShort(batch.definitions().size());
        for (DefinitionRecord definition : batch.definitions()) {
            write(definition.table(), out);
            writeBytes(out, definition.frm());
            writeText(out, definition.frmEtag());
            writeBytes(out, definition.version());
        }
        out.writeShort(batch.tables().size());
        for (TableRecord table : batch.tables()) {
            BaseTable base = table.base();
            write(base.table(), out);
            writeBytes(out, base.header().bytes());
            writeText(out, base.headerEtag());
            writeBytes(out, table.header().bytes());
            write(table.index(), out);
            write(table.data(), out);
        }
    }

    /**
     * @param in at the batch, in a value of the version of which its kind is
     */
    static BatchRecord readBatch(BatchId id, JournalValue.Opened in) throws IOException {
        BatchRecord.State state =
                ofCode(BatchRecord.State.values(), BatchRecord.State::code, in, "batch state");
        long committedAtMillis = in.readLong();
        String reason = readText(in);
        boolean force = in.readBoolean();
        Readers readers = ofCode(Readers.values(), Readers::code, in, "readers");
        String copy = readText(in);
        boolean rescued = in.readBoolean();
        boolean receipted = in.version() >= 2;
        String user = receipted ? readText(in) : "";
        long endedAtMillis = receipted ? in.readLong() : 0;
        boolean recovered = receipted && in.readBoolean();
        boolean keepUndo = in.version() >= 3 && in.readBoolean();
        int definitionCount = in.readUnsignedShort();
        Map<TableName, DefinitionRecord> definitions = new LinkedHashMap<>();
        for (int i = 0; i < definitionCount; i++) {
            TableName name = readName(in);
            definitions.put(
                    name, new DefinitionRecord(name, readBytes(in), readText(in), readBytes(in)));
        }
        int tableCount = in.readUnsignedShort();
        List<TableRecord> tables = new ArrayList<>(tableCount);
        for (int i = 0; i < tableCount; i++) {
            TableName name = readName(in);
            DefinitionRecord definition = definitions.get(name.base());
            if (definition == null) {
                throw new IOException("no definition of " + name.path());
            }
            String place = "journaled header of " + name.path();
            AriaHeader baseHeader = AriaHeader.parse(readBytes(in), place);
            String headerEtag = readText(in);
            AriaHeader header = AriaHeader.parse(readBytes(in), place);
            tables.add(
                    new TableRecord(
                            new BaseTable(
                                    name,
                                    baseHeader,
                                    headerEtag,
                                    definition.frm(),
                                    definition.frmEtag()),
                            header,
                            readLengths(in),
                            readLengths(in)));
        }
        return new BatchRecord(
                id,
                state,
                committedAtMillis,
                user,
                reason,
                force,
                readers,
                copy,
                rescued,
                endedAtMillis,
                recovered,
                keepUndo,
                List.copyOf(definitions.values()),
                tables);
    }

    private static <T> T ofCode(
            T[] values, ToIntFunction<T> codeOf, DataInputStream in, String what)
            throws IOException {
        int code = in.readUnsignedByte();
        for (T value : values) {
            if (codeOf.applyAsInt(value) == code) {
                return value;
            }
        }
        throw new IOException(what + " " + code);
    }

    static Fence readFence(DataInputStream in) throws IOException {
        return ofCode(Fence.values(), Fence::code, in, "fence");
    }

    private static void write(TableName name, DataOutputStream out) throws IOException {
        writeText(out, name.database());
        writeText(out, name.table());
    }

    private static TableName readName(DataInputStream in) throws IOException {
        return new TableName(readText(in), readText(in));
    }

    private static void write(FileLengths lengths, DataOutputStream out) throws IOException {
        out.writeLong(lengths.baseBytes());
        out.writeLong(lengths.keptBytes());
        out.writeLong(lengths.bytes());
    }

    private static FileLengths readLengths(DataInputStream in) throws IOException {
        return new FileLengths(in.readLong(), in.readLong(), in.readLong());
    }

    static void write(DoneObject done, DataOutputStream out) throws IOException {
        Integer crc = done.crc32c();
        Integer baseCrc = done.baseCrc32c();
        writeText(out, done.etag());
        out.writeByte((crc == null ? 0 : 1) + (baseCrc == null ? 0 : 2));
        out.writeInt(crc == null ? 0 : crc);
        out.writeInt(baseCrc == null ? 0 : baseCrc);
    }

    static DoneObject readDone(JournalValue.Opened in) throws IOException {
        String etag = readText(in);
        if (in.version() < 2) {
            return DoneObject.of(etag);
        }
        int there = in.readUnsignedByte();
        int crc = in.readInt();
        int baseCrc = in.readInt();
        return new DoneObject(
                etag, (there & 1) == 0 ? null : crc, (there & 2) == 0 ? null : baseCrc);
    }

    static void write(BlockRecord block, DataOutputStream out) throws IOException {
        String etag = block.baseEtag();
        out.writeBoolean(etag != null);
        writeText(out, etag == null ? "" : etag);
        PageTable pages = block.pages();
        out.writeInt(pages.size());
        for (int i = 0; i < pages.size(); i++) {
            out.writeShort(pages.pageInBlock(i));
            out.writeInt(pages.slot(i));
            out.writeInt(pages.crc32c(i));
        }
    }

    static BlockRecord readBlock(BlockName name, DataInputStream in) throws IOException {
        boolean hasBase = in.readBoolean();
        String etag = readText(in);
        int count = in.readInt();
        var pages = new PageTable.Builder();
        for (int i = 0; i < count; i++) {
            pages.add(in.readUnsignedShort(), in.readInt(), in.readInt());
        }
        return new BlockRecord(name, hasBase ? etag : null, pages.build());
    }
}
