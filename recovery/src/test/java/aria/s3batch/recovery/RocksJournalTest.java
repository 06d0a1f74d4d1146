package aria.s3batch.recovery;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import aria.s3batch.format.BatchId;
import aria.s3batch.format.BlockName;
import aria.s3batch.format.TableFile;

import net.jqwik.api.lifecycle.AfterContainer;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rocksdb.Options;
import org.rocksdb.RocksDB;
import org.rocksdb.Statistics;
import org.rocksdb.TickerType;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import java.util.zip.CRC32C;

final class RocksJournalTest extends CommitJournalContract {
    /** Properties run outside of Jupiter, which would give them a directory. */
    private static final List<Path> CREATED = Collections.synchronizedList(new ArrayList<>());

    @TempDir Path dir;

    @Override
    CommitJournal create() throws IOException {
        Path created = Files.createTempDirectory("journal");
        CREATED.add(created);
        return RocksJournal.open(created);
    }

    @Override
    CommitJournal reopen(CommitJournal journal) throws IOException {
        journal.close();
        return RocksJournal.open(CREATED.getLast());
    }

    @AfterAll
    @AfterContainer
    static void deleteJournals() throws IOException {
        for (Path journal : List.copyOf(CREATED)) {
            try (Stream<Path> files = Files.list(journal)) {
                for (Path file : files.toList()) {
                    Files.delete(file);
                }
            }
            Files.delete(journal);
            CREATED.remove(journal);
        }
    }

    @Override
    void assertEmpty(CommitJournal journal) throws IOException {
        assertThat(((RocksJournal) journal).rows()).isZero();
    }

    @Test
    void readerBesideAnOpenJournalSeesWhatItHoldsAndWritesNothing() throws IOException {
        JournalRows rows = JournalRows.random(3);
        try (RocksJournal journal = RocksJournal.open(dir)) {
            journal.commit(rows.batch(), rows.blocks());
            List<Path> files = list();
            try (RocksJournal reader = RocksJournal.openReadOnly(dir)) {
                assertThat(JournalRows.of(reader, reader.batches().getFirst()))
                        .isEqualTo(rows.text());
                assertThatThrownBy(() -> reader.forget(rows.batch().id()))
                        .isInstanceOf(IOException.class);
            }
            assertThat(list()).isEqualTo(files);
            journal.forget(rows.batch().id()); // its owner goes on
            assertThat(journal.rows()).isZero();
        }
    }

    private List<Path> list() throws IOException {
        try (Stream<Path> files = Files.list(dir)) {
            return files.sorted().toList();
        }
    }

    @Test
    void readerOfNoJournalIsRefusedAndCreatesNone() throws IOException {
        Path none = dir.resolve("none");
        assertThatThrownBy(() -> RocksJournal.openReadOnly(none))
                .isInstanceOf(IOException.class)
                .hasMessageContaining(none.toString());
        assertThat(none).doesNotExist();
    }

    @Test
    void secondWriterIsRefusedByTheLock() throws IOException {
        try (RocksJournal journal = RocksJournal.open(dir)) {
            assertThatThrownBy(() -> RocksJournal.open(dir))
                    .isInstanceOf(IOException.class)
                    .isNotInstanceOf(CorruptJournalException.class)
                    .hasMessageContaining(dir.toString());
            assertThat(journal.rows()).isZero();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 5})
    void journalOfAnotherFormatIsRefusedForWhatItIsNotAsDamage(int format) throws Exception {
        RocksJournal.open(dir).close();
        byte[] key = {'F'};
        byte[] value =
                JournalValue.frame(JournalValue.Kind.FORMAT, key, out -> out.writeInt(format));
        try (var options = new Options();
                RocksDB db = RocksDB.open(options, dir.toString())) {
            db.put(key, value);
        }
        for (Opening opening : List.<Opening>of(RocksJournal::open, RocksJournal::openReadOnly)) {
            assertThatThrownBy(() -> opening.open(dir))
                    .isInstanceOf(IOException.class)
                    .isNotInstanceOf(CorruptJournalException.class)
                    .hasMessageContaining("format " + format)
                    .hasMessageContaining("reads 4")
                    .hasMessageContaining("Nothing was changed");
        }
    }

    /** What 0.1.0 wrote before receipts: bytes made by hand, so that no change of ours changes them with it. */
    @Test
    void journalOfTheFormatBeforeIsReadAndGoesOnInThisOne() throws Exception {
        BatchId id = BatchId.of(1_700_000_000_000L, 1, 2);
        byte[] batchKey =
                ByteBuffer.allocate(17)
                        .put((byte) 'B')
                        .putLong(id.high())
                        .putLong(id.low())
                        .array();
        byte[] doneKey =
                ByteBuffer.allocate(23)
                        .put((byte) 'D')
                        .putLong(id.high())
                        .putLong(id.low())
                        .putShort((short) 0)
                        .put("aria".getBytes(StandardCharsets.UTF_8))
                        .array();
        try (var options = new Options().setCreateIfMissing(true);
                RocksDB db = RocksDB.open(options, dir.toString())) {
            db.put(new byte[] {'F'}, firstVersion(4, new byte[] {'F'}, "00000003"));
            // quarantined, at 5, reason "why", not forced, fence, no copy, not rescued, nothing in
            // it
            db.put(
                    batchKey,
                    firstVersion(
                            1,
                            batchKey,
                            "02"
                                    + "0000000000000005"
                                    + "00000003776879"
                                    + "00"
                                    + "01"
                                    + "00000000"
                                    + "00"
                                    + "0000"
                                    + "0000"));
            db.put(doneKey, firstVersion(3, doneKey, "0000000165"));
        }
        try (RocksJournal looking = RocksJournal.openReadOnly(dir)) {
            assertThat(looking.batches()).hasSize(1);
        }
        for (int start = 0; start < 2; start++) {
            try (RocksJournal journal = RocksJournal.open(dir)) {
                BatchRecord batch = journal.batches().getFirst();
                assertThat(batch.reason()).isEqualTo("why");
                assertThat(batch.committedAtMillis()).isEqualTo(5);
                assertThat(batch.user()).isEmpty();
                assertThat(batch.endedAtMillis()).isZero();
                assertThat(journal.objectsDone(id, 0))
                        .isEqualTo(Map.of("aria", DoneObject.of("e")));
                journal.update(batch);
            }
        }
        try (var options = new Options();
                RocksDB db = RocksDB.open(options, dir.toString())) {
            byte[] format = db.get(new byte[] {'F'});
            assertThat(
                            JournalValue.open(JournalValue.Kind.FORMAT, new byte[] {'F'}, format)
                                    .readInt())
                    .isEqualTo(4);
        }
    }

    private static byte[] firstVersion(int kind, byte[] key, String body) {
        byte[] bytes = HexFormat.of().parseHex("a353%02x01".formatted(kind) + body);
        var crc = new CRC32C();
        crc.update(key);
        crc.update(bytes);
        return ByteBuffer.allocate(bytes.length + 4)
                .put(bytes)
                .putInt((int) crc.getValue())
                .array();
    }

    private interface Opening {
        RocksJournal open(Path path) throws IOException;
    }

    /** What a promise rests on survives power loss: RocksDB counts how often it synced its log. */
    @Test
    void everyWriteButThatAnObjectIsDoneIsSyncedBeforeItReturns() throws IOException {
        JournalRows rows = JournalRows.random(4);
        BatchId batch = rows.batch().id();
        var block = new BlockRecord(new BlockName(TableFile.DATA, 1), "etag", PageTable.EMPTY);
        DoneObject done = DoneObject.of("etag");
        try (var statistics = new Statistics();
                RocksJournal journal =
                        RocksJournal.open(
                                dir,
                                true,
                                (options, path) ->
                                        RocksDB.open(options.setStatistics(statistics), path))) {
            assertSyncs(statistics, 1, () -> journal.commit(rows.batch(), rows.blocks()));
            assertSyncs(statistics, 1, () -> journal.setFence(batch, Fence.RISING));
            assertSyncs(statistics, 0, () -> journal.objectDone(batch, 0, "aria", done));
            assertSyncs(statistics, 1, journal::syncDone);
            assertSyncs(statistics, 1, () -> journal.rebase(batch, 0, block));
            assertSyncs(statistics, 1, () -> journal.update(rows.batch()));
            assertSyncs(statistics, 1, () -> journal.forget(batch));
        }
    }

    /** A scan that meets damage must not look like one that met the end: blocks would be left out. */
    @Test
    void damageInTheMiddleOfATableFileIsNotTheEndOfItsRows() throws IOException {
        JournalRows rows = JournalRows.random(4);
        var pages = new PageTable.Builder();
        for (int page = 0; page < 64; page++) {
            pages.add(page, page, page * 0x9E3779B9);
        }
        List<BlockRecord> blocks = new ArrayList<>();
        for (int number = 1; number <= 200; number++) {
            var name = new BlockName(TableFile.DATA, number);
            blocks.add(new BlockRecord(name, "etag", pages.build()));
        }
        BatchId batch = rows.batch().id();
        try (RocksJournal journal = RocksJournal.open(dir)) {
            journal.commit(rows.batch(), Collections.nCopies(rows.batch().tables().size(), blocks));
        }
        RocksJournal.open(dir).close(); // the log becomes a table file
        Path table;
        try (Stream<Path> files = Files.list(dir)) {
            table =
                    files.filter(file -> file.toString().endsWith(".sst"))
                            .findFirst()
                            .orElseThrow();
        }
        byte[] bytes = Files.readAllBytes(table);
        bytes[bytes.length / 2] ^= 1;
        Files.write(table, bytes);
        try (RocksJournal journal = RocksJournal.open(dir)) {
            assertThatThrownBy(
                            () -> {
                                for (int i = 0; i < rows.batch().tables().size(); i++) {
                                    assertThat(journal.blocks(batch, i)).hasSameSizeAs(blocks);
                                }
                            })
                    .isInstanceOf(CorruptJournalException.class);
        }
    }

    private interface JournalCall {
        void run() throws IOException;
    }

    private static void assertSyncs(Statistics statistics, long expected, JournalCall call)
            throws IOException {
        long before = statistics.getTickerCount(TickerType.WAL_FILE_SYNCED);
        call.run();
        assertThat(statistics.getTickerCount(TickerType.WAL_FILE_SYNCED) - before)
                .isEqualTo(expected);
    }

    @Test
    void useAfterCloseIsAnErrorAndNotACrash() throws IOException {
        RocksJournal journal = RocksJournal.open(dir);
        journal.close();
        journal.close();
        BatchId batch = BatchId.of(1, 2, 3);
        assertThatThrownBy(journal::batches).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> journal.forget(batch)).isInstanceOf(IllegalStateException.class);
    }
}
