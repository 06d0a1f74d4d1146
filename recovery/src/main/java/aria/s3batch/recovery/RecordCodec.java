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
import java.util.List;

/**
 * Bodies of journal values. Big-endian; {@code bytes} and {@code text} are a u32 length, then so many
 * bytes (text in UTF-8). Since format 1.
 *
 * <pre>
 * batch:  u8 state, u64 committedAtMillis, text reason, u8 force, u16 tables, then each table:
 *         text database, text table, bytes base header, text its ETag, bytes frm, text its ETag,
 *         bytes new header, then for index and data: u64 baseBytes, u64 keptBytes, u64 bytes
 * block:  u8 whether a base ETag follows, text base ETag, u32 pages, then each page:
 *         u16 page in block, u32 slot, u32 CRC-32C
 * done:   text ETag
 * format: u32 1
 * </pre>
 */
final class RecordCodec {
    private RecordCodec() {}

    static void write(BatchRecord batch, DataOutputStream out) throws IOException {
        out.writeByte(batch.state().code());
        out.writeLong(batch.committedAtMillis());
        writeText(out, batch.reason());
        out.writeBoolean(batch.force());
        out.writeShort(batch.tables().size());
        for (TableRecord table : batch.tables()) {
            BaseTable base = table.base();
            writeText(out, base.table().database());
            writeText(out, base.table().table());
            writeBytes(out, base.header().bytes());
            writeText(out, base.headerEtag());
            writeBytes(out, base.frm());
            writeText(out, base.frmEtag());
            writeBytes(out, table.header().bytes());
            write(table.index(), out);
            write(table.data(), out);
        }
    }

    static BatchRecord readBatch(BatchId id, DataInputStream in) throws IOException {
        int code = in.readUnsignedByte();
        BatchRecord.State state = null;
        for (BatchRecord.State known : BatchRecord.State.values()) {
            state = known.code() == code ? known : state;
        }
        if (state == null) {
            throw new IOException("batch state " + code);
        }
        long committedAtMillis = in.readLong();
        String reason = readText(in);
        boolean force = in.readBoolean();
        int count = in.readUnsignedShort();
        List<TableRecord> tables = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            var name = new TableName(readText(in), readText(in));
            String place = "journaled header of " + name.path();
            AriaHeader baseHeader = AriaHeader.parse(readBytes(in), place);
            String headerEtag = readText(in);
            byte[] frm = readBytes(in);
            String frmEtag = readText(in);
            AriaHeader header = AriaHeader.parse(readBytes(in), place);
            tables.add(
                    new TableRecord(
                            new BaseTable(name, baseHeader, headerEtag, frm, frmEtag),
                            header,
                            readLengths(in),
                            readLengths(in)));
        }
        return new BatchRecord(id, state, committedAtMillis, reason, force, tables);
    }

    private static void write(FileLengths lengths, DataOutputStream out) throws IOException {
        out.writeLong(lengths.baseBytes());
        out.writeLong(lengths.keptBytes());
        out.writeLong(lengths.bytes());
    }

    private static FileLengths readLengths(DataInputStream in) throws IOException {
        return new FileLengths(in.readLong(), in.readLong(), in.readLong());
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
