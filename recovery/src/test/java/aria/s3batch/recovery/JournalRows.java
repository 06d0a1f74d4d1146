package aria.s3batch.recovery;

import aria.s3batch.format.BatchId;
import aria.s3batch.format.BlockName;
import aria.s3batch.format.Fixture;
import aria.s3batch.format.HeaderField;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;
import aria.s3batch.s3block.BaseTable;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.TreeSet;

/** Batches as a journal gets them, made of a seed, and a text in which two equal ones are equal. */
record JournalRows(BatchRecord batch, List<List<BlockRecord>> blocks) {
    private static final Fixture MODEL = Fixture.of("plain");

    static JournalRows random(long seed) {
        var random = new Random(seed);
        var id = BatchId.of(random.nextInt(1_000_000), random.nextLong(), random.nextLong());
        List<TableRecord> tables = new ArrayList<>();
        List<List<BlockRecord>> blocks = new ArrayList<>();
        List<DefinitionRecord> definitions = new ArrayList<>();
        int count = 1 + random.nextInt(3);
        for (int i = 0; i < count; i++) {
            DefinitionRecord definition = definition(random, i);
            definitions.add(definition);
            tables.add(table(random, definition));
            blocks.add(blocks(random));
        }
        var states = BatchRecord.State.values();
        var readers = Readers.values();
        return new JournalRows(
                new BatchRecord(
                        id,
                        states[random.nextInt(states.length)],
                        random.nextLong(),
                        random.nextBoolean() ? "" : "alice",
                        random.nextBoolean() ? "" : "ein Gründ \n with 'quotes' " + seed,
                        random.nextBoolean(),
                        readers[random.nextInt(readers.length)],
                        random.nextBoolean() ? "" : "00112233445566" + (10 + random.nextInt(89)),
                        random.nextBoolean(),
                        random.nextLong(),
                        random.nextBoolean(),
                        random.nextBoolean(),
                        definitions,
                        tables),
                blocks);
    }

    private static DefinitionRecord definition(Random random, int number) {
        byte[] frm = new byte[random.nextInt(3000)];
        random.nextBytes(frm);
        byte[] version = new byte[random.nextBoolean() ? 16 : 0];
        random.nextBytes(version);
        return new DefinitionRecord(
                new TableName("db" + number, "sp@002d@0k@0020x"),
                frm,
                "\"W/" + random.nextInt(),
                version);
    }

    private static TableRecord table(Random random, DefinitionRecord definition) {
        var base = MODEL.headerBefore(MODEL.table());
        TableName table = definition.table();
        return new TableRecord(
                new BaseTable(
                        new TableName(table.database(), table.table() + "#P#p" + random.nextInt(9)),
                        base,
                        "etag-" + random.nextInt(),
                        definition.frm(),
                        definition.frmEtag()),
                base.with(HeaderField.RECORDS, random.nextInt(1 << 30)),
                lengths(random),
                lengths(random));
    }

    private static FileLengths lengths(Random random) {
        long base = random.nextLong(1L << 50);
        long kept = random.nextLong(base + 1);
        return new FileLengths(base, kept, kept + random.nextLong(1L << 50));
    }

    private static List<BlockRecord> blocks(Random random) {
        var names = new TreeSet<BlockName>();
        int count = random.nextInt(20);
        for (int i = 0; i < count; i++) {
            TableFile file = random.nextBoolean() ? TableFile.INDEX : TableFile.DATA;
            names.add(new BlockName(file, 1 + random.nextLong(1L << random.nextInt(1, 40))));
        }
        List<BlockRecord> blocks = new ArrayList<>();
        for (BlockName name : names) {
            var pages = new PageTable.Builder();
            for (int page = random.nextInt(5);
                    page < 16384 && random.nextInt(40) > 0;
                    page += 1 + random.nextInt(300)) {
                pages.add(page, random.nextInt(1 << 30), random.nextInt());
            }
            String etag = random.nextInt(3) == 0 ? null : "etag-" + random.nextInt();
            blocks.add(new BlockRecord(name, etag, pages.build()));
        }
        return blocks;
    }

    /** What a journal holds of a batch. */
    static String of(CommitJournal journal, BatchRecord batch) throws IOException {
        List<List<BlockRecord>> blocks = new ArrayList<>();
        for (int i = 0; i < batch.tables().size(); i++) {
            blocks.add(journal.blocks(batch.id(), i));
        }
        return new JournalRows(batch, blocks).text();
    }

    String text() throws IOException {
        var bytes = new ByteArrayOutputStream();
        var out = new DataOutputStream(bytes);
        RecordCodec.write(batch, out);
        var text =
                new StringBuilder(batch.id() + " " + HexFormat.of().formatHex(bytes.toByteArray()));
        for (List<BlockRecord> table : blocks) {
            text.append("\ntable");
            for (BlockRecord block : table) {
                bytes.reset();
                RecordCodec.write(block, out);
                text.append("\n  ").append(block.block()).append(' ');
                text.append(HexFormat.of().formatHex(bytes.toByteArray()));
            }
        }
        return text.toString();
    }
}
